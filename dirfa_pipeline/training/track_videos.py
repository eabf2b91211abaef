"""
Turn talking videos into animation: landmarks, fitted coefficients, quality flags and sound, one .npz a clip.

    python -m dirfa_pipeline.training.track_videos FOLDER... --weights weights/dirfa-base --output TRACKS

Each folder becomes a set of the same name. With `--report` the residual and the aperture correlation of every clip are
printed; landmarks are kept beside the tracks, so that a new FaceModel does not need them detected again.
"""

import argparse
import logging
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..audio import ENCODER_RATE, load_audio
from ..errors import AudioError
from ..metrics import eye_openness, lip_aperture
from ..models.face_model import FaceModel
from ..tracking import FPS, read_landmarks, to_grid


logger = logging.getLogger(__name__)

MAX_YAW = np.radians(35.0)
CUT = 0.25  # jump of the face between two frames, in inter-ocular distances, that counts as a cut


def flag_cuts(points: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take the frames on both sides of a cut out of the valid ones."""
    eyes = points[:, [33, 133, 362, 263], :2]
    unit = np.linalg.norm(eyes[:, 2:].mean(1) - eyes[:, :2].mean(1), axis=-1)
    jump = np.linalg.norm(np.diff(eyes.mean(1), axis=0), axis=-1) / np.median(unit)
    cut = np.flatnonzero(jump > CUT)
    valid = valid.copy()
    for offset in (-1, 0, 1, 2):
        valid[np.clip(cut + offset, 0, len(valid) - 1)] = False
    return valid


def track(path: Path, face_model: FaceModel, cache: Path) -> dict[str, NDArray]:
    """Everything about one clip that training needs."""
    if not cache.exists():
        landmarks, times = read_landmarks(path)
        save_arrays(cache, {"landmarks": landmarks, "times": times})
    with np.load(cache) as file:
        points, valid = to_grid(file["landmarks"], file["times"])
    fit = face_model.fit_video(points)
    valid = flag_cuts(points, valid)
    valid &= np.abs(fit.face.head_angles()[0] + fit.coefficients[:, -6]) < MAX_YAW
    valid &= fit.lip_residual < 0.04
    shown = fit.face.vertices(fit.coefficients)
    return {
        "coefficients": fit.coefficients, "fps": np.array(FPS), "valid": valid, "lip_residual": fit.lip_residual,
        "aperture": lip_aperture(points), "fitted_aperture": lip_aperture(shown), "eye_openness": eye_openness(points),
        "audio": read_sound(path),
    }  # fmt: skip


def read_sound(path: Path) -> NDArray[np.int16]:
    """The clip's sound as int16 at 16 kHz, empty where there is none."""
    try:
        return (load_audio(path).mono(ENCODER_RATE) * 32767).clip(-32768, 32767).astype(np.int16)
    except AudioError:
        return np.zeros(0, np.int16)


def save_arrays(path: Path, arrays: dict[str, NDArray]) -> None:
    """Write an .npz whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    with open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
    os.replace(temporary, path)


def main(arguments: list[str] | None = None) -> None:
    """Track every video of the given folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True, help="folder with face_model")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--report", action="store_true", help="print residual and aperture correlation of each clip")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    for path in sorted(p for folder in options.folders for p in folder.glob("*.mp4")):
        name = Path(path.parent.name) / f"{path.stem}.npz"
        try:
            arrays = track(path, face_model, options.output.parent / "landmarks" / name)
        except ValueError as error:
            logger.warning("%s left out: %s", name, error)
            continue
        save_arrays(options.output / name, arrays)
        if options.report:
            logger.info(
                "%s  frames %d  valid %.0f%%  lip residual %.2f%%  aperture correlation %.3f",
                name.with_suffix(""), len(arrays["valid"]), 100 * arrays["valid"].mean(),
                100 * np.sqrt(np.square(arrays["lip_residual"]).mean()),
                np.corrcoef(arrays["aperture"], arrays["fitted_aperture"])[0, 1],
            )  # fmt: skip


if __name__ == "__main__":
    main()
