"""The `dirfa` command: each verb is a module of [`commands`] with `add_parser` and `run`."""

import argparse
import sys
from collections.abc import Sequence

from .commands import animate, bench, dub, edit, evaluate, export, generate, push, track
from .errors import InputError
from .version import __version__


COMMANDS = (generate, animate, dub, track, edit, export, bench, evaluate, push)
DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def build_parser() -> argparse.ArgumentParser:
    """The command line, with a help that teaches."""
    parser = argparse.ArgumentParser(
        prog="dirfa",
        description="One photo and one speech clip in; a video out in which that person says it.",
        epilog=generate.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dirfa {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 when done, 2 for bad input, 130 when interrupted, 1 for anything else."""
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
    except InputError as error:
        print(f"dirfa: error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("dirfa: interrupted, nothing half-written is left", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        print(f"dirfa: failed: {type(error).__name__}: {error}", file=sys.stderr)
        return FAILED
    return DONE


if __name__ == "__main__":
    sys.exit(main())
