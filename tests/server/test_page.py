"""The talking page in real Chromium: typed text is seen and heard, interruptions stop it, nothing is asked outside."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


pytest.importorskip("aiortc", reason="the server is an extra: pip install '.[serve]'")
pytest.importorskip("playwright", reason="playwright drives the browser: pip install '.[test]'")

from playwright.sync_api import Browser, Page, expect, sync_playwright
from served import served


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 120_000  # milliseconds: busy machines are slow
TOKEN = "a secret"
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

# The face in numbers.
FACE = """(face) => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 64, height: 64});
  canvas.getContext("2d").drawImage(face, 0, 0, 64, 64);
  return canvas.getContext("2d").getImageData(0, 0, 64, 64).data.join();
}"""


@pytest.fixture(scope="module")
def address(astronaut: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    options = ("--max-size", "400", "--token", TOKEN)
    with served(astronaut, tmp_path_factory.mktemp("server"), *options) as server:
        yield server.address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    options = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        yield chromium
        chromium.close()


@pytest.fixture
def page(address: str, browser: Browser) -> Iterator[Page]:
    problems: list[str] = []
    context = browser.new_context(permissions=["microphone"])
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    opened.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    ours = (address.split("?")[0], "data:", "blob:")
    opened.on("request", lambda sent: None if sent.url.startswith(ours) else problems.append(sent.url))
    yield opened
    context.close()
    assert not problems


def said(page: Page, status: str) -> None:
    """Wait until the page showed a status, however briefly."""
    page.wait_for_function("status => told.some((said) => said.includes(status))", arg=status, timeout=PATIENCE)


def lives(page: Page, element: str) -> None:
    """Wait until the face moves."""
    first = page.evaluate(f"() => ({FACE})({element})")
    page.wait_for_function(f"first => ({FACE})({element}) !== first", arg=first, timeout=PATIENCE)


def test_a_visitor_types_and_interrupts(page: Page, address: str) -> None:
    page.goto(address)
    status = page.locator("#status")
    expect(status).to_have_text("Ready.", timeout=PATIENCE)
    expect(page.locator("#label")).to_be_visible()
    page.wait_for_function("() => document.getElementById('face').width > 350", timeout=PATIENCE)
    lives(page, "document.getElementById('face')")
    expect(page.locator("#delay")).to_contain_text("frames a second", timeout=PATIENCE)
    expect(page.locator("#delay")).to_contain_text("s late")
    page.evaluate(WATCH)
    page.get_by_label("What the face says").fill("one two three four five six seven eight " * 5)
    page.keyboard.press("Enter")
    said(page, "Speaking.")
    page.wait_for_function("() => noted.some(({loud}) => loud > 0.05)", timeout=PATIENCE)
    late = page.evaluate("() => Math.max(...noted.map(({late}) => late))")
    assert 0 < late < 1.5  # a busy machine sends late what it draws late
    page.get_by_role("button", name="Stop").click()
    expect(status).to_contain_text("Stopped after", timeout=PATIENCE)
    page.evaluate("() => { noted.length = 0; }")
    page.wait_for_timeout(2000)
    assert page.evaluate("() => noted.every(({loud}) => loud === 0)")  # what was under way is not heard, either


def test_phrases_and_the_microphone(page: Page, address: str) -> None:
    page.goto(address)
    status = page.locator("#status")
    expect(status).to_have_text("Ready.", timeout=PATIENCE)
    page.evaluate(WATCH)
    page.get_by_label("What the face says").fill("See you soon.")
    page.get_by_role("button", name="Save phrase").click()
    page.get_by_role("button", name="See you soon.").click()
    said(page, "Speaking.")
    said(page, "Ready.")
    page.evaluate("() => { told.length = 0; }")
    page.get_by_role("button", name="Speak").click()  # Chromium's fake microphone beeps
    said(page, "Speaking.")
    expect(page.get_by_role("button", name="Speak")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Speak").click()
    expect(page.get_by_role("button", name="Speak")).to_have_attribute("aria-pressed", "false")


def test_a_call_by_webrtc(page: Page, address: str) -> None:
    """Picture and sound come as a video; what is typed is said, and can be stopped."""
    page.goto(f"{address}&call")
    status = page.locator("#status")
    expect(status).to_have_text("Ready.", timeout=PATIENCE)
    page.wait_for_function("() => document.getElementById('video').videoWidth > 350", timeout=PATIENCE)
    lives(page, "document.getElementById('video')")
    expect(page.locator("#delay")).to_contain_text("s late", timeout=PATIENCE)
    page.evaluate(WATCH)
    page.evaluate("""() => {
      const context = new AudioContext(), ear = context.createAnalyser();
      context.createMediaStreamSource(document.getElementById("video").srcObject).connect(ear);
      const heard = new Float32Array(ear.fftSize);
      window.loudest = 0;
      setInterval(() => {
        ear.getFloatTimeDomainData(heard);
        window.loudest = Math.max(window.loudest, ...heard);
      }, 30);
    }""")
    page.get_by_label("What the face says").fill("one two three four five six seven eight " * 5)
    page.keyboard.press("Enter")
    said(page, "Speaking.")
    page.wait_for_function("() => loudest > 0.05", timeout=PATIENCE)
    page.get_by_role("button", name="Stop").click()
    said(page, "Stopped after")


def test_in_a_call_what_is_ahead_waits(page: Page, address: str) -> None:
    """The image is ahead by 400 ms, then behind by 400 ms; a browser that does not know changes nothing."""
    page.goto(address)
    waits = page.evaluate("""async () => {
      const {Call} = await import("/call.js"), receivers = [{track: {kind: "video"}}, {track: {kind: "audio"}}];
      const call = Object.assign(Object.create(Call.prototype), {connection: {getReceivers: () => receivers}});
      const noted = [], align = (video, audio) => {
        call.align({estimatedPlayoutTimestamp: video}, {estimatedPlayoutTimestamp: audio});
        noted.push(receivers.map(({jitterBufferTarget}) => jitterBufferTarget));
      };
      call.wait(0);
      align(undefined, 1000);
      for (const time of [1400, 1400, 600, 600, 600]) align(time, 1000);
      return noted;
    }""")
    assert waits == [[200, 200], [300, 200], [400, 200], [300, 200], [200, 200], [200, 300]]


def test_the_face_alone_for_a_browser_source(page: Page, address: str) -> None:
    page.goto(f"{address}&bare")
    page.wait_for_function("() => document.getElementById('face').width > 350", timeout=PATIENCE)
    for hidden in ("#status", "#delay", "form"):
        expect(page.locator(hidden)).to_be_hidden()


def test_a_remote_speaks_through_the_face_alone(page: Page, address: str) -> None:
    """Two pages of one browser, as a dock and a source of OBS are."""
    page.goto(f"{address}&bare")
    page.wait_for_function("() => document.getElementById('face').width > 350", timeout=PATIENCE)
    page.evaluate(WATCH)
    remote = page.context.new_page()
    remote.goto(f"{address}&remote")
    expect(remote.locator("main")).to_be_hidden()
    remote.get_by_label("What the face says").fill("one two three " * 10)
    remote.keyboard.press("Enter")
    said(page, "Speaking.")
    remote.get_by_role("button", name="Stop").click()
    said(page, "Stopped after")


def test_without_its_token_nobody_is_there(browser: Browser, address: str) -> None:
    """The page itself is no secret; in a context of its own, as Chromium's console tells of the refusal, too."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address.split("?")[0])
        expect(page.locator("#status")).to_contain_text("The conversation is over", timeout=PATIENCE)


def test_a_server_that_dies_is_told(browser: Browser, astronaut: Path, tmp_path: Path) -> None:
    with served(astronaut, tmp_path, "--max-size", "400") as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(server.address)
        expect(page.locator("#status")).to_have_text("Ready.", timeout=PATIENCE)
        server.process.kill()
        expect(page.locator("#status")).to_have_text(
            "The conversation is over (1006). Reload the page to start another.", timeout=PATIENCE
        )
