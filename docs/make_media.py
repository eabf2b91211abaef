"""Make the README's pictures, of three takes and of the demo page: `make media`. Needs Chromium (`make browser`)."""

import argparse
import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlretrieve

import numpy as np
import torch
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from dirfa_pipeline import DirfaPipeline, load_audio
from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.demo import build_demo, launch_options
from dirfa_pipeline.media.video import read_video


HERE = Path(__file__).parent
WINDOW = {"width": 1360, "height": 1180}
PATIENCE = 180_000  # milliseconds
PREVIEW_SIDE, PREVIEW_SECONDS, PREVIEW_STEP = 256, 4, 2  # pixels; every other frame
EXAMPLES = HERE.parent / "dirfa_pipeline" / "examples"
HEAD = (110, 10, 340, 240)  # box in the photo


@contextmanager
def open_page(chromium: str) -> Iterator[Page]:
    """Serve the page on the bundled weights and open it."""
    demo = build_demo(DirfaPipeline.from_pretrained()).queue()
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW)
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        yield page
        browser.close()
    demo.close()


def make_videos(page: Page) -> str:
    """Two smiling takes of the bundled example; returns the address of the first."""
    page.get_by_text("An astronaut, recorded").click()
    page.locator("#still img").wait_for()
    page.get_by_label("Expression", exact=True).click()
    page.get_by_role("option", name="happy").click()
    page.get_by_role("spinbutton", name="Takes").fill("2")
    page.get_by_role("button", name="Generate").click()
    page.get_by_text("Done:").wait_for()
    page.wait_for_function("[...document.querySelectorAll('.take video')].every(video => video.readyState == 4)")
    page.eval_on_selector_all(".take video", "videos => videos.forEach(video => { video.currentTime = 1.1 })")
    page.wait_for_timeout(1000)
    return str(page.locator(".take video").first.get_attribute("src"))


def save_preview(frames: Iterable[Image.Image], fps: float, output: Path) -> None:
    """The first seconds as an animated WebP."""
    first, *others = itertools.islice(frames, 0, round(PREVIEW_SECONDS * fps), PREVIEW_STEP)
    milliseconds = round(1000 * PREVIEW_STEP / fps)
    first.save(output, save_all=True, append_images=others, duration=milliseconds, loop=0, quality=60)


def small(frames: Iterable[np.ndarray], box: tuple[int, int, int, int] | None = None) -> Iterator[Image.Image]:
    """Frames, or a part of them, at the side of the previews."""
    for frame in frames:
        yield Image.fromarray(frame).resize((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS, box)


def draw_takes() -> Iterator[Image.Image]:
    """Three takes of the bundled sentence: the heads side by side, frame by frame."""
    pipe = DirfaPipeline.from_pretrained()
    portrait = pipe.prepare_portrait(EXAMPLES / "astronaut.jpg")
    speech = load_audio(EXAMPLES / "speech.flac")
    takes = pipe.sample_animations(speech, [torch.Generator().manual_seed(seed) for seed in (1, 2, 3)])
    for heads in zip(*(small(pipe.render(portrait, take), HEAD) for take in takes), strict=True):
        yield Image.fromarray(np.hstack(heads))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=HERE, help="where the pictures go")
    folder = parser.parse_args().folder
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is needed: make browser, as root, or install it yourself")
    save_preview(draw_takes(), ANIMATION_FPS, folder / "takes.webp")
    with open_page(chromium) as page, tempfile.TemporaryDirectory() as temporary:
        address = make_videos(page)
        page.screenshot(path=folder / "demo.jpg", type="jpeg", quality=80)
        urlretrieve(address, f"{temporary}/take.mp4")
        take = read_video(Path(temporary) / "take.mp4")
        save_preview(small(take.frames), take.fps, folder / "demo.webp")


if __name__ == "__main__":
    main()
