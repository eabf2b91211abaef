"""The mesh around a face that is turned in the photo."""

import cv2
import numpy as np
import pytest

from dirfa_pipeline import FaceRenderer, Portrait
from dirfa_pipeline.face.landmarks import OVAL
from dirfa_pipeline.face.rotations import rotation_matrix
from dirfa_pipeline.rendering.mesh import NUM_FACE_VERTICES, HeadMesh, build_mesh


@pytest.fixture
def turned(renderer: FaceRenderer, portrait: Portrait) -> HeadMesh:
    """Of a photo whose face is turned so far that a cheek lies on its outline."""
    middle = portrait.landmarks.mean(0)
    landmarks = (portrait.landmarks - middle) @ rotation_matrix((0.5, 0.0, 0.0)).T + middle
    height, width = portrait.mask.shape
    return build_mesh(landmarks.astype(np.float32), renderer.triangles.numpy(), width, height)


def beyond_the_oval(mesh: HeadMesh) -> np.ndarray:
    """Landmarks that lie outside of the oval's outline by more than rounding."""
    outline = mesh.source[list(OVAL), :2]
    points = mesh.source[:NUM_FACE_VERTICES, :2]
    return np.flatnonzero([cv2.pointPolygonTest(outline, tuple(map(float, point)), True) < -0.5 for point in points])


def landmarks_of(mesh: HeadMesh) -> np.ndarray:
    return np.concatenate([mesh.source[:NUM_FACE_VERTICES], np.zeros((10, 3), np.float32)])


def test_a_face_at_rest_is_the_photos(turned: HeadMesh) -> None:
    np.testing.assert_allclose(turned.deform(landmarks_of(turned), lambda places: places), turned.source, atol=1e-3)


def test_far_cheeks_go_with_the_outline(turned: HeadMesh) -> None:
    far = beyond_the_oval(turned)
    assert len(far) > 3
    own, whole = (landmarks_of(turned) for _ in range(2))
    own[far] += [6.0, 0.0, 0.0]
    whole[:, :2] += [4.0, 2.0]
    for moved, expected in ((own, [0.0, 0.0]), (whole, [4.0, 2.0])):
        way = (turned.deform(moved, lambda places: places) - turned.source)[far, :2]
        np.testing.assert_allclose(way, np.tile(expected, (len(far), 1)), atol=0.1)


def test_cheeks_in_the_middle_go_their_own_way(turned: HeadMesh) -> None:
    near = np.setdiff1d(np.arange(NUM_FACE_VERTICES), [*turned.outline, *OVAL])
    moved = landmarks_of(turned)
    moved[near] += [6.0, 0.0, 0.0]
    way = (turned.deform(moved, lambda places: places) - turned.source)[near, :2]
    np.testing.assert_allclose(way, np.tile([6.0, 0.0], (len(near), 1)), atol=1e-3)
