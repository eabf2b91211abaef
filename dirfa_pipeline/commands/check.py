"""`dirfa check`: what photos are good for."""

import argparse
import json
from typing import TYPE_CHECKING

from ..errors import InputError
from . import faces, output
from .files import check_source
from .loading import load_pipeline


if TYPE_CHECKING:
    from ..pipeline_check import PhotoCheck

EXAMPLES = """examples:
  dirfa check photo.jpg
  dirfa check group.jpg --face 1 --max-size 512
  dirfa check *.jpg --no-speed
  dirfa check photo.jpg --json

The exit code is 2 if a photo is refused, and 0 for one that is merely poor. --json prints an object for each photo."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa check`."""
    check = commands.add_parser(
        "check", help="check how well photos will work", epilog=EXAMPLES,
        description="Look at each PHOTO: faces, turn, size, mouth, teeth, eyes, colours, speed, each with a verdict.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    check.set_defaults(run=run)
    check.add_argument("photos", nargs="+", metavar="PHOTO", help="a photo to check")
    faces.add_option(check)
    output.add_max_size(check)
    check.add_argument("--json", action="store_true", help="print JSON")
    check.add_argument("--no-speed", action="store_true", help="do not measure the speed, which is quicker")
    check.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")


def run(options: argparse.Namespace) -> None:
    """
    Run `dirfa check`; the networks that draw are not loaded.

    Raises:
        InputError: A photo is refused, as the printed findings tell, or an option cannot be used.
    """
    photos: list[str] = options.photos
    for photo in photos:
        check_source("photo", photo)
    face = faces.read_choice(options.face)
    pipeline = load_pipeline(options.weights, doing=None, draws=False)
    checks = {}
    for photo in photos:
        checks[photo] = pipeline.check(photo, output.longest_side(options), face, timed=not options.no_speed)
        if options.json:
            print(json.dumps({"photo": photo} | checks[photo].as_dict(), indent=2), flush=True)
        else:
            title = f"{photo}\n" if len(photos) > 1 else ""
            print(title + as_text(checks[photo]), flush=True)
    refused = [photo for photo, told in checks.items() if told.verdict == "refused"]
    if refused:
        raise InputError(f"{', '.join(refused)} cannot be animated; what is marked as refused says why and what to do")


def as_text(told: "PhotoCheck") -> str:
    """A line for each finding, the question about consent, and a line for the whole."""
    from ..pipeline_check import CONSENT

    lines = [
        f"{finding.verdict:8} {finding.name:9} {finding.found}" + (f": {finding.advice}" if finding.advice else "")
        for finding in told.findings
    ]
    return "\n".join([*lines, f"{'asks':8} {'consent':9} {CONSENT}", f"{told.verdict:8} in all"])
