"""`dirfa dub`: a video and other speech to mp4."""

import argparse
import os

from ..errors import InputError
from ..media.video import PRESET, PRESETS
from ..media.video_formats import check_output_path
from . import marks, output, progress
from .files import check_files, check_overwriting
from .loading import load_pipeline


EXAMPLES = """examples:
  dirfa dub clip.mp4 speech.wav -o dubbed.mp4
  dirfa dub clip.mp4 speech.wav -o dubbed.mp4 --seed 7 --crf 14
  dirfa dub clip.mp4 long.wav -o dubbed.mp4 --fit loop

If the speech is shorter than the video, the lips rest afterwards; if it is longer, choose with --fit. Dub people only
with their consent, and say that the video is synthetic."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa dub`."""
    dub = commands.add_parser(
        "dub", help="put other speech on the lips of a video", epilog=EXAMPLES,
        description="Make VIDEO say SPEECH: lips and jaw are redrawn, everything else stays.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    dub.set_defaults(run=run)
    dub.add_argument("video", help="a video that shows one face")
    dub.add_argument("speech", help="sound or video file with the speech (wav, mp3, m4a, flac, mp4)")
    dub.add_argument("-o", "--output", required=True, help=output.HELP)
    dub.add_argument(
        "--fit", default="film", choices=("film", "cut", "hold", "loop"),
        help="if the lengths differ: film (as long as the video, the default), cut (as long as the shorter one), "
        "hold or loop (the last picture stays, or the video starts again, while the speech goes on)",
    )  # fmt: skip
    dub.add_argument("--seed", type=int, help="repeats a take exactly; drawn and printed if left out")
    dub.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")
    dub.add_argument("--device", default="cpu", help="where the networks run: cpu, cuda, mps")
    dub.add_argument("--crf", type=int, default=18, help="video quality, 0 lossless to 51 (default 18)")
    dub.add_argument("--preset", default=PRESET, help="x264 preset, ultrafast to veryslow (default %(default)s)")
    marks.add_options(dub)


def run(options: argparse.Namespace) -> None:
    """Run `dirfa dub`; frames are read, redrawn and written one by one."""
    check_options(options)
    from ..media.audio import load_audio
    from ..media.video import read_video

    read_video(options.video)
    sound = load_audio(options.speech)
    pipeline = load_pipeline(options.weights, options.device, doing="dubbing")
    import torch

    from ..capture.film_length import fit_lengths
    from ..capture.films import film_face
    from ..provenance.marking import write_video

    progress("finding the face")
    film = film_face(options.video, pipeline.face_model, pipeline.detector_folder)
    if not film.shown.all():
        progress(f"{(~film.shown).sum()} of {len(film)} frames show no usable face and stay as they are")
    film, sound = fit_lengths(film, sound, options.fit)
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(4), "little") >> 1
    progress(f"drawing (seed {seed})")
    frames = pipeline.dub(film, sound, generator=torch.Generator().manual_seed(seed))
    said = marks.read_marks(options, redrawn=film.shown)
    write_video(options.output, frames, film.fps, sound, options.crf, options.preset, said)
    output.tell_written(options.output, len(film))


def check_options(options: argparse.Namespace) -> None:
    """Find mistakes in the command line before anything is loaded."""
    check_output_path(options.output)
    check_files(options.output, video=options.video, speech=options.speech)
    marks.check_options(options)
    check_overwriting([options.output], video=options.video, speech=options.speech)
    if options.preset not in PRESETS:
        raise InputError(f"--preset must be one of {', '.join(PRESETS)}, got {options.preset!r}")
    if options.seed is not None and not 0 <= options.seed < 2**63 - 100:
        raise InputError(f"--seed must be in [0, 2^63 - 100), got {options.seed}")
    if not 0 <= options.crf <= 51:
        raise InputError(f"--crf must be in [0, 51], got {options.crf}")
