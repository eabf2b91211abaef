"""`dirfa export`: an animation file in another format, at another frame rate."""

import argparse

from .edit import check_files


EXAMPLES = """examples:
  dirfa export talk.npz -o talk.csv --fps 60
  dirfa export capture.csv -o capture.json"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa export`."""
    export = commands.add_parser(
        "export", help="convert an animation", epilog=EXAMPLES,
        description="Convert an animation between .npz, .csv (Live Link Face) and .json, by the names' endings.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    export.set_defaults(run=run)
    export.add_argument("animation", help="the animation to convert")
    export.add_argument("-o", "--output", required=True, help="the file to write: .npz, .csv or .json")
    export.add_argument("--fps", type=float, help="frames per second; as they are if left out")
    export.add_argument("--no-translation", action="store_true", help="a CSV with Live Link Face's columns alone")


def run(options: argparse.Namespace) -> None:
    """Run `dirfa export`."""
    check_files(options.animation, options.output)
    from ..interchange import load_animation, save_animation

    animation = load_animation(options.animation)
    if options.fps is not None:
        animation = animation.resample(options.fps)
    save_animation(animation, options.output, translation=not options.no_translation)
    print(options.output, flush=True)
