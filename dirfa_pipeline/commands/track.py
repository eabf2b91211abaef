"""`dirfa track`: the motion of a video as an animation file."""

import argparse

from . import progress
from .files import check_files
from .loading import find_folder, load_face_model


EXAMPLES = """examples:
  dirfa track talk.mp4 -o motion.npz
  dirfa track talk.mp4 -o motion.csv && dirfa animate motion.csv photo.jpg -o again.mp4"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa track`."""
    track = commands.add_parser(
        "track", help="turn a video into an animation", description="Track the face of VIDEO.", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    track.set_defaults(run=run)
    track.add_argument("video", help="a video that shows one face")
    track.add_argument("-o", "--output", required=True, help="the animation to write: .npz, .csv or .json")
    track.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")


def run(options: argparse.Namespace) -> None:
    """Run `dirfa track`."""
    check_files(options.output, video=options.video)
    from ..animation.files import check_animation_path, save_animation
    from ..media.video import read_video

    check_animation_path(options.output)
    read_video(options.video)
    weights = find_folder(options.weights)
    face_model = load_face_model(weights)
    from ..bundled import detector_folder
    from ..capture.tracking import track_video

    progress("tracking")
    save_animation(track_video(options.video, face_model, detector_folder(weights)), options.output)
    print(options.output, flush=True)
