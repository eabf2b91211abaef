"""Crowns of heads that the picture's upper border cuts off."""

import numpy as np
import pytest

from dirfa_pipeline.face.landmarks import OVAL
from dirfa_pipeline.rendering.crown import add_crown


HEIGHT, WIDTH, HAIR = 120, 160, (90, 60, 30)


def head(middle: float, radius: float = 60.0, across: float = 80.0) -> tuple[np.ndarray, np.ndarray]:
    """A round head of one colour before a grey wall, `(height, width, 4)`, and its landmarks, 60 pixels high."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    inside = np.hypot(x - across, y - middle) < radius
    cutout = np.full((HEIGHT, WIDTH, 4), 200, np.uint8)
    cutout[inside, :3] = HAIR
    cutout[..., 3] = 255 * inside
    landmarks = np.zeros((478, 3), np.float32)
    angle = np.linspace(0.0, 2.0 * np.pi, len(OVAL))
    landmarks[list(OVAL), 0] = across + 20.0 * np.cos(angle)
    landmarks[list(OVAL), 1] = 70.0 + 30.0 * np.sin(angle)
    return cutout, landmarks


@pytest.mark.parametrize("middle", [45.0, 54.0, 58.0])
def test_a_round_head_stays_round(middle: float) -> None:
    """The crown is the part of the ball that the border cuts off, and has the hair's colour alone."""
    cutout, landmarks = head(middle)
    grown = add_crown(cutout, landmarks)
    above = len(grown) - HEIGHT
    np.testing.assert_array_equal(grown[above:], cutout)
    y, x = np.mgrid[:above, :WIDTH] + 0.5
    ball = np.hypot(x - 80.0, y - above - middle) < 60.0
    found = grown[:above, :, 3] > 127
    assert (found != ball).sum() < 0.15 * ball.sum() + 10
    assert found.sum() > 0.8 * ball.sum()
    assert np.abs(grown[:above][found][:, :3].astype(int) - HAIR).max() <= 2
    assert grown[0, :, 3].max() <= 2


def test_nothing_is_added_to_whole_heads() -> None:
    cutout, landmarks = head(middle=63.0)
    assert add_crown(cutout, landmarks) is cutout


@pytest.mark.parametrize("across", [0.0, 30.0, 80.0])
def test_whatever_is_cut_is_closed(across: float) -> None:
    """Where the border cuts a head off at its widest or beside a corner, its outline comes to an end as well."""
    cutout, landmarks = head(middle=-10.0, radius=100.0, across=across)
    grown = add_crown(cutout, landmarks)
    alpha = grown[: len(grown) - HEIGHT, :, 3]
    assert 5 < len(alpha) < 0.6 * HEIGHT
    assert alpha[0].max() <= 2
    covered = (alpha > 127).sum(1)
    assert (np.diff(covered) >= 0).all()  # never wider farther up


def test_locks_do_not_grow_into_heads() -> None:
    cutout, landmarks = head(middle=63.0)
    cutout[:4, 79:81] = (*HAIR, 255)
    grown = add_crown(cutout, landmarks)
    assert 0 < len(grown) - HEIGHT < 8
    assert (grown[: len(grown) - HEIGHT, :, 3] > 127).sum() <= 4
