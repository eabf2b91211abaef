"""`dirfa animate`: an animation file and a photo to mp4."""

import argparse
import sys

from ..errors import InputError
from ..video import check_output_path
from . import progress
from .edit import check_files


EXAMPLES = """examples:
  dirfa animate capture.csv photo.jpg -o talk.mp4
  dirfa animate talk.npz photo.jpg -o talk.mp4 --sound speech.wav --neutralize"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa animate`."""
    animate = commands.add_parser(
        "animate", help="render an animation file", epilog=EXAMPLES,
        description="Make a video in which the person of PHOTO moves as ANIMATION (.npz, .csv, .json) says.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    animate.set_defaults(run=run)
    animate.add_argument("animation", help="the animation: .npz, .csv of Live Link Face, .json")
    animate.add_argument("photo", help="picture that shows one face from the front")
    animate.add_argument("-o", "--output", required=True, help="the video to write, ending in .mp4")
    animate.add_argument("--sound", help="sound to put under it")
    animate.add_argument("--fps", type=float, default=25.0, help="frames per second (default 25)")
    animate.add_argument("--max-size", type=int, help="longest side in pixels; the photo's own size if left out")
    animate.add_argument("--neutralize", action="store_true", help="take the photo's own expression off first")
    animate.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")


def run(options: argparse.Namespace) -> None:
    """Run `dirfa animate`; the networks that draw are not loaded."""
    check_output_path(options.output)
    for path in (options.photo, *([options.sound] if options.sound else [])):
        check_files(path, options.output)
    check_files(options.animation, options.output)
    if not 1 <= options.fps <= 120:
        raise InputError(f"--fps must be in [1, 120], got {options.fps}")
    from ..interchange import load_animation

    animation = load_animation(options.animation).resample(options.fps)
    from tqdm import tqdm

    from ..audio import open_audio
    from ..controls import neutralize
    from ..pipeline_dirfa import DirfaPipeline
    from ..pretrained import bundled_weights
    from ..video import write_video

    sound = open_audio(options.sound) if options.sound else None
    pipeline = DirfaPipeline.from_pretrained(
        options.weights or bundled_weights(), feature_extractor=None, audio_encoder=None, animation_sampler=None
    )
    progress("fitting the face")
    portrait = pipeline.prepare_portrait(options.photo, max_size=options.max_size)
    if options.neutralize:
        animation = neutralize(animation, portrait.face)
    bar = tqdm(pipeline.render(portrait, animation), total=len(animation), desc="rendering", file=sys.stderr)
    write_video(options.output, bar, animation.fps, sound)
    print(options.output, flush=True)
