"""Named facial-animation coefficients over time: what sampler, editor and renderer exchange."""

import math
import os
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import AnimationError
from ..media.files import whole_file
from .coefficients import COEFFICIENT_NAMES, NUM_COEFFICIENTS, check_coefficients, check_names, coefficient_index
from .drawing import draw_animation
from .frame_rate import ANIMATION_FPS, MAX_FPS, MAX_FRAMES


@dataclass(frozen=True, eq=False)
class Animation:
    """
    Facial animation as named curves.

    Args:
        coefficients (`np.ndarray` of shape `(num_frames, 58)`):
            52 expression weights, nominally in [0, 1], under ARKit's names in ARKit's order; then head rotation (yaw,
            pitch, roll) in radians and translation (x, y, z) in inter-ocular distances, both relative to the photo's
            own pose, from which heads come half back to the camera when frames are drawn (`facing` in [`Controls`]).
            Positive yaw turns the face to the right of the picture, positive pitch lifts the chin, positive roll tilts
            the head clockwise; x points right, y down, z away from the viewer.
        fps (`float`, defaults to 25.0): Frames per second.

    Raises:
        AnimationError: The array has another shape or is not finite, or `fps` is not in (0, 240].
    """

    coefficients: NDArray[np.float32]
    fps: float = ANIMATION_FPS

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", check_coefficients(self.coefficients))
        if not 0 < self.fps <= MAX_FPS:
            raise AnimationError(f"fps must be in (0, {MAX_FPS:g}], got {self.fps}")

    def __len__(self) -> int:
        return len(self.coefficients)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self) / self.fps

    def _repr_html_(self) -> str:
        """Its curves, for notebooks."""
        return draw_animation(self)

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """The curve of one named coefficient, of shape `(num_frames,)`."""
        return self.coefficients[:, coefficient_index(name)]

    def replace(self, **curves: ArrayLike) -> "Animation":
        """Return a copy in which the named curves (a scalar or one value per frame) are replaced."""
        coefficients = self.coefficients.copy()
        for name, curve in curves.items():
            column = coefficient_index(name)
            try:
                values = np.asarray(curve, dtype=np.float32)
            except (TypeError, ValueError) as error:
                raise AnimationError(f"{name} must be numbers: {error}") from error
            if values.shape not in ((), (len(self),)):
                raise AnimationError(f"{name} needs one value or {len(self)} values, got shape {values.shape}")
            coefficients[:, column] = values
        return Animation(coefficients, self.fps)

    def resample(self, fps: float, num_frames: int | None = None) -> "Animation":
        """
        Return the animation at another frame rate, interpolated linearly in coefficient space.

        Frame `i` stands for the instant `(i + 0.5) / fps`, so that sound and motion keep their alignment.
        """
        if not 0 < fps <= MAX_FPS:
            raise AnimationError(f"fps must be in (0, {MAX_FPS:g}], got {fps}")
        if num_frames is None:
            num_frames = max(1, round(self.duration * fps))
        if fps == self.fps and num_frames == len(self):
            return self
        source_times = (np.arange(len(self)) + 0.5) / self.fps
        times = (np.arange(num_frames) + 0.5) / fps
        columns = [np.interp(times, source_times, column) for column in self.coefficients.T]
        return Animation(np.stack(columns, axis=1), fps)

    @classmethod
    def from_curves(cls, num_frames: int, fps: float = ANIMATION_FPS, **curves: ArrayLike) -> "Animation":
        """Build an animation from named curves; every coefficient not named is zero."""
        return cls(np.zeros((num_frames, NUM_COEFFICIENTS), np.float32), fps).replace(**curves)

    def save_npz(self, path: str | os.PathLike[str]) -> None:
        """Write `coefficients`, `names` and `fps` to a compressed NPZ file, whole or not at all."""
        with whole_file(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(
                file, coefficients=self.coefficients, names=np.array(COEFFICIENT_NAMES), fps=np.float64(self.fps)
            )

    @classmethod
    def load_npz(cls, path: str | os.PathLike[str]) -> "Animation":
        """
        Read what [`save_npz`] wrote, in any column order; raises [`AnimationError`] for anything else, and for what
        would unpack to more than an animation of the greatest length.
        """
        try:
            _check_unpacked_size(path)
            with np.load(path, allow_pickle=False) as file:
                coefficients, names, fps = file["coefficients"], _words(file["names"]), float(file["fps"])
        except Exception as error:  # of a damaged file zipfile, zlib and numpy raise whatever they stumble over
            raise AnimationError(
                f"{os.fspath(path)} is not an animation file: {str(error)[:200]}; pass what save_npz or "
                "--save-animation wrote"
            ) from error
        return cls.from_columns(coefficients, names, fps)

    @classmethod
    def from_columns(cls, values: ArrayLike, names: Sequence[str], fps: float) -> "Animation":
        """Build an animation from an array of shape `(num_frames, len(names))` whose columns are named."""
        try:
            array = np.asarray(values, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise AnimationError(f"coefficients must be numbers: {error}") from error
        if array.ndim != 2 or array.shape[1] != len(names):
            raise AnimationError(f"expected {len(names)} named columns, got an array of shape {array.shape}")
        check_names(names)
        coefficients = np.zeros((len(array), NUM_COEFFICIENTS), np.float32)
        coefficients[:, [coefficient_index(name) for name in names]] = array
        return cls(coefficients, fps)


def _check_unpacked_size(path: str | os.PathLike[str]) -> None:
    """Raise [`ValueError`] for an archive that unpacks, or whose arrays say that they unpack, to too much."""
    most = 8 * NUM_COEFFICIENTS * MAX_FRAMES  # bytes
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            size = member.file_size
            if member.filename.endswith(".npy"):
                with archive.open(member) as file:
                    version = np.lib.format.read_magic(file)
                    read_header = (
                        np.lib.format.read_array_header_1_0
                        if version == (1, 0)
                        else np.lib.format.read_array_header_2_0
                    )
                    shape, _, dtype = read_header(file)
                size = max(size, math.prod(shape) * dtype.itemsize)
            if size > most:
                raise ValueError(f"{member.filename} may have at most {most >> 20} MiB, got {size >> 20}")


def _words(names: NDArray[np.str_]) -> list[str]:
    """The words of an array as read from a file; raises [`ValueError`] for what are no words."""
    if names.dtype.kind != "U" or names.ndim != 1:
        raise ValueError(f"names must be a row of words, got {names.dtype} of shape {names.shape}")
    points = np.ascontiguousarray(names, names.dtype.newbyteorder("=")).view(np.uint32)
    if points.max(initial=0) > sys.maxunicode:  # Python makes strings of them on which it stumbles later
        raise ValueError("names hold what is no character")
    return [str(name) for name in names]
