"""The `dirfa` command: each command is a module of [`commands`] with `add_parser` and `run`."""

import argparse
import difflib
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

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
    """The parser of one command; its errors are one line each and say what may help."""

    _given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Keep what was given, which an error may be about."""
        self._given = sys.argv[1:] if args is None else args
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Add what is known of a frequent mistake to argparse's message, and exit."""
        _, _, missing = message.partition("arguments are required: ")
        if any(not name.startswith("-") for name in missing.split(", ") if name) and self._takes_several():
            message += "; put files before options that take several values"
        hint = "" if message.endswith("?") else f"; {self.prog} --help tells more"
        progress(f"error: {message}{hint}")
        raise SystemExit(BAD_INPUT)

    def reject(self, unknown: Sequence[str]) -> NoReturn:
        """Exit for arguments that this command does not have, naming the nearest option."""
        option = unknown[0].partition("=")[0]
        near = self._option_string_actions if option[:1] == "-" else ()
        self.error(f"unrecognized arguments: {' '.join(unknown)}{did_you_mean(option, near)}")

    def _takes_several(self) -> bool:
        """Whether an option that takes several values was given: it takes a file for one of them."""
        several = {name for action in self._actions if action.nargs == "+" for name in action.option_strings}
        return any(word in several for word in self._given)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Words that name the nearest of what is known; empty if none is near."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def build_parser() -> CommandParser:
    """The command line, with a help that teaches."""
    parser = CommandParser(
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
    given = sys.argv[1:] if arguments is None else arguments
    parser = build_parser()
    if not given:
        parser.print_help(sys.stderr)
        raise SystemExit(BAD_INPUT)
    names = [command.__name__.rpartition(".")[2] for command in COMMANDS]
    name = next((word for word in given if not word.startswith("-")), None)
    if name is not None and name not in names:
        parser.error(f"there is no command {name!r}{did_you_mean(name, names)}")
    options, unknown = parser.parse_known_args(given)
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
            sys.stdout.flush()  # what reads it may have gone
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
    if isinstance(error, BrokenPipeError) and _reader_left():
        return FAILED
    progress(f"failed: {type(error).__name__}: {error}; --debug shows where")
    return FAILED


def _reader_left() -> bool:
    """
    Whether what reads the standard output, such as `head`, has seen enough; the rest then goes nowhere, or the
    interpreter would fail to write it when it ends.
    """
    try:
        print(flush=True)  # what failed to be written before is no longer there to be flushed
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
