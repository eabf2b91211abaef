"""`dirfa animate`: an animation file and a photo to mp4."""

import argparse

from ..errors import InputError
from . import direction, faces, marks, output, progress
from .files import check_files, check_overwriting
from .loading import load_pipeline


EXAMPLES = """examples:
  dirfa animate capture.csv photo.jpg -o talk.mp4
  dirfa animate talk.npz photo.jpg -o talk.mp4 --sound speech.wav --neutralize --expression happy --nods 1"""


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
    output.add_options(animate)
    animate.add_argument("--sound", help="sound of the video")
    faces.add_option(animate)
    animate.add_argument("--neutralize", action="store_true", help="remove the photo's own expression first")
    animate.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")
    direction.add_options(animate)
    marks.add_options(animate)


def run(options: argparse.Namespace) -> None:
    """Run `dirfa animate`; the networks that draw are not loaded."""
    output.check_options(options)
    check_files(options.output, animation=options.animation, photo=options.photo, sound=options.sound)
    marks.check_options(options)
    check_overwriting(
        [options.output], animation=options.animation, photo=options.photo, sound=options.sound,
        motion_from=options.motion_from,
    )  # fmt: skip
    if not 1 <= options.fps <= 120:
        raise InputError(f"--fps must be in [1, 120], got {options.fps}")
    from ..animation.files import load_animation
    from ..direction.controls import neutralize
    from ..media.audio import open_audio

    controls = direction.read_controls(options)
    animation = load_animation(options.animation).resample(options.fps)
    photo, face = faces.read_person(options, output.longest_side(options))
    output.tell_size(photo, options)
    sound = open_audio(options.sound) if options.sound else None
    if sound is None:
        progress("no --sound was given, so the video is silent")
    controls.check_speech(sound)
    from ..provenance.marking import write_video

    pipeline = load_pipeline(options.weights, draws=False)
    progress("fitting the face")
    portrait = pipeline.prepare_portrait(photo, face=face)
    controls = direction.with_motion(controls, options, pipeline.face_model, pipeline.detector_folder)
    animation = controls.apply(animation, pipeline.face_model, sound)
    if options.neutralize:
        animation = neutralize(animation, portrait.face)
    frames = pipeline.render(portrait, animation, alpha=options.alpha, facing=controls.facing)
    write_video(options.output, frames, animation.fps, sound, marks=marks.read_marks(options))
    output.tell_written(options.output, len(animation))
