"""`dirfa evaluate`: scores of a pipeline over a list of clips."""

import argparse
import importlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, how_to_install
from ..media.files import whole_file
from . import progress
from .loading import load_pipeline


if TYPE_CHECKING:
    from ..evaluation.tracking import Embedder

EXAMPLES = """examples:
  dirfa evaluate clips.tsv --json scores.json
  dirfa evaluate held_out.tsv --data DATA --quick

clips.tsv has a header and the columns audio, photo, video, text, language, person (see the module
dirfa_pipeline.evaluation.clip_list, which also writes this project's own list); without a photo, a frame of the video
is taken. Phones of English clips with text are aligned by pocketsphinx (pip install dirfa-pipeline[train]); without it
the scores that need them are left out."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa evaluate`."""
    evaluate = commands.add_parser(
        "evaluate",
        help="score a pipeline on clips",
        description="Draw and render each clip of LIST, and print scores next to those of real video, of the still "
        "photo and of our video under another clip's sound. Medians over clips; those under 7 s are reported apart.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    evaluate.set_defaults(run=run)
    evaluate.add_argument("list", help=".tsv or .json file of clips")
    evaluate.add_argument("--data", help="folder that file names are relative to; that of the list if left out")
    evaluate.add_argument("--json", help="also write the scores here, for `dirfa push --metrics`")
    evaluate.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")
    evaluate.add_argument("--seconds", type=float, default=12.0, help="seconds of each clip to use (default 12)")
    evaluate.add_argument("--max-size", type=int, default=288, help="longest side rendered, pixels (default 288)")
    evaluate.add_argument("--seed", type=int, default=1, help="seed of the first clip's first take (default 1)")
    evaluate.add_argument("--seeds", type=int, default=3, help="takes to compare for diversity (default 3)")
    evaluate.add_argument("--limit", type=int, help="use only the first LIMIT clips")
    evaluate.add_argument("--quick", action="store_true", help="use every third clip, shorter, with two takes")
    evaluate.add_argument("--lexicon", help="pronunciations of words that pocketsphinx lacks, one per line")
    evaluate.add_argument("--embedder", help="MODULE:FUNCTION from an RGB uint8 picture to a face embedding")


def run(options: argparse.Namespace) -> None:
    """Run `dirfa evaluate`."""
    check_options(options)
    from ..evaluation.clip_list import read_clip_list

    data = Path(options.data) if options.data else None
    entries = read_clip_list(Path(options.list), data)[: options.limit]
    lexicon = Path(options.lexicon) if options.lexicon else None
    if not can_align([entry.text for entry in entries if entry.scored_by_phones], lexicon):
        entries = [replace(entry, text="") for entry in entries]
    embedder = find_embedder(options.embedder) if options.embedder else None
    pipe = load_pipeline(options.weights, doing=None)
    from ..evaluation.evaluate import evaluate, quick
    from ..evaluation.measuring import Settings
    from ..evaluation.report import format_report

    settings = Settings(options.seconds, options.max_size, options.seeds, options.seed, lexicon)
    if options.quick:
        entries, settings = quick(entries, settings)
    report = evaluate(pipe, entries, settings, embedder, progress)
    if options.json:
        with whole_file(options.json) as temporary:
            temporary.write_text(json.dumps(report, indent=1, allow_nan=False), encoding="utf-8")
    print(format_report(report))


def check_options(options: argparse.Namespace) -> None:
    """Find mistakes in the command line before anything heavy is loaded."""
    limits = {"seconds": (1.0, 600.0), "max_size": (64, 4096), "seed": (0, 2**62), "seeds": (1, 16)}
    for name, (low, high) in limits.items():
        value = getattr(options, name)
        if not low <= value <= high:
            raise InputError(f"--{name.replace('_', '-')} must be in [{low}, {high}], got {value}")
    if options.limit is not None and options.limit < 1:
        raise InputError(f"--limit must be 1 or more, got {options.limit}")
    for name in ("list", "lexicon"):
        path = getattr(options, name)
        if path is not None and not os.path.isfile(path):
            raise InputError(f"{name} not found: {path}")
    if options.data is not None and not os.path.isdir(options.data):
        raise InputError(f"--data must be a folder, got {options.data}")
    if options.json and not os.path.isdir(os.path.dirname(options.json) or "."):
        raise InputError(f"the folder of --json does not exist: {options.json}")


def can_align(texts: list[str], lexicon: Path | None) -> bool:
    """
    Whether the phones of these texts can be aligned with the sound; says so where pocketsphinx is missing.

    Raises:
        InputError: Words that nobody can pronounce.
    """
    if not texts:
        return True
    try:
        from ..evaluation.alignment import unpronounceable
    except ImportError:
        progress(
            f"warning: the phones of {len(texts)} clips with text are not scored: that needs pocketsphinx, "
            f"{how_to_install('train')}"
        )
        return False
    words = unpronounceable(texts, lexicon)
    if words:
        shown = ", ".join(words[:8]) + (", ..." if len(words) > 8 else "")
        raise InputError(
            f"{len(words)} words of the texts are in no dictionary: {shown}; apt-get install flite, which spells "
            "them, or write them into the file of --lexicon, a line each: the word and its ARPAbet phones"
        )
    return True


def find_embedder(name: str) -> "Embedder":
    """The function that `module:function` names."""
    module, _, function = name.partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"--embedder must be MODULE:FUNCTION that can be imported, got {name!r} ({error})") from error
