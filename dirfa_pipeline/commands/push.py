"""`dirfa push`: a pipeline to the hub, with its model card, or the demo page as a Space."""

import argparse
import json
from pathlib import Path
from typing import Any

from ..errors import InputError
from . import progress
from .loading import load_pipeline


EXAMPLES = """examples:
  dirfa push user/name --weights my-speaker --notes data.md --license cc-by-4.0
  dirfa push user/name --metrics scores.json --fp16
  dirfa push user/name --dry-run
  dirfa push --space user/page

Log in with `hf auth login`, or set HF_TOKEN, before you publish."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa push`."""
    push = commands.add_parser(
        "push",
        help="publish a pipeline or the demo page on the hub",
        description="Upload a pipeline with a model card made from what it is, or the demo page as a Space. The "
        "repository is made if needed.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    push.set_defaults(run=run)
    push.add_argument("repository", help="where to publish: user/name")
    push.add_argument("--weights", default="dirfa-base", help="folder of the pipeline; the bundled one if left out")
    push.add_argument("--metrics", help="output of `dirfa evaluate --json`; becomes the card's table")
    push.add_argument("--notes", help="markdown file about your own data and its licences, for the card")
    push.add_argument("--license", help="licence of your own weights, by its name on the hub, such as cc-by-4.0")
    push.add_argument("--message", help="commit message")
    push.add_argument(
        "--space", action="store_true",
        help="publish the demo page instead, with this package's sources and the bundled weights, as a Space",
    )  # fmt: skip
    push.add_argument("--private", action="store_true", help="make the repository private, if it is new")
    push.add_argument("--fp16", action="store_true", help="also upload the weights in half precision")
    push.add_argument("--dry-run", action="store_true", help="print the model card and upload nothing")


def run(options: argparse.Namespace) -> None:
    """Run `dirfa push`."""
    if options.space:
        print(publish_space(options))
        return
    metrics = None if options.metrics is None else read_metrics(options.metrics)
    notes = None if options.notes is None else read_text(options.notes, "notes")
    pipeline = load_pipeline(options.weights)
    import torch

    from ..hub.model_card import build_model_card

    if options.dry_run:
        print(build_model_card(pipeline, options.repository, metrics, notes, options.license))
        return
    card = {"metrics": metrics, "notes": notes, "license": options.license}
    private = options.private or None
    progress(f"uploading to {options.repository}")
    address = pipeline.push_to_hub(options.repository, options.message, private=private, **card)
    if options.fp16:
        progress("uploading the half-precision weights")
        half = pipeline.to(torch.float16)
        address = half.push_to_hub(options.repository, options.message, variant="fp16", **card)
    print(address)


def publish_space(options: argparse.Namespace) -> str:
    """Upload the page; returns the address of the commit."""
    for name in ("metrics", "notes", "license"):
        if getattr(options, name) is not None:
            raise InputError(f"--{name} belongs to a pipeline's model card; leave it out with --space")
    if options.fp16 or options.dry_run or options.weights != "dirfa-base":
        raise InputError("--space uploads the bundled weights as they are; leave out --weights, --fp16 and --dry-run")
    from ..hub.space import push_space

    progress(f"uploading to {options.repository}")
    return push_space(options.repository, options.private or None, message=options.message)


def read_text(path: str, what: str) -> str:
    """A text file that the user named."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--{what} cannot be read: {path} ({error}); name a text file") from error


def read_metrics(path: str) -> Any:
    """The report of `dirfa evaluate`."""
    try:
        return json.loads(read_text(path, "metrics"))
    except json.JSONDecodeError as error:
        raise InputError(
            f"--metrics must be JSON, got {path} ({error}); write it with `dirfa evaluate --json`"
        ) from error
