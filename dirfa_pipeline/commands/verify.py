"""`dirfa verify`: what a video says about its origin."""

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from .files import check_source


if TYPE_CHECKING:
    from ..provenance.verify import Provenance

EXAMPLES = """examples:
  dirfa verify talk.mp4
  dirfa verify downloaded.mp4 --json

The exit status is 0 whatever is found; `marked` in the JSON says whether anything was."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa verify`."""
    verify = commands.add_parser(
        "verify", help="read a video's credentials and watermark", epilog=EXAMPLES,
        description="Show what VIDEO says about how it was made: credentials, metadata and invisible watermark.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    verify.set_defaults(run=run)
    verify.add_argument("video", help="the video to check, from any source")
    verify.add_argument("--json", action="store_true", help="print everything as JSON")


def run(options: argparse.Namespace) -> None:
    """Run `dirfa verify`; the network is not asked."""
    check_source("video", options.video)
    from ..provenance.verify import verify

    found = verify(options.video)
    if options.json:
        watermark = None if found.watermark is None else asdict(found.watermark) | {"found": found.watermark.found}
        print(json.dumps(asdict(found) | {"watermark": watermark, "marked": found.marked}, indent=2))
    else:
        print("\n".join(lines(found)))


def lines(found: "Provenance") -> list[str]:
    """What was found, in words."""
    told, mark = found.credentials, found.watermark
    if told is None:
        credentials = "none"
    elif told.intact:
        trust = "an authority that C2PA trusts" if told.trusted else "nobody that C2PA trusts, as anybody can sign"
        credentials = f"intact; made by {told.software or 'unnamed software'} as {told.source_type or 'unstated'}; "
        credentials += f"signed by {told.signer or 'an unnamed certificate'}, vouched for by {trust}"
    else:
        credentials = f"broken: {', '.join(told.problems)}"
    if mark is None:
        watermark = "not looked for: it takes a video of some seconds"
    elif mark.found:
        number = "its number cannot be read" if mark.payload is None else f"number {mark.payload:#010x}"
        watermark = f"found, {number}; chance gives such a score ({mark.score:.1f}) to one video in a million or fewer"
    else:
        watermark = f"not found; the best score is {mark.score:.1f}, which chance reaches with p = {mark.chance:.2g}"
    return [
        f"credentials: {credentials}",
        f"metadata:    {found.comment or 'no comment'}",
        f"watermark:   {watermark}",
    ]
