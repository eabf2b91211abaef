"""What holds for every photo and every coefficient: mirror images, continuity, no holes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dirfa_pipeline import Animation, FaceModel, FaceRenderer, Portrait
from dirfa_pipeline.animation.coefficients import COEFFICIENT_NAMES, EXPRESSION_NAMES, coefficient_index
from dirfa_pipeline.face.landmarks import LIPS
from dirfa_pipeline.models.face_renderer import PreparedPortrait


IRISES = (473, 476, 475, 474, 477, 468, 471, 470, 469, 472)  # what each iris point is in the mirror
TURNED = ("yaw", "roll", "x")


@pytest.fixture(scope="module")
def prepared(renderer: FaceRenderer, portrait: Portrait) -> PreparedPortrait:
    return renderer.prepare(portrait)


def mirrored_coefficients(coefficients: np.ndarray) -> np.ndarray:
    swap = {"Left": "Right", "Right": "Left"}
    partners = []
    for name in COEFFICIENT_NAMES:
        side = next((side for side in swap if name.endswith(side)), None)
        partners.append(coefficient_index(name.removesuffix(side) + swap[side] if side else name))
    mirrored = coefficients[:, partners]
    mirrored[:, [coefficient_index(name) for name in TURNED]] *= -1.0
    return mirrored


def mirrored_portrait(portrait: Portrait, face_model: FaceModel) -> Portrait:
    landmarks = portrait.landmarks[[*face_model.mirrored_landmarks, *IRISES]].copy()
    landmarks[:, 0] = portrait.image.shape[1] - 1.0 - landmarks[:, 0]
    return Portrait(
        image=np.ascontiguousarray(portrait.image[:, ::-1]), mask=np.ascontiguousarray(portrait.mask[:, ::-1]),
        landmarks=landmarks, face=face_model.fit_image(landmarks),
    )  # fmt: skip


def test_mirrored_photo_mirrored_frame(renderer: FaceRenderer, portrait: Portrait, face_model: FaceModel) -> None:
    curves = {
        "jawOpen": [0.0, 0.5, 0.2], "mouthSmileLeft": [0.0, 0.1, 0.8], "mouthRollLower": [0.0, 0.0, 0.4],
        "eyeBlinkRight": [0.0, 1.0, 0.3], "eyeLookOutLeft": [0.0, 0.6, 0.0], "yaw": [0.0, 0.2, -0.1],
        "browDownLeft": [0.0, 0.9, 0.0], "roll": [0.0, 0.0, 0.1],
    }  # fmt: skip
    coefficients = Animation.from_curves(3, **{name: np.array(values) for name, values in curves.items()}).coefficients
    frames = renderer.render(renderer.prepare(portrait), coefficients)
    other = mirrored_portrait(portrait, face_model)
    mirrored = renderer.render(renderer.prepare(other), mirrored_coefficients(coefficients))[:, :, ::-1]
    (x0, y0), (x1, y1) = (extreme(portrait.landmarks[:468, :2], axis=0).astype(int) for extreme in (np.min, np.max))
    difference = np.abs(frames.astype(int) - mirrored)[:, y0:y1, x0:x1]
    # Two halves of a fit round differently; nothing but texture edges may tell.
    assert difference.mean(axis=(1, 2, 3)).max() < 1.0
    assert np.percentile(difference, 99) <= 8


@pytest.mark.parametrize("name", COEFFICIENT_NAMES)
def test_no_jumps(renderer: FaceRenderer, prepared: PreparedPortrait, name: str) -> None:
    """A hundredth more of one coefficient never changes the face by much, at rest or with an open mouth."""
    span = 1.0 if name in EXPRESSION_NAMES else 0.3
    for start in (prepared.portrait.face.rest_coefficients(), Animation.from_curves(1, jawOpen=0.4).coefficients[0]):
        for low in (0.0, 0.02, 0.3, 0.74, 0.97):
            coefficients = np.repeat(start[None], 3, axis=0)
            coefficients[:, coefficient_index(name)] = span * (low + np.array([0.0, 0.01, 0.02]))
            rows, columns = prepared.skin.window
            frames = renderer.render(prepared, coefficients)[:, rows, columns].astype(int)
            assert np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3)).max() < 2.0, f"{name} at {low}"


@settings(max_examples=15)
@given(arrays(np.float32, (1, 58), elements=st.floats(-20.0, 20.0, width=32)))
def test_any_coefficients_are_drawn(renderer: FaceRenderer, prepared: PreparedPortrait, wild: np.ndarray) -> None:
    """Weights are clamped to [0, 1]: anything beyond is the same as the bound; a head far outside leaves a picture."""
    frame = renderer.render(prepared, wild)
    bounded = wild.copy()
    bounded[:, :52] = np.clip(wild[:, :52], -1.0, 1.0)  # what is added to the photo's own may take all of it away
    np.testing.assert_array_equal(renderer.render(prepared, bounded), frame)
    assert frame.shape == (1, *prepared.portrait.image.shape)


def test_mouth_stays_sharp(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    """Lips that move as they are keep nine tenths of the photo's edges (mean absolute Laplacian)."""
    portrait = prepared.portrait
    moved = np.repeat(portrait.face.rest_coefficients()[None], 2, axis=0)
    moved[0, coefficient_index("mouthLeft")] = moved[1, coefficient_index("mouthRight")] = 0.4

    def edges(frame: np.ndarray, landmarks: np.ndarray) -> float:
        (x0, y0), (x1, y1) = (of(landmarks[list(LIPS), :2], axis=0).astype(int) for of in (np.min, np.max))
        f = frame[y0:y1, x0:x1].mean(axis=2)
        return float(np.abs(4 * f[1:-1, 1:-1] - f[:-2, 1:-1] - f[2:, 1:-1] - f[1:-1, :-2] - f[1:-1, 2:]).mean())

    photo = edges(portrait.image, portrait.landmarks)
    for frame, landmarks in zip(renderer.render(prepared, moved), portrait.face.vertices(moved), strict=True):
        assert edges(frame, landmarks) > 0.9 * photo
