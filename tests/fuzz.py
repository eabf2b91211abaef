"""
Coverage-guided fuzzing of the parsers with atheris, which finds its way into branches that blind damage misses.

`pip install atheris`, then `python tests/fuzz.py KIND FOLDER -max_total_time=3600` with a kind of `KINDS`: FOLDER
keeps what reached something new. Whatever is neither read nor refused by an error of ours ends the run with its
traceback.
"""

import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Final

import atheris


with atheris.instrument_imports(
    include=["dirfa_pipeline.animation", "dirfa_pipeline.media", "dirfa_pipeline.capture.pictures", "PIL", "zipfile"]
):
    import numpy as np
    from media_files import speech, write_media
    from PIL import Image

    Image.preinit()

    from dirfa_pipeline import Animation, InputError, load_audio
    from dirfa_pipeline.animation.files import load_animation, save_animation
    from dirfa_pipeline.capture.pictures import read_image

# The file's ending and its reader; "npy" is a member of an archive, whose own checksum would hide all damage.
KINDS: Final[dict[str, tuple[str, Callable[[Path], object]]]] = {
    "csv": (".csv", load_animation), "json": (".json", load_animation), "npz": (".npz", load_animation),
    "npy": (".npz", load_animation), "picture": (".png", read_image), "sound": (".wav", load_audio),
}  # fmt: skip
MEMBER: Final = "coefficients.npy"


def write_seeds(folder: Path, kind: str) -> None:
    """Good files to begin with."""
    folder.mkdir(parents=True, exist_ok=True)
    ending, read = KINDS[kind]
    if read is load_animation:
        path = folder / f"seed{ending}"
        save_animation(Animation.from_curves(2, jawOpen=[0.1, 0.5], yaw=-0.1), path)
        if kind == "npy":
            path.rename(folder.with_suffix(".npz"))
            path.write_bytes(read_archive(folder.with_suffix(".npz"))[MEMBER])
    elif read is read_image:
        noise = np.random.default_rng(0).integers(0, 256, (66, 66, 3), np.uint8)
        for name in ("seed.png", "seed.jpg", "seed.gif", "seed.webp", "seed.tiff"):
            Image.fromarray(noise).save(folder / name)
    else:
        for name, codec in (("seed.wav", "pcm_s16le"), ("seed.flac", "flac"), ("seed.mp3", "libmp3lame")):
            write_media(folder / name, speech(0.25, 16_000), codec)


def read_archive(path: Path) -> dict[str, bytes]:
    """An archive's members."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_archive(path: Path, members: dict[str, bytes]) -> None:
    """Write an archive whose checksums are right."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def main() -> None:
    """Fuzz until libFuzzer's options say that it is enough."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    ending, read = KINDS[kind]
    write_seeds(folder, kind)
    path = Path(gettempdir()) / f"fuzzed-{kind}{ending}"
    members = read_archive(folder.with_suffix(".npz")) if kind == "npy" else {}
    warnings.simplefilter("ignore")

    def one_input(content: bytes) -> None:
        if kind == "npy":
            write_archive(path, {**members, MEMBER: content})
        else:
            path.write_bytes(content)
        try:
            read(path)
        except InputError as error:
            assert len(str(error)) > 20, str(error)

    atheris.Setup([sys.argv[0], str(folder), *sys.argv[3:]], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
