"""`dirfa say`: photo and text to mp4."""

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import InputError
from . import faces, generate, output, progress


EXAMPLES = """examples:
  dirfa say photo.jpg "Hello, how are you?" -o talk.mp4
  dirfa say photo.jpg "Guten Tag!" -o talk.mp4 --voice espeak:de --seed 7
  dirfa say photo.jpg "Hello." -o talk.mp4 --voice pocket:alba
  dirfa say photo.jpg "Hello." -o talk.mp4 --voice "http://127.0.0.1:8880/v1#model=kokoro&voice=af_bella"
  dirfa say photo.jpg - -o talk.mp4 --voice "command:piper --model en.onnx --output_file -" < text.txt

Show people only with their consent, and say that the video is synthetic."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa say`."""
    say = commands.add_parser(
        "say", help="make a talking video from a text", epilog=EXAMPLES,
        description="Make a video in which the person of PHOTO says TEXT.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    say.set_defaults(run=run, animation=None)
    say.add_argument("photo", help="picture that shows one face from the front (JPEG, PNG, WebP)")
    say.add_argument("text", help="what to say, up to 4096 characters; - reads the standard input")
    say.add_argument(
        "--voice", default="espeak",
        help="who says it: espeak[:LANGUAGE], pocket[:VOICE], http://HOST/v1[#model=MODEL&voice=VOICE], whose key is "
        "read from DIRFA_VOICE_KEY, or command:PROGRAM, which reads text and writes WAV (default %(default)s)",
    )  # fmt: skip
    generate.add_options(say)


def run(options: argparse.Namespace) -> None:
    """Run `dirfa say`: the text becomes a sound file, and that a video as by `dirfa generate`."""
    options.speech = None
    if os.path.isfile(options.text) and not os.path.isfile(options.photo):
        raise InputError(f"the photo comes before the text, got {options.photo!r} {options.text!r}; swap them")
    if os.path.isfile(options.text):
        raise InputError(
            f"the text is the name of a file, {options.text}; dirfa generate takes sound, and - reads a text: "
            f"dirfa say PHOTO - < TEXT"
        )
    generate.check_options(options)
    from ..live.voices.choose import open_voice
    from ..live.voices.voice import SpokenText
    from ..media.wav import write_wav

    text = sys.stdin.read() if options.text == "-" else options.text
    spoken = SpokenText(text, open_voice(options.voice))
    faces.read_person(options, output.longest_side(options))  # before anything is spoken
    progress("speaking")
    clip = spoken.speak()
    with TemporaryDirectory(prefix="dirfa-") as folder:
        options.speech = str(Path(folder) / "speech.wav")
        write_wav(options.speech, clip)
        generate.run(options)
