"""
Measure dubbing on real clips that say something else.

    python benchmarks/evaluate_dubbing.py CLIP... --speech SOUND [--seconds 6] [--max-size 720] [--sheet mouths.png]

Prints for each clip

- the frames per second of finding the face and of redrawing it, in wall-clock time and CPU time;
- the mean change from frame to frame in the ring where the drawn mouth fades into the film, relative to that of the
  film (1 means that dubbing adds no flicker);
- how many pixels outside the lower face differ before encoding;
- the PSNR outside the lower face of a lossless mp4 (crf 0) against the film, and that of the undubbed film with the
  same encoding.

The sheet shows mouths before and after.
"""

import argparse
import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from results import add_option, record

from dirfa_pipeline import AudioClip, DirfaPipeline, load_audio, write_video
from dirfa_pipeline.capture.films import FilmedFace, film_face
from dirfa_pipeline.face.landmarks import LIPS
from dirfa_pipeline.media.video import read_video
from dirfa_pipeline.rendering.redraw import lower_face


Frames = NDArray[np.uint8]
CELL = 160  # pixels


def excerpt(clip: Path, seconds: float, max_side: int, folder: Path) -> Path:
    """The clip's beginning as a lossless mp4, scaled so that its shorter side has at most `max_side` pixels."""
    video = read_video(clip)

    def frames() -> Iterator[Frames]:
        for frame in islice(video.frames, round(seconds * video.fps)):
            factor = min(1.0, max_side / min(frame.shape[:2]))
            size = [2 * round(side * factor / 2) for side in frame.shape[1::-1]]
            yield np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))

    write_video(folder / "film.mp4", frames(), video.fps, crf=0, preset="ultrafast", marks=None)
    return folder / "film.mp4"


def flicker(film: FilmedFace, source: Frames, dubbed: Frames) -> float:
    """Mean change from frame to frame where the mask fades, relative to that of the film."""
    own: list[float] = []
    ours: list[float] = []
    for index in range(1, len(source)):
        if film.shown[index] and film.shown[index - 1]:
            window, mask = lower_face(film.landmarks[index], film.face(index).scale, source.shape[1:3])
            ring = (mask > 0.02) & (mask < 0.98)
            for changes, frames in ((own, source), (ours, dubbed)):
                now, before = (frames[at][window][ring].astype(float) for at in (index, index - 1))
                changes.append(np.abs(now - before).mean())
    return float(np.mean(ours) / np.mean(own))


def outside(film: FilmedFace, index: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels of a frame that dubbing must not touch."""
    untouched = np.ones(shape, bool)
    if film.shown[index]:
        window, mask = lower_face(film.landmarks[index], film.face(index).scale, shape)
        untouched[window] = mask == 0.0
    return untouched


def encoded_psnr(film: FilmedFace, frames: Frames, source: Frames, folder: Path) -> float:
    """PSNR outside the lower face, of frames encoded to a lossless mp4."""
    write_video(folder / "coded.mp4", frames, film.fps, crf=0, marks=None)
    errors = [
        np.square(coded[kept].astype(float) - real[kept]).mean()
        for index, (coded, real) in enumerate(zip(read_video(folder / "coded.mp4").frames, source, strict=True))
        for kept in (outside(film, index, real.shape[:2]),)
    ]
    return float(10 * np.log10(255**2 / max(float(np.mean(errors)), 1e-9)))


def mouths(film: FilmedFace, source: Frames, dubbed: Frames, count: int = 8) -> Frames:
    """Crops of mouths and jaws, with the film above the dub."""
    chosen = np.flatnonzero(film.shown)[np.linspace(0, film.shown.sum() - 1, count).astype(int)]
    columns = []
    for index in chosen:
        x, y = film.landmarks[index][list(LIPS), :2].mean(0)
        half = 0.95 * film.face(index).scale
        box = (x - half, y - half, x + half, y + half)
        cells = [
            Image.fromarray(frames[index]).transform(
                (CELL, CELL), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC
            )
            for frames in (source, dubbed)
        ]
        columns.append(np.concatenate([np.asarray(cell) for cell in cells]))
    return np.concatenate(columns, axis=1)


def measure(
    pipe: DirfaPipeline, clip: Path, speech: AudioClip, options: argparse.Namespace
) -> tuple[str, Frames, dict[str, float]]:
    """A line of numbers, a sheet, and the figures for the documents."""
    with TemporaryDirectory() as name:
        path = excerpt(clip, options.seconds, options.max_size, Path(name))
        began, worked = time.perf_counter(), time.process_time()
        film = film_face(path, pipe.face_model)
        found = time.perf_counter()
        length = round(min(speech.duration, len(film) / film.fps) * speech.sampling_rate)
        sound = AudioClip(speech.samples[:, :length], speech.sampling_rate)
        frames = pipe.dub(film, sound, generator=torch.Generator().manual_seed(1))
        drawing = time.perf_counter()
        dubbed = np.stack(list(frames))
        done, worked = time.perf_counter(), time.process_time() - worked
        source = np.stack(list(read_video(path).frames))
        changed = sum(
            int((dubbed[index] != source[index])[outside(film, index, source.shape[1:3])].sum())
            for index in range(len(source))
        )
        ratio = flicker(film, source, dubbed)
        ours, plain = (encoded_psnr(film, one, source, Path(name)) for one in (dubbed, source))
        speeds = len(film) / (found - began), len(film) / (done - drawing), len(film) / worked
        line = (
            f"{clip.stem:20s} {source.shape[2]}x{source.shape[1]} {len(film)} frames {len(film.shots)} shots  "
            "find {:.1f} redraw {:.1f} fps, both {:.1f} a second of processor".format(*speeds)
            + f" (load {os.getloadavg()[0]:.1f})  flicker {ratio:.2f}  changed outside {changed}  "
            f"PSNR outside {ours:.1f} dB, undubbed {plain:.1f} dB"
        )
        told = {"processor_fps": speeds[-1], "flicker": ratio, "changed_outside": changed}
        return line, mouths(film, source, dubbed), told


def main() -> None:
    """Print a line per clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--speech", required=True, help="speech that they should say")
    parser.add_argument("--weights", default="dirfa-base")
    parser.add_argument("--seconds", type=float, default=6.0, help="seconds from the beginning of each clip")
    parser.add_argument("--max-size", type=int, default=720, help="most pixels of the shorter side")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sheet", type=Path)
    add_option(parser, "dubbing")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    pipe = DirfaPipeline.from_pretrained(options.weights)
    speech = load_audio(options.speech)
    sheets, rows = [], []
    for clip in options.clips:
        line, sheet, told = measure(pipe, clip, speech, options)
        print(line, flush=True)
        sheets.append(sheet)
        rows.append(told)
    record(options.record, {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}, options.weights)
    if options.sheet:
        Image.fromarray(np.concatenate(sheets)).save(options.sheet)


if __name__ == "__main__":
    main()
