"""The 3D head outside our own code: Khronos' validator, and three.js in real Chromium."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dirfa_pipeline import Animation, DirfaPipeline, load_audio
from dirfa_pipeline.head3d.export import export_head
from dirfa_pipeline.head3d.visemes import MORPH_NAMES


HERE = Path(__file__).parent / "gltf"
MODULES = HERE / "node_modules"
EXAMPLES = Path(__file__).parents[2] / "dirfa_pipeline" / "examples"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SITE = "http://viewer/"  # answered by the test itself
SKY = np.array([0x5F, 0xA8, 0xD3])
ANGLES = (0, 40, 90)

pytestmark = pytest.mark.slow


def need(present: object, what: str) -> None:
    """Skip where something is missing."""
    if not present:
        pytest.skip(f"{what} is missing: `make gltf browser`")


@pytest.fixture(scope="module")
def talk() -> tuple[DirfaPipeline, Animation]:
    pipe = DirfaPipeline.from_pretrained()
    return pipe, pipe.sample_animation(load_audio(EXAMPLES / "speech.flac"))


@pytest.fixture(scope="module")
def head(talk: tuple[DirfaPipeline, Animation], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example photo's head, saying the example's speech."""
    pipe, animation = talk
    path = tmp_path_factory.mktemp("gltf") / "head.glb"
    prepared = pipe.face_renderer.prepare(pipe.prepare_portrait(EXAMPLES / "astronaut.jpg"))
    export_head(prepared, animation, path)
    return path


def test_khronos_validator_finds_nothing(head: Path) -> None:
    need(shutil.which("node") and (MODULES / "gltf-validator").is_dir(), "the validator")
    answer = subprocess.run(["node", HERE / "validate.mjs", head], capture_output=True, text=True, check=True)
    report = json.loads(answer.stdout)
    found = report["issues"]
    assert (found["numErrors"], found["numWarnings"]) == (0, 0), found["messages"]
    assert report["info"]["hasMorphTargets"] and report["info"]["animationCount"] == 1


@pytest.fixture(scope="module")
def viewer(head: Path) -> Iterator["Viewer"]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    need(CHROMIUM, "Chromium")
    need((MODULES / "three").is_dir(), "three.js")
    problems: list[str] = []

    def answer(route: playwright.Route) -> None:
        name = route.request.url.removeprefix(SITE)
        places = {"head.glb": head, "viewer.html": HERE / "viewer.html"}
        path = places.get(name, MODULES / name)
        if path.is_file():
            route.fulfill(path=path)
        else:
            problems.append(route.request.url)
            route.abort()

    with playwright.sync_playwright() as driver:
        # Without a graphics card WebGL is drawn by the processor.
        options = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page()
        page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.route("**/*", answer)
        page.goto(f"{SITE}viewer.html")
        page.wait_for_function("window.viewer", timeout=60_000)
        yield Viewer(page)
        browser.close()
    # Reading a picture back waits for the card, and Chromium says so.
    assert not [text for text in problems if "GPU stall due to ReadPixels" not in text]


class Viewer:
    """What the page can do; see viewer.html."""

    def __init__(self, page: object) -> None:
        self._page = page

    def __call__(self, call: str, *values: float | None | str) -> object:
        return self._page.evaluate(f"values => viewer.{call}(...values)", list(values))

    def value(self, name: str) -> object:
        return self._page.evaluate(f"viewer.{name}")

    def picture(self, around: float) -> np.ndarray:
        _, _, content = self("picture", around).partition(",")
        return np.asarray(Image.open(BytesIO(base64.b64decode(content))).convert("RGB"))


def test_three_js_plays_the_speech(viewer: Viewer, talk: tuple[DirfaPipeline, Animation]) -> None:
    _, animation = talk
    assert viewer.value("duration") == pytest.approx((len(animation) - 1) / animation.fps, abs=1e-3)
    viewer("seek", None)
    assert set(viewer("weights", "Skin")) == set(MORPH_NAMES)
    assert not any(viewer("weights", "Skin").values())
    for frame in (int(animation["jawOpen"].argmax()), len(animation) // 3):
        viewer("seek", frame / animation.fps)
        for mesh in ("Skin", "LowerTeeth"):
            shown = viewer("weights", mesh)
            for name in ("jawOpen", "mouthClose", "browInnerUp"):
                assert shown[name] == pytest.approx(np.clip(animation[name][frame], 0, 1), abs=1e-3)


@pytest.mark.parametrize("around", ANGLES)
def test_three_js_shows_a_head_that_moves(viewer: Viewer, talk: tuple[DirfaPipeline, Animation], around: int) -> None:
    _, animation = talk
    viewer("seek", None)
    rest = viewer.picture(around)
    covered = (np.abs(rest - SKY.astype(int)) > 8).any(-1)
    assert 0.1 < covered.mean() < 0.7
    assert rest[covered].std(0).min() > 20  # a photo, not a patch of one colour
    viewer("seek", int(animation["jawOpen"].argmax()) / animation.fps)
    moved = np.abs(viewer.picture(around).astype(int) - rest).max(-1) > 24
    assert moved.mean() > 0.01
