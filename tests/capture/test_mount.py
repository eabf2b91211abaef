"""Round avatars: the head turns behind the mount, and nothing of the mount gets behind the head."""

import numpy as np
import pytest
from PIL import Image

from dirfa_pipeline import Animation, FaceModel, FaceRenderer, Portrait
from dirfa_pipeline.capture.mount import find_mount


TEAL = np.array([70, 110, 120], np.uint8)


def disc(side: int) -> np.ndarray:
    rows, columns = np.indices((side, side)) - 0.5 * (side - 1)
    return np.hypot(rows, columns) < 0.49 * side


@pytest.mark.parametrize("sky", [False, True], ids=["noise", "a sky of the mount's colour"])
def test_a_round_picture_has_a_mount(sky: bool) -> None:
    image = np.random.default_rng(0).integers(130, 240, (160, 160, 3)).astype(np.uint8)
    if sky:
        image[:12] = TEAL
    image[~disc(160)] = TEAL
    image.flags.writeable = False
    mount = find_mount(image)
    assert mount is not None
    rows, columns = np.indices((160, 160)) - 79.5
    assert mount.cover[np.hypot(rows, columns) > 80].min() == 255
    assert mount.cover[np.hypot(rows, columns) < 72].max() == 0
    bare = (255 - mount.cover[..., None].astype(int)) * mount.below(image)
    np.testing.assert_array_equal((bare + 127) // 255 + mount.own, image)
    if not sky:
        assert mount.below(image).min() >= 130


def test_only_what_crosses_the_edge_is_mirrored() -> None:
    """Of dark hair that lies near the edge and does not reach it, nothing shows above the edge."""
    image = np.full((160, 160, 3), 220, np.uint8)
    hair = np.zeros((160, 160), np.float32)
    hair[16:60, 44:110] = 1.0
    image[hair > 0] = 20
    image[~disc(160)] = TEAL
    mount = find_mount(image)
    assert mount is not None
    above = np.s_[:1, 39:42]
    assert mount.below(image)[above].min() < 60  # mirrored, hair is there
    around = mount.around(image, hair)
    assert around.below(image)[above].min() > 200
    bare = (255 - around.cover[..., None].astype(int)) * around.below(image)
    np.testing.assert_array_equal((bare + 127) // 255 + around.own, image)
    hair[:16, 30:110] = 1.0  # a person who reaches the edge goes on
    assert mount.around(image, hair).below(image)[above].min() < 60


def test_a_plain_wall_is_no_mount(portrait: Portrait) -> None:
    image = np.full((160, 160, 3), 240, np.uint8)
    image[40:110, 50:110] = image[110:, 20:140] = 20
    assert find_mount(image) is None
    assert find_mount(portrait.image) is None


def test_heads_turn_behind_their_mount(renderer: FaceRenderer, portrait: Portrait, face_model: FaceModel) -> None:
    side = min(portrait.image.shape[:2])
    image = portrait.image[:side, :side].copy()
    inside = disc(side)
    image[~inside] = (0, 255, 0)
    round_one = Portrait.from_image(Image.fromarray(image), face_model)
    prepared = renderer.prepare(round_one)
    rest = round_one.face.rest_coefficients()[None]
    turned = Animation.from_curves(2, yaw=[-0.35, 0.35], pitch=[0.2, -0.2]).coefficients
    still, *moved = renderer.render(prepared, np.concatenate([rest, turned]).astype(np.float32))
    corners = np.hypot(*(np.indices((side, side)) - 0.5 * (side - 1))) > 0.5 * side
    assert np.abs(still.astype(int) - image).mean() < 0.5
    for frame in moved:
        np.testing.assert_array_equal(frame[corners], image[corners])
        red, green, blue = np.moveaxis(frame.astype(int), -1, 0)
        core = np.hypot(*(np.indices((side, side)) - 0.5 * (side - 1))) < 0.47 * side
        assert not ((green > red + 100) & (green > blue + 100) & core).any()
