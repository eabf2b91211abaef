"""`dirfa export`: an animation file in another format, at another frame rate, or as a 3D head."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from . import faces, progress
from .files import check_files
from .loading import load_pipeline


if TYPE_CHECKING:
    from ..animation.animation import Animation
    from ..capture.faces import FaceChoice
    from ..capture.pictures import Photo

MAX_TEXTURE = 2048  # pixels: what every graphics card takes

EXAMPLES = """examples:
  dirfa export talk.npz -o talk.csv --fps 60
  dirfa export capture.csv -o capture.json
  dirfa export talk.npz --photo photo.jpg --sound speech.wav -o talk.glb"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa export`."""
    export = commands.add_parser(
        "export", help="convert an animation", epilog=EXAMPLES,
        description="Convert an animation to .npz, .csv (Live Link Face), .json, or with a photo to .glb (glTF).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    export.set_defaults(run=run)
    export.add_argument("animation", help="the animation to convert")
    export.add_argument("-o", "--output", required=True, help="the file to write: .npz, .csv, .json or .glb")
    export.add_argument("--format", choices=("npz", "csv", "json", "glb"), help="what the output's name must end in")
    export.add_argument("--photo", help="whose head a .glb shows")
    export.add_argument("--sound", help="for a .glb: the speech, written next to it as .wav; both start at 0")
    faces.add_option(export)
    export.add_argument("--weights", help="for a .glb: folder or hub id of a pipeline; the bundled one if left out")
    export.add_argument("--fps", type=float, help="frames per second; unchanged if left out")
    export.add_argument("--no-translation", action="store_true", help="a CSV with only Live Link Face's columns")


def run(options: argparse.Namespace) -> None:
    """Run `dirfa export`."""
    check_files(options.output, animation=options.animation, photo=options.photo, sound=options.sound)
    if options.format and not options.output.lower().endswith(f".{options.format}"):
        raise InputError(
            f"--output must end in .{options.format} for --format {options.format}, got {options.output!r}"
        )
    head = options.output.lower().endswith(".glb")
    if head and not options.photo:
        raise InputError("a .glb shows a person's head: add --photo PHOTO")
    if options.sound and not head:
        raise InputError("--sound is written next to a .glb; leave it out, or let --output end in .glb")
    from ..animation.files import load_animation, save_animation

    animation = load_animation(options.animation)
    person = faces.read_person(options, MAX_TEXTURE) if head else None
    if options.fps is not None:
        animation = animation.resample(options.fps)
    if person is not None:
        export_photo(*person, animation, options)
    else:
        save_animation(animation, options.output, translation=not options.no_translation)
    print(options.output, flush=True)


def export_photo(
    photo: "Photo", face: "FaceChoice | None", animation: "Animation", options: argparse.Namespace
) -> None:
    """Fit the photo's head and write it with the animation."""
    pipeline = load_pipeline(options.weights, draws=False)
    from ..head3d.export import export_head

    progress("fitting the face")
    portrait = pipeline.prepare_portrait(photo, face=face)
    export_head(pipeline.face_renderer.prepare(portrait), animation, options.output)
    if options.sound:
        write_sound(options.sound, Path(options.output).with_suffix(".wav"))


def write_sound(source: str, path: Path) -> None:
    """Write a sound file as 16-bit .wav at its own rate, whole or not at all."""
    from ..media.audio import load_audio
    from ..media.files import whole_file
    from ..media.wav import write_wav

    sound = load_audio(source)
    with whole_file(path) as temporary:
        write_wav(temporary, sound)
    print(path, flush=True)
