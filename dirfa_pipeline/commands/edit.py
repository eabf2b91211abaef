"""`dirfa edit`: direct an animation that is there already."""

import argparse

from ..errors import InputError
from . import direction
from .files import check_files, check_overwriting
from .loading import find_folder, load_face_model


EXAMPLES = """examples:
  dirfa edit talk.npz -o happy.npz --expression happy --head-motion 0.5
  dirfa edit capture.csv -o turn.csv --expression sad@0 --expression happy@2.5 --pose 10 0 0
  dirfa edit talk.npz -o nod.npz --nods 1 --sound speech.wav
  dirfa edit talk.npz -o calm.npz --direction calm.json --motion-from clip.mp4 --motion-channels head"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa edit`."""
    edit = commands.add_parser(
        "edit", help="change expression, head and eyes of an animation", epilog=EXAMPLES,
        description="Direct an animation file (.npz, .csv of Live Link Face, .json) and write another.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    edit.set_defaults(run=run)
    edit.add_argument("animation", help="the animation to change")
    edit.add_argument("-o", "--output", required=True, help="the animation to write: .npz, .csv or .json")
    edit.add_argument("--sound", help="the speech, for --nods")
    edit.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")
    direction.add_options(edit)


def run(options: argparse.Namespace) -> None:
    """Run `dirfa edit`."""
    check_files(options.output, animation=options.animation, sound=options.sound)
    if options.facing is not None:
        raise InputError("--facing turns heads when a video is drawn; give it to dirfa animate, or use --pose here")
    check_overwriting([options.output], sound=options.sound, motion_from=options.motion_from)
    from ..animation.files import check_animation_path, load_animation, save_animation
    from ..media.audio import open_audio

    check_animation_path(options.output)
    animation, controls = load_animation(options.animation), direction.read_controls(options)
    sound = open_audio(options.sound) if options.sound else None
    controls.check_speech(sound)
    from ..bundled import detector_folder

    weights = find_folder(options.weights)
    face_model = load_face_model(weights)
    controls = direction.with_motion(controls, options, face_model, detector_folder(weights))
    save_animation(controls.apply(animation, face_model, sound), options.output)
    print(options.output, flush=True)
