"""The mesh around a face that is turned in the photo."""

import cv2
import numpy as np
import pytest

from dirfa_pipeline import FaceRenderer, Portrait
from dirfa_pipeline.face.landmarks import LEFT_EYE, LIPS, OVAL, RIGHT_EYE
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
    """Landmarks next to the oval that lie outside of it by more than rounding."""
    oval = mesh.source[list(OVAL), :2]
    points = mesh.source[mesh.outline, :2]
    return mesh.outline[[cv2.pointPolygonTest(oval, tuple(map(float, point)), True) < -0.5 for point in points]]


def landmarks_of(mesh: HeadMesh) -> np.ndarray:
    return np.concatenate([mesh.source[:NUM_FACE_VERTICES], np.zeros((10, 3), np.float32)])


def held(mesh: HeadMesh, landmarks: np.ndarray) -> np.ndarray:
    return mesh.hold_outline(landmarks, lambda places: places)


def test_a_face_at_rest_is_the_photos(turned: HeadMesh) -> None:
    rest = landmarks_of(turned)
    np.testing.assert_allclose(held(turned, rest), rest, atol=1e-3)
    np.testing.assert_allclose(turned.deform(rest, lambda places: places), turned.source, atol=1e-3)


def test_far_cheeks_go_with_the_outline(turned: HeadMesh) -> None:
    far = beyond_the_oval(turned)
    assert len(far) > 3
    own, whole = (landmarks_of(turned) for _ in range(2))
    own[far] += [6.0, 0.0, 0.0]
    whole[:, :2] += [4.0, 2.0]
    for moved, expected in ((own, [0.0, 0.0]), (whole, [4.0, 2.0])):
        way = (held(turned, moved) - landmarks_of(turned))[far, :2]
        np.testing.assert_allclose(way, np.tile(expected, (len(far), 1)), atol=0.1)


def test_cheeks_follow_the_oval_next_to_them(turned: HeadMesh) -> None:
    far = beyond_the_oval(turned)
    lowest = max(OVAL, key=lambda place: turned.source[place, 1])
    moved = landmarks_of(turned)
    moved[lowest] += [6.0, 0.0, 0.0]
    way = np.abs(held(turned, moved) - landmarks_of(turned))[:, 0]
    apart = np.linalg.norm(turned.source[far, :2] - turned.source[lowest, :2], axis=1)
    assert way[far[apart.argmax()]] < 0.01
    assert way[turned.outline].max() > 0.1


def test_eyes_nose_and_lips_go_their_own_way(turned: HeadMesh) -> None:
    """However far a face is turned in the photo: their motion is drawn where the landmarks are."""
    own = [*LIPS, *RIGHT_EYE.outline, *LEFT_EYE.outline, 1, 4, 5, 6]
    assert not np.isin(own, turned.outline).any()
