"""Photos of every kind become RGB with even sides; faces are found in them."""

import io
import struct
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from dirfa_pipeline import FaceModel, Portrait
from dirfa_pipeline.capture.pictures import read_image, read_photo
from dirfa_pipeline.errors import FaceNotFoundError, ImageError
from dirfa_pipeline.face.landmarks import LIPS
from dirfa_pipeline.face.measures import face_size


def ramp(width: int = 80, height: int = 70) -> np.ndarray:
    """Red grows to the right, green downwards, blue is constant."""
    y, x = np.mgrid[:height, :width]
    return np.stack([3 * x, 3 * y, np.full_like(x, 60)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(a, 2).transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a)),
    ],
)
def test_exif_turns_the_picture(tmp_path: Path, orientation: int, turn: Callable[[np.ndarray], np.ndarray]) -> None:
    picture = Image.fromarray(ramp())
    picture.getexif()[0x0112] = orientation
    picture.save(tmp_path / "a.png", exif=picture.getexif())
    for image in (picture, tmp_path / "a.png", str(tmp_path / "a.png")):
        np.testing.assert_array_equal(read_image(image), turn(ramp()))


def clear_left() -> np.ndarray:
    """The ramp, transparent on its left half, half transparent in its last rows."""
    alpha = np.full((70, 80, 1), 255, np.uint8)
    alpha[:, :40] = 0
    alpha[60:, 40:] = 128
    return np.concatenate([ramp(), alpha], axis=2)


@pytest.mark.parametrize("as_array", [False, True])
def test_alpha_lies_over_white(as_array: bool) -> None:
    image = clear_left() if as_array else Image.fromarray(clear_left())
    seen = read_image(image)
    assert (seen[:, :40] == 255).all()
    np.testing.assert_array_equal(seen[:60, 40:], ramp()[:60, 40:])
    half = 0.5 * ramp()[60:, 40:] + 0.5 * 255
    np.testing.assert_allclose(seen[60:, 40:], half, atol=2)


def test_grey_with_alpha() -> None:
    seen = read_image(Image.fromarray(clear_left()).convert("LA"))
    assert (seen[:, :40] == 255).all()
    assert np.ptp(seen, axis=2).max() == 0


def test_clear_palette_colour_becomes_white(tmp_path: Path) -> None:
    picture = Image.new("P", (80, 70), 1)
    picture.putpalette([0, 0, 0, 200, 30, 10])
    picture.paste(0, (0, 0, 40, 70))
    picture.save(tmp_path / "a.png", transparency=0)
    seen = read_image(tmp_path / "a.png")
    assert (seen[:, :40] == 255).all()
    assert (seen[:, 40:] == [200, 30, 10]).all()


GREY = ramp()[..., 0]
KINDS = {
    "L": lambda: Image.fromarray(GREY),
    "array": lambda: GREY,
    "array with an axis": lambda: GREY[..., None],
    "float array": lambda: GREY / 255.0,
    "uint16 array": lambda: GREY.astype(np.uint16) << 8,
    "I;16": lambda: Image.fromarray(GREY.astype(np.uint16) << 8),
    "I": lambda: Image.fromarray(GREY.astype(np.int32) << 8),
    "dark I;16": lambda: Image.fromarray(GREY.astype(np.uint16)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_grey(kind: str) -> None:
    seen = read_image(KINDS[kind]())
    expected = np.zeros_like(GREY) if kind == "dark I;16" else GREY
    np.testing.assert_array_equal(seen, np.repeat(expected[..., None], 3, axis=2))


def test_palette_and_cmyk() -> None:
    few = (ramp() // 64 * 64).astype(np.uint8)
    np.testing.assert_array_equal(read_image(Image.fromarray(few).quantize(256)), few)
    assert np.abs(read_image(Image.fromarray(few).convert("CMYK")).astype(int) - few).max() <= 2


def test_sixteen_bit_file(tmp_path: Path) -> None:
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[..., 1], GREY)


def test_colour_arrays() -> None:
    np.testing.assert_array_equal(read_image(ramp()), ramp())
    np.testing.assert_array_equal(read_image((ramp() / 255.0).astype(np.float32)), ramp())
    np.testing.assert_array_equal(read_image(ramp().astype(np.uint16) * 257), ramp())


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[..., ::-1].copy()[..., ::-1],
        np.asfortranarray,
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        lambda a: np.frombuffer(a.tobytes(), np.uint8).reshape(a.shape),
    ],
    ids=["colours turned round", "columns first", "every other column", "read-only"],
)
def test_any_view_of_an_array_is_taken(view: Callable[[np.ndarray], np.ndarray]) -> None:
    np.testing.assert_array_equal(read_image(view(ramp())), ramp())


@pytest.mark.parametrize(("width", "height"), [(81, 71), (80, 71), (81, 70), (66, 64)])
def test_sides_are_even(width: int, height: int) -> None:
    seen = read_image(ramp(width, height))
    assert seen.shape == (height - height % 2, width - width % 2, 3)
    np.testing.assert_array_equal(seen, ramp(width, height)[: len(seen), : seen.shape[1]])


@pytest.mark.parametrize(
    ("size", "max_size", "expected"),
    [((400, 300), 200, (200, 150)), ((300, 401), 200, (150, 200)), ((400, 300), 400, (400, 300)),
     ((400, 300), 1000, (400, 300)), ((401, 301), 101, (100, 76))],
)  # fmt: skip
def test_max_size(size: tuple[int, int], max_size: int, expected: tuple[int, int]) -> None:
    assert read_image(Image.new("RGB", size, "teal"), max_size).shape == (*expected[::-1], 3)


def test_colours_of_another_profile_become_those_of_srgb(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    picture = ImageCms.profileToProfile(Image.fromarray(ramp()), ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
    picture.info["icc_profile"] = lab.tobytes()
    photo = read_photo(picture)
    assert photo.mode == "LAB" and photo.profile
    assert np.abs(photo.pixels.astype(int) - ramp()).mean() < 3
    srgb = Image.fromarray(ramp())
    srgb.save(tmp_path / "a.png", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png").pixels, ramp())
    assert read_photo(tmp_path / "a.png").profile == ""
    srgb.save(tmp_path / "broken.png", icc_profile=b"no profile")
    np.testing.assert_array_equal(read_photo(tmp_path / "broken.png").pixels, ramp())


def test_bytes_and_open_files(tmp_path: Path) -> None:
    Image.fromarray(ramp()).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    for image in (data, io.BytesIO(data)):
        np.testing.assert_array_equal(read_image(image), ramp())
    with pytest.raises(ImageError, match="the file cannot be read as a picture"):
        read_image(b"no picture at all")


def test_home_is_expanded_and_addresses_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(ramp()).save(tmp_path / "a.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    np.testing.assert_array_equal(read_image("~/a.png"), ramp())
    with pytest.raises(ImageError, match=r"must be files, got the address https://example.org/a.png; download"):
        read_image("https://example.org/a.png")


def test_huge_jpegs_are_read_where_a_size_is_given(tmp_path: Path) -> None:
    Image.new("RGB", (8000, 6000), (200, 90, 60)).save(tmp_path / "phone.jpg", quality=50)
    photo = read_photo(tmp_path / "phone.jpg", max_size=512)
    assert photo.pixels.shape == (384, 512, 3) and photo.size == (8000, 6000)
    assert photo.scale == pytest.approx(512 / 8000)
    assert np.abs(photo.pixels.astype(int) - [200, 90, 60]).max() <= 3
    with pytest.raises(ImageError, match="40 megapixels, got 8000 x 6000; pass max_size=512 .*--max-size 512"):
        read_photo(tmp_path / "phone.jpg")
    Image.new("L", (8000, 6000)).save(tmp_path / "phone.png")
    with pytest.raises(ImageError, match="got 8000 x 6000; scale it down first, or save it as JPEG"):
        read_photo(tmp_path / "phone.png", max_size=512)


def test_heic_is_named(tmp_path: Path) -> None:
    (tmp_path / "phone.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(200))
    with pytest.raises(ImageError, match=r"phone.jpg is a HEIC picture, which cannot be read; save it as JPEG"):
        read_image(tmp_path / "phone.jpg")


def test_what_a_photo_was(tmp_path: Path) -> None:
    picture = Image.fromarray(ramp(101, 71))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.jpg", exif=exif)
    photo = read_photo(tmp_path / "a.jpg")
    assert (photo.size, photo.scale, photo.mode, photo.turned) == ((71, 101), 1.0, "RGB", True)
    assert photo.pixels.shape == (100, 70, 3)
    assert read_photo(photo) is photo


def test_a_file_of_several_pictures_says_which_was_looked_at(tmp_path: Path, face_model: FaceModel) -> None:
    blank = Image.new("RGB", (96, 96), "white")
    blank.save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("RGB", (96, 96), "red")])
    with pytest.raises(FaceNotFoundError, match="picture 1 of 2 in this file; pass another one of them by itself"):
        Portrait.from_image(tmp_path / "a.gif", face_model)


def test_a_second_picture_that_is_damaged_does_no_harm(tmp_path: Path) -> None:
    """A directory that names no width."""
    first = Image.fromarray(ramp())
    first.save(tmp_path / "a.tiff", save_all=True, append_images=[first])
    content = bytearray((tmp_path / "a.tiff").read_bytes())
    (directory,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, directory)
    (directory,) = struct.unpack_from("<I", content, directory + 2 + 12 * entries)
    assert struct.unpack_from("<H", content, directory + 2) == (256,)
    struct.pack_into("<H", content, directory + 2, 65000)
    (tmp_path / "a.tiff").write_bytes(content)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tiff"), ramp())


def test_damaged_exif_does_no_harm(tmp_path: Path) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 40) + struct.pack("<HHII", 0x0112, 3, 1, 6) + b"\xff" * 90
    Image.fromarray(ramp()).save(tmp_path / "a.png", exif=exif)
    assert read_image(tmp_path / "a.png").shape[2] == 3


def test_the_photo_is_left_alone(astronaut: Path) -> None:
    array = np.array(Image.open(astronaut))
    before = array.copy()
    read_image(array)[:] = 0
    np.testing.assert_array_equal(array, before)


def test_portrait(portrait: Portrait, astronaut: Path) -> None:
    np.testing.assert_array_equal(portrait.image, np.array(Image.open(astronaut)))
    assert portrait.mask.shape == portrait.image.shape[:2]
    assert portrait.mask.min() >= 0
    assert portrait.mask.max() <= 1
    assert portrait.mask[100:300, 200:250].mean() > 0.9
    assert portrait.landmarks.shape == (478, 3)
    np.testing.assert_allclose(portrait.landmarks[:, :2].mean(0), [224, 122], atol=6)


def test_same_photo_same_portrait(portrait: Portrait, astronaut: Path, face_model: FaceModel) -> None:
    again = Portrait.from_image(Image.open(astronaut), face_model)
    np.testing.assert_array_equal(again.landmarks, portrait.landmarks)
    np.testing.assert_array_equal(again.mask, portrait.mask)


def test_size_of_the_photo_hardly_matters(portrait: Portrait, astronaut: Path, face_model: FaceModel) -> None:
    large = Portrait.from_image(Image.open(astronaut).resize((1536, 1536), Image.Resampling.LANCZOS), face_model)
    np.testing.assert_allclose(large.landmarks[:, :2] / 3, portrait.landmarks[:, :2], atol=0.05 * portrait.face.scale)
    assert large.face.scale == pytest.approx(3 * portrait.face.scale, rel=0.03)


@pytest.mark.parametrize("largest_first", [True, False])
def test_two_faces(astronaut: Path, face_model: FaceModel, largest_first: bool) -> None:
    head = Image.open(astronaut).crop((90, 0, 360, 300))
    faces = [head, head.resize((216, 240), Image.Resampling.LANCZOS)]
    if not largest_first:
        faces.reverse()
    both = Image.new("RGB", (486, 300), "grey")
    both.paste(faces[0], (0, 0))
    both.paste(faces[1], (faces[0].width, 0))
    with pytest.warns(UserWarning, match="2 faces found"):
        portrait = Portrait.from_image(both, face_model)
    expected = 134 if largest_first else 216 + 134
    assert portrait.landmarks[:, 0].mean() == pytest.approx(expected, abs=5)
    assert face_size(portrait.landmarks) > 80


def test_a_hidden_mouth_is_refused(portrait: Portrait, face_model: FaceModel) -> None:
    picture = portrait.image.copy()
    low, high = portrait.landmarks[list(LIPS), :2].min(0), portrait.landmarks[list(LIPS), :2].max(0)
    margin = 0.35 * (high - low).max()
    x0, y0 = (low - margin).astype(int)
    x1, y1 = (high + margin).astype(int)
    picture[y0:y1, x0:x1] = (120, 160, 200)
    with pytest.raises(FaceNotFoundError, match="the mouth is hidden by a hand, a mask, hair"):
        Portrait.from_image(picture, face_model)


def test_upside_down_is_named(astronaut: Path, face_model: FaceModel) -> None:
    with pytest.raises(FaceNotFoundError, match="upside down; turn it by 180 degrees"):
        Portrait.from_image(Image.open(astronaut).rotate(180), face_model)


@pytest.mark.parametrize("degrees", [90, 270])
def test_sideways_works(astronaut: Path, face_model: FaceModel, degrees: int) -> None:
    portrait = Portrait.from_image(Image.open(astronaut).rotate(degrees), face_model)
    roll = np.degrees(portrait.face.head_angles()[2])
    assert abs(roll) == pytest.approx(90, abs=8)


def test_visible_mouth_is_not_warned_of(astronaut: Path, face_model: FaceModel) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Portrait.from_image(astronaut, face_model)
