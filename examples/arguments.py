"""Arguments of all examples: a photo, a speech, the folder to write to, and how much of the speech to use."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from dirfa_pipeline import AudioClip, load_audio


BUNDLED = Path(__file__).parents[1] / "dirfa_pipeline" / "examples"


@dataclass(frozen=True)
class Options:
    """The photo's path, the speech, the longest side of videos in pixels (`None` for the photo's), and the folder."""

    photo: Path
    speech: AudioClip
    max_size: int | None
    output: Path


def parse_arguments(description: str | None) -> Options:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path, nargs="?", default=BUNDLED / "astronaut.jpg")
    parser.add_argument("speech", type=Path, nargs="?", default=BUNDLED / "speech.flac")
    parser.add_argument(
        "--output", type=Path, default=Path("outputs"), help="folder for what is made (default outputs)"
    )
    parser.add_argument("--seconds", type=float, help="use only the beginning of the speech")
    parser.add_argument("--max-size", type=int, help="longest side of videos in pixels; the photo's own if left out")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    speech = load_audio(options.speech)
    if options.seconds:
        speech = AudioClip(speech.samples[:, : round(options.seconds * speech.sampling_rate)], speech.sampling_rate)
    return Options(options.photo, speech, options.max_size, options.output)
