"""Laws of the renderer for any coefficients: mirror images, no jumps, no holes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dirfa_pipeline import FaceModel, FaceRenderer, Portrait
from dirfa_pipeline.animation import (
    COEFFICIENT_NAMES,
    EXPRESSION_NAMES,
    LIP_INDICES,
    NUM_EXPRESSIONS,
    coefficient_index,
)
from dirfa_pipeline.models.eye_layer import polygon_mask
from dirfa_pipeline.models.face_landmarks import OVAL
from dirfa_pipeline.models.face_renderer import PreparedPortrait


SMALL = 384


@pytest.fixture(scope="module")
def small(portrait: Portrait, face_model: FaceModel) -> Portrait:
    """The portrait with fewer pixels."""
    return Portrait.from_image(portrait.image, face_model, max_size=SMALL)


@pytest.fixture(scope="module")
def prepared(renderer: FaceRenderer, small: Portrait) -> PreparedPortrait:
    return renderer.prepare(small)


def other_side(name: str) -> str:
    swap = {"Left": "Right", "Right": "Left"}
    side = next((side for side in swap if name.endswith(side)), None)
    return name if side is None else name.removesuffix(side) + swap[side]


def mirror(coefficients: np.ndarray) -> np.ndarray:
    """The same motion seen in a mirror."""
    mirrored = coefficients.copy()
    for index, name in enumerate(EXPRESSION_NAMES):
        mirrored[:, index] = coefficients[:, EXPRESSION_NAMES.index(other_side(name))]
    for name in ("yaw", "roll", "x"):
        mirrored[:, coefficient_index(name)] *= -1.0
    return mirrored


def mirrored_portrait(portrait: Portrait, face_model: FaceModel) -> Portrait:
    partner = [*face_model.mirrored_landmarks, 473, 476, 475, 474, 477, 468, 471, 470, 469, 472]
    width = portrait.image.shape[1]
    landmarks = (portrait.landmarks * np.float32([-1, 1, 1]) + np.float32([width - 1, 0, 0]))[partner]
    picture, mask = (np.ascontiguousarray(array[:, ::-1]) for array in (portrait.image, portrait.mask))
    return Portrait(picture, mask, landmarks, face_model.fit_image(landmarks))


def test_mirrored_photo_and_motion_give_the_mirrored_frame(
    renderer: FaceRenderer, face_model: FaceModel, small: Portrait, prepared: PreparedPortrait
) -> None:
    rng = np.random.default_rng(0)
    coefficients = np.zeros((4, len(COEFFICIENT_NAMES)), np.float32)
    coefficients[:, :NUM_EXPRESSIONS] = np.where(rng.random((4, NUM_EXPRESSIONS)) < 0.2, 0.4, 0.0)
    coefficients[:, NUM_EXPRESSIONS:] = rng.normal(0.0, 0.12, (4, 6))
    frames = renderer.render(prepared, coefficients)
    reflected = renderer.render(renderer.prepare(mirrored_portrait(small, face_model)), mirror(coefficients))
    seen = (slice(None), *prepared.window)
    difference = np.abs(reflected[:, :, ::-1].astype(int) - frames)[seen].mean(axis=(1, 2, 3))
    moved = np.abs(frames.astype(int) - small.image)[seen].mean(axis=(1, 2, 3))
    assert difference.max() < 2.0
    assert (difference < 0.35 * moved).all()


@settings(max_examples=40, deadline=None)
@given(index=st.integers(0, len(COEFFICIENT_NAMES) - 1), seed=st.integers(0, 1000))
def test_small_steps_make_small_changes(
    renderer: FaceRenderer, prepared: PreparedPortrait, index: int, seed: int
) -> None:
    """A hundredth of any coefficient's range changes no frame by more than two levels on average."""
    rng = np.random.default_rng(seed)
    coefficients = np.zeros((1, len(COEFFICIENT_NAMES)), np.float32)
    coefficients[:, :NUM_EXPRESSIONS] = rng.uniform(0.0, 1.0, NUM_EXPRESSIONS) * (rng.random(NUM_EXPRESSIONS) < 0.3)
    coefficients[:, NUM_EXPRESSIONS:] = rng.normal(0.0, 0.1, 6)
    stepped = coefficients.copy()
    stepped[0, index] += 0.01 if index < NUM_EXPRESSIONS else 0.005
    before, after = renderer.render(prepared, np.concatenate([coefficients, stepped])).astype(int)
    assert np.abs(after - before)[prepared.window].mean() < 2.0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), spread=st.sampled_from([0.3, 1.0, 5.0, 100.0]))
def test_weights_are_clamped(renderer: FaceRenderer, prepared: PreparedPortrait, seed: int, spread: float) -> None:
    """A frame comes out; weights beyond [0, 1] count as 0 or 1."""
    coefficients = np.random.default_rng(seed).normal(0.0, spread, (1, 58)).astype(np.float32)
    frame = renderer.render(prepared, coefficients)[0]
    assert frame.shape == prepared.portrait.image.shape
    clamped = coefficients.copy()
    clamped[:, LIP_INDICES] = np.clip(coefficients[:, LIP_INDICES], 0.0, 1.0)
    np.testing.assert_array_equal(renderer.render(prepared, clamped)[0], frame)


@settings(max_examples=25, deadline=None)
@given(yaw=st.floats(-0.45, 0.45), pitch=st.floats(-0.35, 0.35), roll=st.floats(-0.35, 0.35))
def test_no_holes(renderer: FaceRenderer, prepared: PreparedPortrait, yaw: float, pitch: float, roll: float) -> None:
    """The head covers whatever part of the picture it is in: no pixel of it is left to the background."""
    coefficients = prepared.portrait.face.rest_coefficients()[None].copy()
    coefficients[0, NUM_EXPRESSIONS : NUM_EXPRESSIONS + 3] = yaw, pitch, roll
    green = np.uint8([0, 255, 0])
    alone = replace(prepared, plate=np.full_like(prepared.plate, green))
    frame = renderer.render(alone, coefficients)[0].astype(int)
    face = prepared.portrait.face
    rigid = prepared.landmarks @ face.head_transforms(coefficients)[0, :, :3].T
    outline = (rigid + face.head_transforms(coefficients)[0, :, 3])[list(OVAL), :2]
    inside = polygon_mask(outline, (slice(0, frame.shape[0]), slice(0, frame.shape[1]))) > 0.99
    pure = (np.abs(frame - green).max(axis=2) < 60) & inside
    assert pure.sum() == 0
