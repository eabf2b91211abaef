"""How a camera sees a head that moves."""

import numpy as np

from dirfa_pipeline.face.rotations import rotation_matrix
from dirfa_pipeline.rendering.head_motion import HeadMotion


PLACE = np.array([70.0, 90.0, -40.0], np.float32)


def motion(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> HeadMotion:
    """A turn about the point that stays where it is seen."""
    turn, centre = rotation_matrix(np.array([[yaw, pitch, roll]]))[0], np.array([100.0, 120.0, 0.0])
    rigid = np.column_stack([turn, centre - turn @ centre]).astype(np.float32)
    return HeadMotion(rigid, centre.astype(np.float32), 500.0)


def test_what_comes_nearer_grows() -> None:
    """A turn makes one half of a face wider than the other, and lifts what is far from the middle of the near one."""
    cheeks = np.array([[60.0, 100.0, 0.0], [140.0, 100.0, 0.0]], np.float32)
    turned = motion(0.3)
    flat, seen = cheeks @ turned.rigid[:, :3].T + turned.rigid[:, 3], turned.move(cheeks)
    near, far = np.argsort(flat[:, 2])
    away = np.abs(seen[:, :2] - turned.middle[:2]) / np.abs(flat[:, :2] - turned.middle[:2])
    np.testing.assert_allclose(away[near], 500.0 / (500.0 + flat[near, 2]), rtol=1e-4)
    assert (away[near] > 1.02).all() and (away[far] < 0.98).all()
    np.testing.assert_array_equal(seen[:, 2], flat[:, 2])


def test_heads_that_only_roll_keep_their_size() -> None:
    rolled = motion(0.0, 0.0, 0.4)
    places = np.array([[60.0, 100.0, -30.0], [140.0, 150.0, 20.0]], np.float32)
    np.testing.assert_allclose(rolled.move(places), places @ rolled.rigid[:, :3].T + rolled.rigid[:, 3], atol=1e-3)


def test_around_a_place_the_motion_is_the_same() -> None:
    head = motion(0.3, 0.1)
    places = PLACE + np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, -3.0, 0.0]], np.float32)
    around = head.around(PLACE)
    carried, seen = places @ around[:, :3].T + around[:, 3], head.move(places)
    np.testing.assert_allclose(carried[0], seen[0], atol=1e-3)
    np.testing.assert_allclose(carried, seen, atol=0.1)
