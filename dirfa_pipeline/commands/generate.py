"""`dirfa generate`: photo and speech to mp4."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..media.kinds import kind_of
from ..media.video import PRESET, PRESETS
from . import direction, faces, marks, output, progress
from .files import check_files, check_overwriting
from .loading import load_pipeline


if TYPE_CHECKING:
    from ..animation.animation import Animation
    from ..media.audio import AudioFile
    from ..models.face_renderer import PreparedPortrait
    from ..pipeline_dirfa import DirfaPipeline

EXAMPLES = """examples:
  dirfa generate photo.jpg speech.wav -o talk.mp4
  dirfa generate photo.jpg speech.wav -o talk.mp4 --seed 7 --num-videos 3 --diversity 1.3
  dirfa generate photo.jpg speech.wav -o talk.mp4 --save-animation talk.npz
  dirfa generate photo.jpg speech.wav -o talk.mp4 --expression sad@0 --expression happy@2.5 --head-motion 0.5
  dirfa generate photo.jpg speech.wav -o talk.mp4 --pose 0 0 0 @1 --pose -15 5 0 @2 --gaze camera --blinks 1.2 3
  dirfa generate photo.jpg speech.wav -o talk.mp4 --motion-from clip.mp4 --motion-fit stretch
  dirfa generate photo.jpg -o talk.mp4 --animation talk.npz
  dirfa generate photo.jpg speech.wav -o talk.mov --alpha --fps 24000/1001

Show people only with their consent, and say that the video is synthetic."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa generate`."""
    generate = commands.add_parser(
        "generate",
        help="make a talking video",
        description="Make a video in which the person of PHOTO says SPEECH.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    generate.set_defaults(run=run)
    generate.add_argument("photo", help="picture that shows one face from the front (JPEG, PNG, WebP)")
    generate.add_argument("speech", nargs="?", help="sound or video file with the speech (wav, mp3, m4a, flac, mp4)")
    generate.add_argument("--animation", help="render this (.npz, .csv, .json) instead of drawing one")
    add_options(generate)


def add_options(generate: argparse.ArgumentParser) -> None:
    """Add what `dirfa say` takes, too."""
    faces.add_option(generate)
    output.add_options(generate)
    generate.add_argument("--seed", type=int, help="repeats a take exactly; drawn and printed if left out")
    generate.add_argument(
        "--num-videos", type=int, default=1, help="takes: output-1.mp4 with SEED, -2 with SEED+1, ..."
    )
    generate.add_argument(
        "--expressiveness",
        type=float,
        default=1.0,
        help="how much head, eyes and brows move: 0 deadpan, 2 stage",
    )
    generate.add_argument("--diversity", type=float, default=1.0, help="how much seeds differ, 0 to 2 (default 1)")
    generate.add_argument("--save-animation", help="also write the animation: .npz, .csv or .json")
    generate.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")
    generate.add_argument("--device", default="cpu", help="where the networks run: cpu, cuda, mps")
    generate.add_argument("--crf", type=int, default=18, help="video quality, 0 lossless to 51 (default 18)")
    generate.add_argument("--preset", default=PRESET, help="x264 preset, ultrafast to veryslow (default %(default)s)")
    direction.add_options(generate)
    marks.add_options(generate)
    generate.add_argument("--neutralize", action="store_true", help="remove the photo's own expression first")


def run(options: argparse.Namespace) -> None:
    """Run `dirfa generate`; sound stays on the disk and frames go there, so memory is bounded for any length."""
    if options.speech is None and options.animation is None:
        raise InputError("speech or --animation is needed: name a sound file, or an animation to render")
    check_options(options)
    from ..animation.files import load_animation, save_animation
    from ..direction.controls import neutralize
    from ..media.audio import open_audio

    controls = direction.read_controls(options)
    photo, face = faces.read_person(options, output.longest_side(options))
    output.tell_size(photo, options)
    sound = None if options.speech is None else open_audio(options.speech)
    given = None if options.animation is None else load_animation(options.animation).resample(options.fps)
    controls.check_speech(sound)
    pipeline = load_pipeline(options.weights, options.device, draws=given is None)
    progress("fitting the face")
    portrait = pipeline.face_renderer.prepare(pipeline.prepare_portrait(photo, face=face))
    controls = direction.with_motion(controls, options, pipeline.face_model, pipeline.detector_folder)
    paths = output_paths(options.output, options.num_videos)
    if given is not None:
        takes = [given] * len(paths)
    else:
        assert sound is not None  # check_options saw to it
        takes = draw_takes(pipeline, sound, options, controls.follows_arousal)
    for take, (path, drawn) in enumerate(zip(paths, takes, strict=True)):
        animation = controls.apply(drawn, pipeline.face_model, sound)
        if options.save_animation:
            save_animation(animation, output_paths(options.save_animation, options.num_videos)[take])
        if options.neutralize:
            animation = neutralize(animation, portrait.portrait.face)
        save_take(pipeline, portrait, animation, sound, path, options, controls.facing)
        output.tell_written(path, len(animation))


def draw_takes(
    pipeline: "DirfaPipeline", sound: "AudioFile", options: argparse.Namespace, follow_arousal: bool
) -> "list[Animation]":
    """Draw all takes; the sound is encoded once."""
    import torch

    first = options.seed if options.seed is not None else int.from_bytes(os.urandom(4), "little") >> 1
    seeds = range(first, first + options.num_videos)
    progress(f"drawing (seed {', '.join(map(str, seeds))})")
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return pipeline.sample_animations(
        sound, generators, options.diversity, options.fps,
        expressiveness=options.expressiveness, follow_arousal=follow_arousal,
    )  # fmt: skip


def save_take(
    pipeline: "DirfaPipeline",
    portrait: "PreparedPortrait",
    animation: "Animation",
    sound: "AudioFile | None",
    path: str,
    options: argparse.Namespace,
    facing: float,
) -> None:
    """Render and encode one video, frame by frame."""
    from ..provenance.marking import write_video

    frames = pipeline.render(portrait, animation, alpha=options.alpha, facing=facing)
    write_video(path, frames, animation.fps, sound, options.crf, options.preset, marks.read_marks(options))


def check_options(options: argparse.Namespace) -> None:
    """Find mistakes in the command line before the pipeline is loaded."""
    from ..animation.files import check_animation_path

    sources = {name: getattr(options, name) for name in ("photo", "speech", "animation", "motion_from")}
    output.check_options(options)
    check_files(options.output, **sources)
    if kind_of(options.photo) in ("audio", "video") and kind_of(options.speech) == "image":
        raise InputError(f"the photo comes before the speech, got {options.photo} {options.speech}; swap them")
    marks.check_options(options)
    if options.preset not in PRESETS:
        raise InputError(f"--preset must be one of {', '.join(PRESETS)}, got {options.preset!r}")
    for path in (options.animation, options.save_animation):
        if path is not None:
            check_animation_path(path)
    if options.save_animation and not os.path.isdir(os.path.dirname(options.save_animation) or "."):
        raise InputError(f"the folder of --save-animation does not exist: {options.save_animation}")
    if options.num_videos >= 1:
        check_overwriting(output_paths(options.output, options.num_videos), **sources)
    if options.seed is not None and not 0 <= options.seed < 2**63 - 100:
        raise InputError(f"--seed must be in [0, 2^63 - 100), got {options.seed}")
    limits = {
        "num_videos": (1, 100),
        "diversity": (0.0, 2.0),
        "expressiveness": (0.0, 2.0),
        "fps": (1, 120),
        "crf": (0, 51),
    }
    for name, (low, high) in limits.items():
        value = getattr(options, name)
        if not low <= value <= high:
            raise InputError(f"--{name.replace('_', '-')} must be in [{low}, {high}], got {value}")


def output_paths(path: str, count: int) -> list[str]:
    """The name itself for one take, else numbered names."""
    if count == 1:
        return [path]
    name = Path(path)
    return [str(name.with_name(f"{name.stem}-{take + 1}{name.suffix}")) for take in range(count)]
