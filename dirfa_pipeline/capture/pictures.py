"""Pictures in: files, PIL images and arrays as RGB with even sides."""

import os
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import ImageError


ImageInput = Image.Image | NDArray[Any] | str | os.PathLike[str]
MAX_PIXELS: Final = 40_000_000
MIN_SIDE: Final = 64


def read_image(image: ImageInput, max_size: int | None = None) -> NDArray[np.uint8]:
    """
    Read a picture as RGB with even sides.

    Args:
        image: A `PIL.Image.Image` (turned as its EXIF says; transparency becomes white), a path, or an array of shape
            `(height, width)`, `(height, width, 1 | 3 | 4)`: integers by their type's range, floats in [0, 1].
        max_size (`int`, *optional*): Longest side; larger pictures are scaled down.

    Returns:
        `np.ndarray` of shape `(height, width, 3)`, uint8.

    Raises:
        ImageError: Unreadable, over 40 megapixels, under 64 pixels, or an array of another kind.
    """
    check_max_size(max_size)
    if isinstance(image, str | os.PathLike):
        picture = _open(os.fspath(image))
    elif isinstance(image, Image.Image):
        picture = image
    else:
        picture = Image.fromarray(_array_to_uint8(np.asarray(image)))
    _check_area(picture)
    picture = _to_rgb(ImageOps.exif_transpose(picture))
    if max_size is not None and max(picture.size) > max_size:
        factor = max_size / max(picture.size)
        picture = picture.resize([max(2, round(side * factor)) for side in picture.size], Image.Resampling.LANCZOS)
    width, height = (side - side % 2 for side in picture.size)
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"pictures must be at least {MIN_SIDE} pixels wide and high, got {width} x {height}")
    return np.array(picture.crop((0, 0, width, height)))


def check_picture(image: ImageInput) -> None:
    """
    Check what can be told without decoding a file.

    Raises:
        ImageError: The file is missing, the picture too large, or the array of a kind that [`read_image`] refuses.
    """
    if isinstance(image, str | os.PathLike):
        _check_file(os.fspath(image))
    elif isinstance(image, Image.Image):
        _check_area(image)
    else:
        _check_array(np.asarray(image))


def check_max_size(max_size: int | None) -> None:
    """Raise [`ImageError`] unless pictures can be scaled to that longest side."""
    if max_size is not None and max_size < MIN_SIDE:
        raise ImageError(f"max_size must be at least {MIN_SIDE} pixels, got {max_size}")


def _check_file(path: str) -> None:
    if not os.path.isfile(path):
        raise ImageError(f"image file not found: {path}")


def _check_area(picture: Image.Image) -> None:
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageError(
            f"pictures may hold up to {MAX_PIXELS // 1_000_000} megapixels, got {picture.width} x {picture.height}; "
            "scale it down first"
        )


def _open(path: str) -> Image.Image:
    _check_file(path)
    try:
        picture = Image.open(path)
        if picture.width * picture.height <= MAX_PIXELS:
            picture.load()
        return picture
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise ImageError(f"{path} cannot be read as a picture ({error}); pass a JPEG, PNG or WebP file") from error


def _check_array(array: NDArray[Any]) -> None:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)) or 0 in array.shape:
        raise ImageError(f"image arrays must have shape (height, width[, 1 | 3 | 4]), got {array.shape}")
    if array.dtype in (np.uint8, np.uint16):
        return
    if array.dtype.kind != "f":
        raise ImageError(f"image arrays must be uint8, uint16 or float in [0, 1], got {array.dtype}")
    # NaN and infinity spoil the extremes, so that one comparison finds them too.
    low, high = float(array.min()), float(array.max())
    if not (low >= 0.0 and high <= 1.0):
        raise ImageError(
            f"float images must be finite and in [0, 1], got {low:.3g} to {high:.3g}; divide by 255 or pass uint8"
        )


def _array_to_uint8(array: NDArray[Any]) -> NDArray[np.uint8]:
    _check_array(array)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    return np.round(array * 255.0).astype(np.uint8)


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture, dtype=np.float64)
        deep = picture.mode.startswith("I;16") or values.max() > 255
        picture = Image.fromarray(np.clip(values / (256.0 if deep else 1.0), 0, 255).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")
