"""The `dirfa` command: each command is a module of [`commands`] with `add_parser` and `run`."""

import argparse
import difflib
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from .commands import (
    animate,
    app,
    batch,
    bench,
    check,
    dub,
    edit,
    evaluate,
    export,
    generate,
    progress,
    push,
    say,
    serve,
    track,
    verify,
)
from .commands.process import messages_as_lines, open_standard_error
from .errors import InputError
from .threads import let_threads_sleep
from .version import __version__


COMMANDS = (generate, say, animate, dub, batch, app, serve, track, edit, export, bench, check, evaluate, verify, push)
DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class CommandParser(argparse.ArgumentParser):
    """The parser of one command; its errors say what may help."""

    def error(self, message: str) -> NoReturn:
        """Add what is known of a frequent mistake to argparse's message, and exit."""
        if "arguments are required" in message and any(
            action.option_strings and action.nargs == "+" for action in self._actions
        ):
            message += "; put files before options that take several values"
        super().error(message)

    def reject(self, unknown: Sequence[str]) -> NoReturn:
        """Exit for arguments that this command does not have, naming the nearest option."""
        message = f"unrecognized arguments: {' '.join(unknown)}"
        option = unknown[0].partition("=")[0]
        near = difflib.get_close_matches(option, self._option_string_actions, n=1) if option[:1] == "-" else []
        self.error(message + (f"; did you mean {near[0]}?" if near else ""))


def build_parser() -> argparse.ArgumentParser:
    """The command line, with a help that teaches."""
    parser = argparse.ArgumentParser(
        prog="dirfa",
        description="Make a video in which the person of a photo says a speech clip.",
        epilog=generate.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dirfa {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=CommandParser)
    for command in COMMANDS:
        command.add_parser(commands)
    for command_parser in commands.choices.values():
        command_parser.set_defaults(parser=command_parser)
    for name, place in [("", parser), *commands.choices.items()]:  # before the verb and after it
        default = argparse.SUPPRESS if name else False
        place.add_argument("--debug", action="store_true", default=default, help="show where an error came from")
    return parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of a command line; exits with a message for one that cannot be used."""
    options, unknown = build_parser().parse_known_args(arguments)
    if unknown:
        options.parser.reject(unknown)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 when done, 2 for bad input, 130 when interrupted, 1 for anything else."""
    open_standard_error()
    let_threads_sleep()
    options = parse(arguments)
    with messages_as_lines(options.debug):
        try:
            options.run(options)
            return DONE
        except (Exception, KeyboardInterrupt) as error:
            if options.debug:
                traceback.print_exc()
            return report(error)


def report(error: BaseException) -> int:
    """Say in one line what went wrong; returns the exit status."""
    if isinstance(error, InputError):
        progress(f"error: {error}")
        return BAD_INPUT
    if isinstance(error, KeyboardInterrupt):
        progress("stopped; nothing half-written is left")
        return INTERRUPTED
    progress(f"failed: {type(error).__name__}: {error}; --debug shows where")
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
