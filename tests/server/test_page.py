"""The talking page in real Chromium: typed text is seen and heard, interruptions stop it, nothing is asked outside."""

import shutil
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from media_files import speech


pytest.importorskip("aiortc", reason="the server is an extra: pip install '.[serve]'")
pytest.importorskip("playwright", reason="playwright drives the browser: pip install '.[test]'")

import uvicorn
from playwright.sync_api import Page, expect, sync_playwright

from dirfa_pipeline import AudioClip, DirfaPipeline
from dirfa_pipeline.commands.serve import prepare_faces
from dirfa_pipeline.server.app import build_app
from dirfa_pipeline.server.house import House


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 120_000  # milliseconds: busy machines are slow
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: `make browser` as root, or apt-get install chromium"),
]

# What is played and shown, noted by the page itself: loudness of the sound, and the mouth's part of the picture.
WATCH = """() => {
  window.noted = [];
  const play = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (when) {
    const loud = this.buffer.getChannelData(0).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    window.noted.push({loud, late: when - this.context.currentTime});
    return play.call(this, when);
  };
}"""


class Voice:
    """Long enough to be interrupted."""

    def speak(self, text: str) -> Iterator[AudioClip]:
        for _ in text.split():
            yield speech(0.3, 24_000)


@pytest.fixture(scope="module")
def address(astronaut: object) -> Iterator[str]:
    pipeline = DirfaPipeline.from_pretrained()
    pipeline.set_progress_bar_config(disable=True)
    house = House(pipeline, prepare_faces(pipeline, [str(astronaut)], 400), Voice())
    server = uvicorn.Server(uvicorn.Config(build_app(house), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(60)


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    problems: list[str] = []
    options = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        context = browser.new_context(permissions=["microphone"])
        context.set_default_timeout(PATIENCE)
        opened = context.new_page()
        opened.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        opened.on("pageerror", lambda error: problems.append(str(error)))
        ours = (address, "data:", "blob:")
        opened.on("request", lambda sent: None if sent.url.startswith(ours) else problems.append(sent.url))
        opened.goto(address)
        yield opened
        browser.close()
    assert not problems


def canvas(page: Page) -> np.ndarray:
    """The face, `(height, width, 4)`."""
    pixels = page.evaluate(
        "() => { const face = document.getElementById('face');"
        " return [face.width, face.height,"
        " [...face.getContext('2d').getImageData(0, 0, face.width, face.height).data]]; }"
    )
    width, height, values = pixels
    return np.array(values, np.int16).reshape(height, width, 4)


def test_a_visitor_types_and_interrupts(page: Page) -> None:
    status = page.locator("#status")
    expect(status).to_have_text("Ready.", timeout=PATIENCE)
    expect(page.locator("#label")).to_be_visible()
    page.wait_for_function("() => document.getElementById('face').width > 350", timeout=PATIENCE)
    first = canvas(page)
    page.wait_for_timeout(3000)
    assert (canvas(page) != first).any()  # it lives
    page.evaluate(WATCH)
    page.get_by_label("What the face says").fill("one two three four five six seven eight")
    page.keyboard.press("Enter")
    expect(status).to_have_text("Speaking.", timeout=PATIENCE)
    page.wait_for_function("() => noted.some(({loud}) => loud > 0.05)", timeout=PATIENCE)
    late = page.evaluate("() => Math.max(...noted.map(({late}) => late))")
    assert 0 < late < 1.5  # a busy machine sends late what it draws late
    page.get_by_role("button", name="Stop").click()
    expect(status).to_contain_text("Stopped after", timeout=PATIENCE)
    page.wait_for_timeout(1500)
    page.evaluate("() => { noted.length = 0; }")
    page.wait_for_timeout(1500)
    assert page.evaluate("() => noted.every(({loud}) => loud === 0)")


def test_phrases_and_the_microphone(page: Page) -> None:
    status = page.locator("#status")
    expect(status).to_have_text("Ready.", timeout=PATIENCE)
    page.get_by_label("What the face says").fill("See you soon.")
    page.get_by_role("button", name="Keep phrase").click()
    page.get_by_role("button", name="See you soon.").click()
    expect(status).to_have_text("Speaking.", timeout=PATIENCE)
    expect(status).to_have_text("Ready.", timeout=PATIENCE)
    page.get_by_role("button", name="Speak").click()  # Chromium's fake microphone beeps
    expect(status).to_have_text("Speaking.", timeout=PATIENCE)
    expect(page.get_by_role("button", name="Speak")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Speak").click()
    expect(page.get_by_role("button", name="Speak")).to_have_attribute("aria-pressed", "false")
