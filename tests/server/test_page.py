"""The talking page in real Chromium: typed text is seen and heard, interruptions stop it, nothing is asked outside."""

import shutil
import threading
import time
from collections.abc import Iterator

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

# What the page plays and says, noted by the page itself: how loud, how late, and each status it showed.
WATCH = """() => {
  window.noted = [];
  window.told = [];
  const play = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (when) {
    const loud = this.buffer.getChannelData(0).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    window.noted.push({loud, late: when - this.context.currentTime});
    return play.call(this, when);
  };
  const status = document.getElementById("status");
  new MutationObserver(() => window.told.push(status.textContent)).observe(status, {childList: true});
}"""

# The face in numbers. All pixels would keep Python, and so the server beside it, busy for seconds.
FACE = """() => {
  const face = document.getElementById("face");
  const pixels = face.getContext("2d").getImageData(0, 0, face.width, face.height).data;
  return pixels.filter((_, place) => place % 997 === 0).join();
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


def said(page: Page, status: str) -> None:
    """Wait until the page showed a status, however briefly."""
    page.wait_for_function("status => told.includes(status)", arg=status, timeout=PATIENCE)


def test_a_visitor_types_and_interrupts(page: Page) -> None:
    status = page.locator("#status")
    expect(status).to_have_text("Ready.", timeout=PATIENCE)
    expect(page.locator("#label")).to_be_visible()
    page.wait_for_function("() => document.getElementById('face').width > 350", timeout=PATIENCE)
    first = page.evaluate(FACE)
    page.wait_for_function(f"first => ({FACE})() !== first", arg=first, timeout=PATIENCE)  # it lives
    page.evaluate(WATCH)
    page.get_by_label("What the face says").fill("one two three four five six seven eight " * 5)
    page.keyboard.press("Enter")
    said(page, "Speaking.")
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
    page.evaluate(WATCH)
    page.get_by_label("What the face says").fill("See you soon.")
    page.get_by_role("button", name="Keep phrase").click()
    page.get_by_role("button", name="See you soon.").click()
    said(page, "Speaking.")
    said(page, "Ready.")
    page.evaluate("() => { told.length = 0; }")
    page.get_by_role("button", name="Speak").click()  # Chromium's fake microphone beeps
    said(page, "Speaking.")
    expect(page.get_by_role("button", name="Speak")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Speak").click()
    expect(page.get_by_role("button", name="Speak")).to_have_attribute("aria-pressed", "false")
