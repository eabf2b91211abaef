"""Loose hair in front of a plain wall goes with the head."""

import cv2
import numpy as np
import pytest

from dirfa_pipeline.rendering.background import Layers, cut_out, separate
from dirfa_pipeline.rendering.hair import find_strands, solve_symmetric


WALL, HAIR = np.array([190.0, 180.0, 170.0]), np.array([60.0, 40.0, 30.0])
LANDMARKS = np.array([[90.0, 120.0, 0.0], [170.0, 220.0, 0.0]], np.float32)


def head_and_hair(texture: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A dark head with strands on a wall of noise: picture, the segmenter's mask, true alpha."""
    rows, columns = np.indices((260, 260))
    head = (np.hypot(rows - 160, columns - 130) < 55).astype(np.float32)
    alpha = cv2.GaussianBlur(head, (0, 0), 1.0)
    for end in ((75, 105), (105, 85), (170, 93), (200, 140)):
        strand = np.zeros_like(alpha)
        cv2.line(strand, (130, 160), end, 0.5, 1, cv2.LINE_AA)
        alpha = np.maximum(alpha, strand)
    wall = WALL + np.random.default_rng(0).normal(0.0, 0.5 + texture, (260, 260, 1))
    image = wall + alpha[..., None] * (HAIR - wall)
    return np.clip(image + 0.5, 0, 255).astype(np.uint8), cv2.dilate(head, np.ones((5, 5), np.uint8)), alpha


@pytest.fixture(scope="module")
def layers() -> Layers:
    image, mask, _ = head_and_hair()
    return separate(image, mask, LANDMARKS)


def test_no_strand_stays_behind(layers: Layers) -> None:
    assert np.abs(layers.plate - WALL).max() < 6  # strands differ by 65


def test_strands_are_the_persons(layers: Layers) -> None:
    _, mask, alpha = head_and_hair()
    found = layers.cutout[..., 3] / 255.0
    outside = cv2.dilate(mask, np.ones((7, 7), np.uint8)) == 0
    strands = outside & (alpha > 0.3)
    assert strands.sum() > 40
    assert (found[strands] > 0.15).mean() > 0.9
    assert found[outside & (cv2.dilate(alpha, np.ones((5, 5), np.uint8)) == 0)].max() < 0.1


def test_no_fringe_of_the_wall(layers: Layers) -> None:
    """Laid over another wall nothing of the old one shows round the head."""
    _, mask, alpha = head_and_hair()
    share = layers.cutout[..., 3:] / 255.0
    laid = share * layers.cutout[..., :3] + (1.0 - share) * 20.0
    band = (alpha < 0.02) & (cv2.dilate(mask, np.ones((9, 9), np.uint8)) > 0)
    assert band.sum() > 300
    assert laid[band].mean() < 30  # the cut-out alone: over 100


def test_pixels_next_to_the_person_have_their_colour(layers: Layers) -> None:
    """Warped pictures are interpolated: black beside the outline would come out as specks."""
    alpha = layers.cutout[..., 3]
    beside = (alpha == 0) & (cv2.dilate(alpha, np.ones((3, 3), np.uint8)) > 0)
    assert beside.sum() > 50
    assert np.abs(layers.cutout[beside][:, :3] - HAIR).mean() < 25  # black differs by 43, the wall by 137
    assert (layers.cutout[beside][:, :3].min(0) > 20).all()


@pytest.mark.parametrize("texture", [0.0, 25.0], ids=["plain", "textured"])
def test_layers_make_the_photo(texture: float) -> None:
    image, mask, _ = head_and_hair(texture)
    layers = separate(image, mask, LANDMARKS)
    alpha, plate = layers.cutout[..., 3:].astype(int), layers.plate.astype(int)
    whole = (255 * plate + alpha * (layers.cutout[..., :3] - plate) + 127) // 255
    np.testing.assert_array_equal(whole + layers.remainder, image)


def test_busy_walls_do_not_turn_with_the_head() -> None:
    """There the cut-out's outline follows the edges of the picture, and shows nothing of the wall."""
    image, mask, alpha = head_and_hair(25.0)
    layers = separate(image, mask, LANDMARKS)
    before, after = cut_out(mask) / 255.0, layers.cutout[..., 3] / 255.0
    np.testing.assert_array_equal(after[alpha > 0.9], 1.0)
    rim = (alpha < 0.98) & (cv2.dilate(mask, np.ones((15, 15), np.uint8)) > 0)
    off_before, off_after = (np.abs(found - alpha)[rim].mean() for found in (before, after))
    assert off_after < 0.3 * off_before
    # Laid over a dark wall, as the head itself would be there.
    laid, true = (
        share[..., None] * colours + (1.0 - share[..., None]) * 20.0
        for share, colours in ((after, layers.cutout[..., :3]), (alpha, HAIR))
    )
    assert np.abs(laid - true)[rim].mean() < 12  # with the wall in the outline's colours: over 18


def test_a_pattern_of_the_wall_is_no_hair() -> None:
    image, mask, _ = head_and_hair()
    rows, columns = np.indices(mask.shape)
    image[((rows % 16 == 0) | (columns % 16 == 0)) & (mask == 0)] = HAIR
    near = cv2.dilate(mask, np.ones((15, 15), np.uint8)) > 0
    assert find_strands(image, near).mean() < 0.01  # the lines cover .12


@pytest.mark.parametrize("grey", [False, True], ids=["colours", "equal channels"])
def test_symmetric_systems_are_solved(grey: bool) -> None:
    factors = np.random.default_rng(0).normal(size=(200, 3, 3))
    if grey:
        factors[:] = factors[:, :1]
    matrices = (0.1 * factors @ factors.transpose(0, 2, 1) + 1e-4 * np.eye(3)).astype(np.float32)
    right = np.random.default_rng(1).normal(size=(200, 1 if grey else 3)).astype(np.float32) * np.ones(3, np.float32)
    diagonal, others = matrices[:, [0, 1, 2], [0, 1, 2]], matrices[:, [1, 2, 0], [2, 0, 1]]
    exact = np.linalg.solve(matrices.astype(np.float64), right[..., None].astype(np.float64))[..., 0]
    np.testing.assert_allclose(solve_symmetric(diagonal, others, right), exact, rtol=1e-3, atol=1e-3)
