"""The demo page in real Chromium: what a visitor sees, hears and gets."""

import re
import shutil
import socket
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from urllib.request import urlopen
from zipfile import ZipFile

import av
import numpy as np
import pytest
import soundfile
from PIL import Image


pytest.importorskip("gradio", reason="the demo is an extra: pip install '.[app]'")
pytest.importorskip("playwright", reason="playwright drives the browser: pip install '.[test]'")

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect, sync_playwright

from dirfa_pipeline import Animation, DirfaPipeline
from dirfa_pipeline.demo import build_demo, launch_options
from dirfa_pipeline.demo.api import ADDRESS, HELP


EXAMPLES = Path(__file__).parents[2] / "dirfa_pipeline" / "examples"
PHONE = {"width": 390, "height": 844}
SECONDS = 1.5
PATIENCE = 120_000  # milliseconds: busy machines are slow
TRIES, SETTLING = 5, 300  # to type a value, and milliseconds after which it is still there
expect.set_options(timeout=PATIENCE)

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: `make browser` as root, or apt-get install chromium"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page on the shipped weights; the server may talk to this machine alone."""
    outside: list[object] = []
    connect = socket.socket.connect

    def watched(self: socket.socket, target: object) -> None:
        if self.family != socket.AF_UNIX and target[0] not in ("127.0.0.1", "::1", "localhost"):
            outside.append(target)
        return connect(self, target)

    patch = pytest.MonkeyPatch()
    patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("uploads")))
    patch.setattr(socket.socket, "connect", watched)
    demo = build_demo(DirfaPipeline.from_pretrained()).queue()
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", **launch_options())
    yield url.rstrip("/")
    demo.close()
    patch.undo()
    assert not outside


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(driver: Playwright) -> Iterator[Browser]:
    options = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    chromium = driver.chromium.launch(executable_path=CHROMIUM, args=options)
    yield chromium
    chromium.close()


Visit = Callable[..., Page]


def is_problem(said: ConsoleMessage) -> bool:
    """Whether the page complains; the 3D viewer tries WebGPU before WebGL, and this Chromium has none."""
    return said.type == "error" and "during WebGPU creation" not in said.text


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """Opens the page as a new visitor; afterwards the console must be clean and nothing asked of other machines."""
    yield from visits(browser, address)


@pytest.fixture
def visit_with_webgl(driver: Playwright, address: str) -> Iterator[Visit]:
    """The same in a Chromium that draws WebGL without a graphics card, which slows all else down."""
    options = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    chromium = driver.chromium.launch(executable_path=CHROMIUM, args=options)
    yield from visits(chromium, address)
    chromium.close()


def visits(browser: Browser, address: str) -> Iterator[Visit]:
    """What both kinds of visit share."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def note(page: Page) -> None:
        page.on("console", lambda said: problems.append(said.text) if is_problem(said) else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda sent: None if sent.url.startswith(OURS) else problems.append(sent.url))

    OURS = (address, "data:", "blob:")

    def open_page(**options: object) -> Page:
        contexts.append(browser.new_context(permissions=["microphone"], **options))
        contexts[-1].set_default_timeout(PATIENCE)
        page = contexts[-1].new_page()
        note(page)
        page.goto(address)
        page.get_by_role("button", name="Generate").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not problems


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the example's speech."""
    samples, rate = soundfile.read(EXAMPLES / "speech.flac")
    path = tmp_path_factory.mktemp("clip") / "short.wav"
    soundfile.write(path, samples[: round(SECONDS * rate)], rate)
    return path


def upload(page: Page, photo: Path, speech: Path, size: int = 384) -> None:
    """Fill in photo, speech and a small size."""
    panel = page.get_by_role("tabpanel").first
    panel.locator("input[type=file]").nth(0).set_input_files(photo)
    panel.locator("input[type=file]").nth(1).set_input_files(speech)
    panel.locator("audio, [aria-label='Play']").first.wait_for(state="attached")
    choose(page, "Longest side in pixels", size)


def choose(page: Page, label: str, value: float) -> None:
    """Type a value into the number box of a slider or a number field."""
    box = page.get_by_role("spinbutton", name=label)
    if not box.is_visible():
        page.get_by_role("button", name="Video").click()
    for _ in range(TRIES):  # a section that opens on a busy machine may write its first values over what is typed
        box.fill(str(value))
        box.press("Tab")
        page.wait_for_timeout(SETTLING)
        if box.input_value() == str(value):
            return
    raise AssertionError(f"{label} stays {box.input_value()}")


def pictures(videos: list[bytes]) -> list[bytes]:
    """The pictures of videos: their credentials name the time at which they were signed."""
    decoded = []
    for video in videos:
        with av.open(BytesIO(video)) as container:
            decoded.append(b"".join(frame.to_ndarray().tobytes() for frame in container.decode(video=0)))
    return decoded


def generate(page: Page) -> list[bytes]:
    """Press the button and wait; returns the videos that the page plays."""
    page.get_by_role("button", name="Generate").click()
    page.locator("#status progress, #status [role=alert]").wait_for()
    page.locator("#status [role=status], #status [role=alert]").wait_for()
    expect(page.locator("#status")).to_contain_text("Done")
    page.wait_for_function("[...document.querySelectorAll('.take video')].every(video => video.readyState == 4)")
    sources = page.eval_on_selector_all(".take video", "videos => videos.map(video => video.src)")
    return [urlopen(source).read() for source in sources]


TOP = "field => field.getBoundingClientRect().top + scrollY"  # of a field in the whole page, in pixels


def test_first_visit_to_finished_video(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    page.get_by_text("An astronaut, recorded").click()
    page.locator("#still img").wait_for()
    photo = page.get_by_role("tabpanel").first.locator("img").first.get_attribute("src")
    assert photo and "examples/astronaut.jpg" in photo, "a copy would be removed after a while"
    choose(page, "Longest side in pixels", 384)
    below = page.get_by_role("spinbutton", name="Seed")
    place = below.evaluate(TOP)
    (video,) = generate(page)
    assert below.evaluate(TOP) == pytest.approx(place, abs=1.0), "the video moves what is below it"
    (tmp_path / "take.mp4").write_bytes(video)
    with av.open(str(tmp_path / "take.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (384, 384)
        assert container.streams.audio
        length = float(stream.duration * stream.time_base)
        assert "AI-generated" in container.metadata["comment"]
    played = page.locator(".take video").first.evaluate("video => video.duration")
    spoken = soundfile.info(EXAMPLES / "speech.flac").duration
    assert length == pytest.approx(spoken, abs=0.05) and played == pytest.approx(spoken, abs=0.1)
    seed = page.get_by_role("spinbutton", name="Seed").input_value()
    with page.expect_download() as download:
        page.locator("#bundle").click()
    with ZipFile(download.value.path()) as archive:
        assert archive.namelist() == [f"take-{seed}.mp4", f"take-{seed}.csv", f"take-{seed}.npz"]
    page.get_by_role("tab", name="Curves").click()
    assert page.locator("#curves svg polyline").count() == 11
    # Without its photo the take is gone from every tab.
    page.get_by_role("tab", name="Create").click()
    page.get_by_role("button", name="Remove Image").first.click()
    page.get_by_role("tab", name="Curves").click()
    page.locator("#curves").get_by_text("Generate a video under Create first").wait_for()
    page.get_by_role("tab", name="3D").click()
    page.locator("#build-head[disabled]").wait_for()


def test_controls_do_what_they_say(visit: Visit, clip: Path) -> None:
    page = visit()
    upload(page, EXAMPLES / "astronaut.jpg", clip)
    choose(page, "Takes", 2)
    seven, eight = seeds = pictures(generate_with_seed(page, 7))
    assert seven != eight
    page.get_by_role("button", name="Keep this one").nth(1).click()
    expect(page.get_by_role("spinbutton", name="Seed")).to_have_value("8")
    expect(page.get_by_role("spinbutton", name="Takes")).to_have_value("1")
    assert pictures(generate(page)) == [eight]
    choose(page, "Variety", 0)
    choose(page, "Takes", 2)
    first, second = pictures(generate(page))
    assert first == second not in seeds
    page.get_by_role("button", name="New seed").click()
    expect(page.get_by_role("spinbutton", name="Seed")).not_to_have_value("8")


def test_the_still_follows_expressions_and_videos_obey(visit: Visit, clip: Path, tmp_path: Path) -> None:
    page = visit()
    upload(page, EXAMPLES / "astronaut.jpg", clip)
    still = page.locator("#still img")
    neutral = still.get_attribute("src")
    page.get_by_label("Expression", exact=True).click()
    page.get_by_role("option", name="happy").click()
    expect(still).not_to_have_attribute("src", neutral)
    happy = still.get_attribute("src")
    page.get_by_role("button", name="Fine-tune the expression").click()
    choose(page, "Nose sneer", 0.8)
    expect(still).not_to_have_attribute("src", happy)
    sneering = still.get_attribute("src")
    page.get_by_label("Start from a neutral face").check()
    expect(still).not_to_have_attribute("src", sneering)
    page.get_by_label("Start from a neutral face").uncheck()
    expect(still).to_have_attribute("src", sneering)
    page.get_by_role("button", name="Head and eyes").click()
    choose(page, "Head motion", 0)
    choose(page, "Blink rate", 0)
    generate(page)
    with page.expect_download() as download:
        page.locator("#bundle").click()
    with ZipFile(download.value.path()) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".npz"))
        take = Animation.load_npz(archive.extract(name, tmp_path))
    assert all(np.ptp(take[name]) == 0 for name in ("yaw", "pitch", "roll", "x", "y", "z", "eyeBlinkLeft"))
    assert take["noseSneerLeft"].min() >= 0.8 and take["cheekSquintLeft"].min() >= 0.5


def generate_with_seed(page: Page, seed: int) -> list[bytes]:
    choose(page, "Seed", seed)
    return generate(page)


def test_unlocked_seed_is_drawn_and_shown(visit: Visit, clip: Path) -> None:
    page = visit()
    upload(page, EXAMPLES / "astronaut.jpg", clip)
    generate(page)
    seed = page.get_by_role("spinbutton", name="Seed").input_value()
    expect(page.locator("#status")).to_contain_text(f"seed {seed}")
    assert seed != "1"


def test_cancel_stops_the_work(visit: Visit) -> None:
    page = visit()
    page.get_by_text("An astronaut, recorded").click()
    page.locator("#still img").wait_for()
    choose(page, "Takes", 4)  # long enough to be caught at it
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#status")).to_contain_text("Rendering")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#status")).to_contain_text("Cancelled")
    page.wait_for_timeout(1500)
    expect(page.locator("#status")).to_contain_text("Cancelled")
    expect(page.locator("#cancel")).to_be_hidden()  # nothing is left to cancel
    assert page.locator(".take video").count() == 0


@pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="typed speech needs espeak-ng: apt-get install espeak-ng"
)
def test_typed_text_is_said_on_enter(visit: Visit) -> None:
    page = visit()
    page.get_by_text("An astronaut, recorded").click()
    page.locator("#still img").wait_for()
    page.locator("#text textarea, #text input").first.press_sequentially("Hello, you.")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("Done")
    (source,) = page.eval_on_selector_all(".take video", "videos => videos.map(video => video.src)")
    with av.open(BytesIO(urlopen(source).read())) as container:
        assert 0.5 < container.duration / av.time_base < 2.5, "not the example's 3.7 s"


def test_mistakes_are_explained_and_inputs_kept(visit: Visit, clip: Path, tmp_path: Path) -> None:
    page = visit()
    expect(page.locator("#cancel")).to_be_hidden()
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#status [role=alert]")).to_contain_text("A photo is needed")
    soundfile.write(tmp_path / "silence.wav", [0.0] * 16_000, 16_000)
    upload(page, EXAMPLES / "astronaut.jpg", tmp_path / "silence.wav")
    expect(page.locator("#text-speech [role=alert]")).to_contain_text("The audio is silent")
    choose(page, "Seed", 5)
    page.locator("#still img").wait_for()
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#status [role=alert]")).to_contain_text("The audio is silent")
    expect(page.get_by_role("spinbutton", name="Seed")).to_have_value("5")
    photo = page.get_by_role("tabpanel").first.locator("img").first
    expect(photo).to_have_attribute("src", re.compile(r"/astronaut\.jpg$"))
    expect(page.locator("#still img")).to_be_visible()


def test_a_photo_without_a_face_is_refused_at_once(visit: Visit, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (300, 300), "grey").save(tmp_path / "wall.png")
    page = visit()
    page.locator("input[type=file]").nth(0).set_input_files(tmp_path / "wall.png")
    expect(page.locator("#still [role=alert]")).to_contain_text("face")


def test_too_much_is_refused(visit: Visit, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (7000, 6000), "grey").save(tmp_path / "wide.png")
    soundfile.write(tmp_path / "long.wav", np.random.default_rng(0).normal(0, 0.1, 121 * 8000), 8000)
    page = visit()
    upload(page, tmp_path / "wide.png", tmp_path / "long.wav")
    expect(page.locator("#still [role=alert]")).to_contain_text("Pictures may hold up to 40 megapixels")
    expect(page.locator("#text-speech [role=alert]")).to_contain_text("Speech may last up to 120 s here, got 121 s")


def test_large_files_are_refused(browser: Browser, address: str, tmp_path: Path) -> None:
    """In a context of its own, as Chromium's console tells of the refusal, too."""
    (tmp_path / "heavy.png").write_bytes(bytes(26_300_000))
    page = browser.new_page()
    page.goto(address)
    page.get_by_role("button", name="Generate").wait_for()
    page.locator("input[type=file]").nth(0).set_input_files(tmp_path / "heavy.png")
    expect(page.get_by_text("File(s) exceed the maximum allowed size of 25.0 Mb").first).to_be_visible()
    page.context.close()


def test_examples_have_the_address_of_the_page(visit: Visit, address: str) -> None:
    page = visit()
    page.get_by_role("tab", name="API").click()
    printed = re.findall(r"```\w+\n(.*?)\n```", HELP.replace(ADDRESS, address), re.DOTALL)
    expect(page.locator("pre code")).to_have_text(printed)


def test_two_visitors_at_once(visit: Visit, clip: Path) -> None:
    """The second waits for the first and sees its place in the queue."""
    pages = [visit(), visit()]
    for page, seed in zip(pages, (3, 4), strict=True):
        upload(page, EXAMPLES / "astronaut.jpg", clip)
        choose(page, "Seed", seed)
    choose(pages[0], "Takes", 4)
    pages[0].get_by_role("button", name="Generate").click()
    pages[0].locator("#status progress").wait_for()
    pages[1].get_by_role("button", name="Generate").click()
    waiting = pages[1].locator("#status [data-testid=status-tracker]", has_text="queue: 1/1")
    waiting.wait_for()
    assert waiting.evaluate("line => line.clientHeight") >= 16, "it would be clipped"
    for page, seed in zip(pages, (3, 4), strict=True):
        expect(page.locator("#status")).to_contain_text(f"Done: seed {seed}")
        assert page.locator(".take video").count() == (4 if seed == 3 else 1)


def test_microphone(visit: Visit) -> None:
    """Chromium's fake device beeps once a second."""
    page = visit()
    page.get_by_role("button", name="Record audio").click()
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(2500)
    page.get_by_role("button", name="Stop", exact=True).first.click()
    page.get_by_role("button", name="Play").first.wait_for()


# How loud what the page plays is, and each status of the conversation, noted by the page itself.
WATCH = """() => {
  window.noted = [];
  window.told = [];
  const play = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (when) {
    window.noted.push(this.buffer.getChannelData(0).reduce((most, value) => Math.max(most, Math.abs(value)), 0));
    return play.call(this, when);
  };
  const status = document.querySelector("#talk [role=status]");
  new MutationObserver(() => window.told.push(status.textContent)).observe(status, {childList: true});
}"""


def told(page: Page, status: str) -> None:
    """Wait until the conversation showed a status, however briefly."""
    page.wait_for_function("status => told.some((said) => said.includes(status))", arg=status)


def shown(page: Page) -> str:
    """The face of the Talk tab, small, in numbers."""
    return page.evaluate("""() => {
      const canvas = Object.assign(document.createElement("canvas"), {width: 64, height: 64});
      canvas.getContext("2d").drawImage(document.querySelector("#talk canvas"), 0, 0, 64, 64);
      return canvas.getContext("2d").getImageData(0, 0, 64, 64).data.join();
    }""")


def enter_talk(page: Page) -> None:
    """Choose the example's photo and open the tab."""
    page.get_by_role("tabpanel").first.locator("input[type=file]").nth(0).set_input_files(EXAMPLES / "astronaut.jpg")
    page.locator("#still img").wait_for()
    page.get_by_role("tab", name="Talk").click()
    page.evaluate(WATCH)


def test_a_face_lives_answers_and_can_be_interrupted(visit: Visit) -> None:
    """One request to Gradio opens the conversation; text, events and frames go over the WebSocket."""
    page = visit()
    enter_talk(page)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.locator("#talk input").fill("one two three four five six seven eight nine ten " * 6)
    page.keyboard.press("Enter")
    told(page, "Preparing the face.")
    told(page, "Speaking.")
    expect(page.locator("#talk [data-is=delay]")).to_contain_text("s late")
    asked = [url for url in sent if "gradio_api" in url]
    page.wait_for_function("() => noted.some((loud) => loud > 0.05)")
    page.locator("#talk [data-is=stop]").click()
    told(page, "Stopped after")
    page.evaluate("() => { noted.length = 0; told.length = 0; }")
    page.wait_for_timeout(1500)
    assert page.evaluate("() => noted.every((loud) => loud === 0)")
    before = shown(page)
    page.wait_for_timeout(1500)
    assert shown(page) != before, "it lives on"
    page.locator("#talk input").fill("And again.")
    page.locator("#talk").get_by_role("button", name="Say").click()
    told(page, "Speaking.")
    told(page, "Ready.")
    assert [url for url in sent if "gradio_api" in url] == asked
    page.locator("#talk").get_by_role("button", name="End").click()
    told(page, "The conversation is over")
    page.locator("#talk").get_by_role("button", name="Start").click()
    page.locator("#talk").get_by_role("button", name="End").wait_for()


def test_the_face_says_what_is_spoken(visit: Visit) -> None:
    """Chromium's fake microphone beeps."""
    page = visit()
    enter_talk(page)
    page.locator("#talk").get_by_role("button", name="Start").click()
    told(page, "Ready.")
    page.locator("#talk").get_by_role("button", name="Speak").click()
    told(page, "Speaking.")
    expect(page.locator("#talk [data-is=speak]")).to_have_attribute("aria-pressed", "true")
    page.locator("#talk").get_by_role("button", name="Speak").click()
    expect(page.locator("#talk [data-is=speak]")).to_have_attribute("aria-pressed", "false")


def test_a_conversation_without_a_photo_is_explained(visit: Visit) -> None:
    page = visit()
    page.get_by_role("tab", name="Talk").click()
    page.locator("#talk").get_by_role("button", name="Start").click()
    expect(page.locator("#talk [role=status]")).to_have_text("A photo is needed; choose one under Create.")


def test_others_do_not_see_the_face(visit: Visit, address: str) -> None:
    """A ticket that was guessed holds for nobody, and none is told."""
    page = visit()
    enter_talk(page)
    page.locator("#talk").get_by_role("button", name="Start").click()
    told(page, "Ready.")
    heard = page.evaluate(
        """(address) => new Promise((done) => {
          const heard = [], socket = new WebSocket(address);
          socket.onmessage = ({data}) => heard.push(data);
          socket.onclose = ({code}) => done([code, ...heard]);
        })""",
        address.replace("http", "ws") + "/talk/ws?face=guess",
    )
    assert heard[0] == 1008 and "ticket does not hold" in heard[1] and len(heard) == 2


def test_the_head_is_shown_in_3d_and_can_be_kept(visit_with_webgl: Visit, clip: Path, tmp_path: Path) -> None:
    page = visit_with_webgl()
    upload(page, EXAMPLES / "astronaut.jpg", clip)
    generate_with_seed(page, 1)
    page.get_by_role("tab", name="3D").click()
    page.get_by_role("button", name="Build the head").click()
    expect(page.locator("#head-status")).to_contain_text("The head of seed 1.")
    canvas = page.locator("#head canvas")
    expect(canvas).to_be_visible()
    shots = [np.asarray(Image.open(BytesIO(canvas.screenshot())).convert("RGB")).astype(float)]
    for _ in range(20):  # until the head is drawn and has moved
        page.wait_for_timeout(500)
        shots.append(np.asarray(Image.open(BytesIO(canvas.screenshot())).convert("RGB")).astype(float))
        if shots[-1].min() < 80 and np.abs(shots[-1] - shots[-2]).max() > 40:
            break
    assert shots[-1].min() < 80, "nothing but the light background"
    assert np.abs(shots[-1] - shots[-2]).max() > 40, "the head does not move"
    with page.expect_download() as download:
        page.locator("#head-file a").last.click()
    assert download.value.suggested_filename == "head-1.glb"
    download.value.save_as(tmp_path / "head.glb")
    content = (tmp_path / "head.glb").read_bytes()
    assert content[:4] == b"glTF" and b'"animations":' in content


@pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="typed speech needs espeak-ng: apt-get install espeak-ng"
)
def test_a_film_is_dubbed(visit: Visit, clip: Path, tmp_path: Path) -> None:
    """The film is a take: a clip is refused for a film, the take gets new words, and the result goes with its film."""
    page = visit()
    upload(page, EXAMPLES / "astronaut.jpg", clip)
    (tmp_path / "film.mp4").write_bytes(generate_with_seed(page, 1)[0])
    page.get_by_role("tab", name="Dub").click()
    panel = page.get_by_role("tabpanel").filter(has=page.locator("#dub"))
    panel.get_by_role("button", name="Dub", exact=True).click()
    expect(page.locator("#dub-status [role=alert]")).to_contain_text("A film is needed")
    panel.locator("input[type=file]").first.set_input_files(tmp_path / "film.mp4")
    expect(page.locator("#dub-status [role=alert]")).to_be_hidden()
    expect(page.locator("#film-check [role=alert]")).to_be_hidden()
    panel.locator("#dub-text textarea, #dub-text input").first.fill("Hello, you.")
    page.keyboard.press("Enter")
    expect(page.locator("#dub-status")).to_contain_text("Done.")
    with page.expect_download() as download:
        page.locator("#download-dub").click()
    download.value.save_as(tmp_path / "dub.mp4")
    with av.open(str(tmp_path / "dub.mp4")) as container:
        assert container.streams.video[0].width == 384 and container.streams.audio
        assert container.streams.video[0].frames >= SECONDS * 25
    panel.get_by_role("button", name="Clear").first.click()
    expect(page.locator("#download-dub")).to_be_hidden()


def test_a_face_is_chosen(visit: Visit, tmp_path: Path) -> None:
    head, wall = Image.open(EXAMPLES / "astronaut.jpg").crop((90, 0, 360, 300)), Image.new("RGB", (520, 560), "black")
    for place in ((0, 0), (250, 10), (130, 290)):
        wall.paste(head, place)
    wall.save(tmp_path / "group.png")
    page = visit()
    assert not page.locator("#faces").is_visible()
    page.get_by_role("tabpanel").first.locator("input[type=file]").nth(0).set_input_files(tmp_path / "group.png")
    expect(page.locator("#photo-check figure")).to_have_count(3)
    page.locator("#still img").wait_for()
    shown = page.locator("#still img").get_attribute("src")
    page.locator("#faces").get_by_role("radio", name="1").check()
    page.locator("#photo-check figure.chosen img[alt='Face 1']").wait_for()
    expect(page.locator("#still img")).not_to_have_attribute("src", shown or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_a_phone(visit: Visit, scheme: str) -> None:
    page = visit(viewport=PHONE, color_scheme=scheme, has_touch=True)
    for name in ("An astronaut, recorded", "Generate"):
        lowest = page.get_by_role("button", name=name).bounding_box()
        assert lowest and lowest["y"] + lowest["height"] <= PHONE["height"], f"{name} is not in sight"
        assert lowest["height"] >= 40, f"{name} is hard to hit"
    for tab in ("Create", "Talk", "Dub", "Curves", "3D", "API"):
        page.get_by_role("tab", name=tab).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_by_keyboard(visit: Visit) -> None:
    """Tab reaches the button, Enter presses it."""
    page = visit()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "generate":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#status [role=alert]")).to_contain_text("A photo is needed")


def test_a_list_closes_when_the_keyboard_leaves_it(visit: Visit) -> None:
    """Gradio's opens when it is reached; Tab goes on to the next field, and nothing stays open behind it."""
    page = visit()
    field = page.get_by_label("Expression", exact=True)
    page.wait_for_timeout(SETTLING)  # a page that still grows on a busy machine may take the focus away
    field.focus()
    page.get_by_role("listbox").wait_for()
    expect(field).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("number input for Strength")).to_be_focused()
    expect(page.get_by_role("listbox")).to_have_count(0)


@pytest.mark.parametrize("visited", [False, True])
def test_talk_shows_the_photo_before_it_lives(visit: Visit, visited: bool) -> None:
    """Whether the tab was open before the photo came, or is opened after it."""
    page = visit()
    if visited:
        page.get_by_role("tab", name="Talk").click()
        expect(page.get_by_text("Choose a photo under Create.")).to_be_visible()
        expect(page.locator("#talk").get_by_role("button", name="Stop")).to_be_disabled()
        page.get_by_role("tab", name="Create").click()
    page.get_by_role("tabpanel").first.locator("input[type=file]").nth(0).set_input_files(EXAMPLES / "astronaut.jpg")
    page.locator("#still img").wait_for()
    page.get_by_role("tab", name="Talk").click()
    expect(page.locator("#talk").get_by_text("AI-generated")).to_be_visible()
    expect(page.get_by_text("Choose a photo under Create.")).to_be_hidden()
    assert len(set(shown(page).split(","))) > 50, "no picture"
