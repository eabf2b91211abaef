"""`dirfa check`: what a photo is good for."""

import argparse
import json
from typing import TYPE_CHECKING

from . import faces
from .files import check_files
from .loading import load_pipeline


if TYPE_CHECKING:
    from ..pipeline_check import PhotoCheck

EXAMPLES = """examples:
  dirfa check photo.jpg
  dirfa check group.jpg --face 1 --max-size 512
  dirfa check photo.jpg --json --no-speed

A bad photo is no error: the exit code is 0 if the file exists."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa check`."""
    check = commands.add_parser(
        "check", help="check how well a photo will work", epilog=EXAMPLES,
        description="Look at PHOTO: faces, turn, size, mouth, teeth, eyes, colours, speed, each with a verdict.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    check.set_defaults(run=run)
    check.add_argument("photo", help="the photo to check")
    faces.add_option(check)
    check.add_argument("--max-size", type=int, help="longest side of the video in pixels; the photo's own if left out")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.add_argument("--no-speed", action="store_true", help="do not measure the speed, which is quicker")
    check.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")


def run(options: argparse.Namespace) -> None:
    """Run `dirfa check`; the networks that draw are not loaded."""
    check_files(".", photo=options.photo)
    face = faces.read_choice(options.face)
    pipeline = load_pipeline(options.weights, doing=None, draws=False)
    told = pipeline.check(options.photo, options.max_size, face, timed=not options.no_speed)
    print(json.dumps(told.as_dict(), indent=2) if options.json else as_text(told), flush=True)


def as_text(told: "PhotoCheck") -> str:
    """A line for each finding, the question about consent, and a line for the whole."""
    from ..pipeline_check import CONSENT

    lines = [
        f"{finding.verdict:8} {finding.name:9} {finding.found}" + (f": {finding.advice}" if finding.advice else "")
        for finding in told.findings
    ]
    return "\n".join([*lines, f"{'asks':8} {'consent':9} {CONSENT}", f"{told.verdict:8} in all"])
