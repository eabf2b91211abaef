"""Pictures in: files, PIL images and arrays as sRGB with even sides, and what a photo was before it became that."""

import io
import os
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageOps

from ..errors import ImageError


MAX_PIXELS: Final = 40_000_000
MIN_SIDE: Final = 64
DRAFT: Final = 2.0  # times the longest side asked for that a JPEG is decoded at: what is left to scaling looks alike
SIDEWAYS: Final = (5, 6, 7, 8)  # orientations in EXIF that swap width and height
# What Pillow's readers raise on damaged files: each has its own way to fail.
BROKEN: Final = (
    OSError, Image.DecompressionBombError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError,
    struct.error,
)  # fmt: skip
SMALLER: Final = "pass max_size=512 or so (dirfa: --max-size 512)"  # a JPEG is decoded at a part of its size
HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # in bytes 8 to 12


@dataclass(frozen=True, eq=False)
class Photo:
    """
    A photo as it was read.

    Args:
        pixels (`np.ndarray` of shape `(height, width, 3)`): uint8, sRGB, upright, both sides even.
        size (`tuple[int, int]`): Width and height of the photo itself, upright, in its own pixels.
        scale (`float`): Pixels here for one of the photo's own: under 1 where it was scaled down.
        mode (`str`): How its colours are stored, in the words of Pillow: `"RGB"`, `"L"`, `"CMYK"`, `"I;16"` ...
        profile (`str`): The name of the colour profile from which it was converted; empty for sRGB and for none.
        turned (`bool`): Whether it was turned or mirrored as its EXIF says.
        frames (`int`): How many pictures the file holds; this is the first.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    scale: float = 1.0
    mode: str = "RGB"
    profile: str = ""
    turned: bool = False
    frames: int = 1


ImageInput = Photo | Image.Image | NDArray[Any] | bytes | BinaryIO | str | os.PathLike[str]


def read_image(image: ImageInput, max_size: int | None = None) -> NDArray[np.uint8]:
    """The pixels of [`read_photo`], whose arguments and errors are the same."""
    return read_photo(image, max_size).pixels


def read_photo(image: ImageInput, max_size: int | None = None) -> Photo:
    """
    Read a picture as sRGB with even sides.

    Args:
        image: A `PIL.Image.Image` (turned as its EXIF says; transparency becomes white), a path, a file's bytes, a
            file opened for reading, an array of shape `(height, width)`, `(height, width, 1 | 3 | 4)`: integers by
            their type's range, floats in [0, 1]; or a [`Photo`], which passes through.
        max_size (`int`, *optional*): Longest side; larger pictures are scaled down, and JPEG files of any size can be
            read.

    Raises:
        ImageError: Unreadable, over 40 megapixels, under 64 pixels, or an array of another kind.
    """
    check_max_size(max_size)
    if isinstance(image, Photo):
        return image
    if isinstance(image, Image.Image):
        picture, own = image, image.size
    elif _is_file(image):
        picture, own = _open(image, max_size)
    else:
        picture = Image.fromarray(_array_to_uint8(np.asarray(image)))
        own = picture.size
    _check_area(picture)
    mode, frames = picture.mode, _count(picture)
    upright, orientation = _upright(picture)
    picture, profile = _to_srgb(upright)
    if orientation in SIDEWAYS:
        own = own[::-1]
    if max_size is not None and max(picture.size) > max_size:
        factor = max_size / max(picture.size)
        picture = picture.resize([max(2, round(side * factor)) for side in picture.size], Image.Resampling.LANCZOS)
    scale = max(picture.size) / max(own)
    width, height = (side - side % 2 for side in picture.size)
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"pictures must be at least {MIN_SIDE} pixels wide and high, got {width} x {height}")
    pixels = np.array(picture.crop((0, 0, width, height)))
    return Photo(pixels, own, scale, mode, profile, turned=orientation in range(2, 9), frames=frames)


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
    elif not isinstance(image, Photo) and not _is_file(image):
        _check_array(np.asarray(image))


def check_max_size(max_size: int | None) -> None:
    """Raise [`ImageError`] unless pictures can be scaled to that longest side."""
    if max_size is not None and max_size < MIN_SIDE:
        raise ImageError(f"max_size must be at least {MIN_SIDE} pixels, got {max_size}")


def _is_file(image: Any) -> bool:
    return isinstance(image, str | os.PathLike | bytes) or hasattr(image, "read")


def _check_file(path: str) -> str:
    """The path, with a `~` in it expanded."""
    if path.startswith(("http://", "https://")):
        raise ImageError(f"pictures must be files, got the address {path}; download it first")
    path = os.path.expanduser(path)
    if not os.path.isfile(path):
        raise ImageError(f"image file not found: {path}")
    return path


def _check_area(picture: Image.Image, remedy: str = "scale it down first") -> None:
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageError(
            f"pictures may hold up to {MAX_PIXELS // 1_000_000} megapixels, got {picture.width} x {picture.height}; "
            f"{remedy}"
        )


def _open(source: Any, max_size: int | None) -> tuple[Image.Image, tuple[int, int]]:
    """A file's first picture, decoded, a JPEG no larger than needed; and the size that the file states."""
    name, file = _name(source), io.BytesIO(source) if isinstance(source, bytes) else source
    if isinstance(file, str | os.PathLike):
        file = _check_file(os.fspath(file))
    try:
        picture = Image.open(file)
        own = picture.size
        if picture.format == "JPEG" and max_size is not None:
            factor = DRAFT * max_size / max(own)
            picture.draft(picture.mode, (round(factor * own[0]), round(factor * own[1])))
        if picture.width * picture.height <= MAX_PIXELS:
            picture.load()
    except BROKEN as error:
        if _is_heif(file):
            raise ImageError(f"{name} is a HEIC picture, which cannot be read; save it as JPEG") from error
        raise ImageError(f"{name} cannot be read as a picture ({error}); pass a JPEG, PNG or WebP file") from error
    _check_area(picture, SMALLER if picture.format == "JPEG" else "scale it down first, or save it as JPEG")
    return picture, own


def _name(source: Any) -> str:
    return os.fspath(source) if isinstance(source, str | os.PathLike) else "the file"


def _is_heif(file: Any) -> bool:
    if isinstance(file, str):
        with open(file, "rb") as opened:
            return _is_heif(opened)
    file.seek(0)
    return bool(file.read(12)[8:] in HEIF_BRANDS)


def _upright(picture: Image.Image) -> tuple[Image.Image, int]:
    """The picture turned as its EXIF says, and what that was; as it is where the EXIF is damaged."""
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
        return ImageOps.exif_transpose(picture), orientation
    except BROKEN:
        return picture, 1


def _count(picture: Image.Image) -> int:
    """How many pictures a file holds."""
    try:
        return int(getattr(picture, "n_frames", 1))
    except BROKEN:  # the first one is whole, and others are not asked for
        return 1


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


def _to_srgb(picture: Image.Image) -> tuple[Image.Image, str]:
    """The picture as RGB in the colours of sRGB, and the name of the profile that it was converted from."""
    data = picture.info.get("icc_profile")
    if not data:
        return _to_rgb(picture), ""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        name = ImageCms.getProfileDescription(profile).strip()
        if "srgb" in name.lower():
            return _to_rgb(picture), ""
        stored = picture if picture.mode in ("L", "CMYK", "LAB") else _to_rgb(picture)
        converted = ImageCms.profileToProfile(
            stored, profile, ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC, outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):  # a broken profile, or one of another kind of colour
        return _to_rgb(picture), ""
    return (_to_rgb(picture), "") if converted is None else (converted, name or "a colour profile without a name")


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
