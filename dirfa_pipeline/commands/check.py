"""`dirfa check`: what a photo is good for."""

import argparse
import json
from typing import TYPE_CHECKING

from ..errors import InputError
from . import faces, output
from .files import check_files
from .loading import load_pipeline


if TYPE_CHECKING:
    from ..pipeline_check import PhotoCheck

EXAMPLES = """examples:
  dirfa check photo.jpg
  dirfa check group.jpg --face 1 --max-size 512
  dirfa check photo.jpg --json --no-speed

The exit code is 2 for a photo that is refused, and 0 for one that is merely poor."""


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
    output.add_max_size(check)
    check.add_argument("--json", action="store_true", help="print JSON")
    check.add_argument("--no-speed", action="store_true", help="do not measure the speed, which is quicker")
    check.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")


def run(options: argparse.Namespace) -> None:
    """
    Run `dirfa check`; the networks that draw are not loaded.

    Raises:
        InputError: The photo is refused, as the printed findings tell, or an option cannot be used.
    """
    check_files(".", photo=options.photo)
    face = faces.read_choice(options.face)
    pipeline = load_pipeline(options.weights, doing=None, draws=False)
    told = pipeline.check(options.photo, output.longest_side(options), face, timed=not options.no_speed)
    print(json.dumps(told.as_dict(), indent=2) if options.json else as_text(told), flush=True)
    if told.verdict == "refused":
        raise InputError(f"{options.photo} cannot be animated; what is marked as refused says why and what to do")


def as_text(told: "PhotoCheck") -> str:
    """A line for each finding, the question about consent, and a line for the whole."""
    from ..pipeline_check import CONSENT

    lines = [
        f"{finding.verdict:8} {finding.name:9} {finding.found}" + (f": {finding.advice}" if finding.advice else "")
        for finding in told.findings
    ]
    return "\n".join([*lines, f"{'asks':8} {'consent':9} {CONSENT}", f"{told.verdict:8} in all"])
