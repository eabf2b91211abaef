"""Frames: the photo at rest, and what each coefficient changes in it."""

import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dirfa_pipeline import Animation, AnimationError, FaceRenderer, Portrait
from dirfa_pipeline.animation.coefficients import coefficient_index
from dirfa_pipeline.capture.detector import FaceDetector
from dirfa_pipeline.face.landmarks import LEFT_EYE, LIPS, OVAL, RIGHT_EYE
from dirfa_pipeline.face.measures import eye_openness, lip_aperture
from dirfa_pipeline.face.rotations import rotation_matrix
from dirfa_pipeline.models.face_renderer import FARTHEST_YAW, LEAST_ROOM, YAW, PreparedPortrait, _in_sight
from dirfa_pipeline.rendering.mesh import STEEPEST, hold_at_border, soften_relief


EYES = [[*eye.outline, *eye.crease, *eye.brow_side] for eye in (LEFT_EYE, RIGHT_EYE)]


@pytest.fixture(scope="module")
def prepared(renderer: FaceRenderer, portrait: Portrait) -> PreparedPortrait:
    return renderer.prepare(portrait)


def pose(portrait: Portrait, **values: float) -> np.ndarray:
    """The photo's own coefficients but for some."""
    coefficients = portrait.face.rest_coefficients()[None].copy()
    for name, value in values.items():
        coefficients[0, coefficient_index(name)] = value
    return coefficients


def change(renderer: FaceRenderer, prepared: PreparedPortrait, **values: float) -> np.ndarray:
    """Largest change of each pixel against the frame at rest, `(height, width)`."""
    coefficients = np.concatenate([pose(prepared.portrait), pose(prepared.portrait, **values)])
    rest, moved = renderer.render(prepared, coefficients).astype(int)
    return np.abs(moved - rest).max(axis=2)


def box(portrait: Portrait, indices: list[int], margin: float) -> tuple[slice, slice]:
    """Rows and columns around landmarks; the margin in inter-ocular distances."""
    points = portrait.landmarks[indices, :2]
    reach = margin * portrait.face.scale
    (x0, y0), (x1, y1) = (points.min(0) - reach).astype(int), (points.max(0) + reach + 1).astype(int)
    return slice(y0, y1), slice(x0, x1)


def outside(shape: tuple[int, int], boxes: list[tuple[slice, slice]]) -> np.ndarray:
    mask = np.ones(shape, bool)
    for rows, columns in boxes:
        mask[rows, columns] = False
    return mask


def test_rest_is_the_photo(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    frames = renderer.render(prepared, pose(prepared.portrait))
    assert frames.shape == (1, *prepared.portrait.image.shape)
    assert frames.dtype == np.uint8
    error = np.abs(frames[0].astype(float) - prepared.portrait.image)
    assert error.mean() < 0.5
    rows, columns = box(prepared.portrait, list(range(468)), 0.0)
    assert error[rows, columns].mean() < 0.5


def test_same_coefficients_same_frames(renderer: FaceRenderer, portrait: Portrait, prepared: PreparedPortrait) -> None:
    coefficients = pose(portrait, jawOpen=0.4, yaw=0.1, eyeBlinkLeft=0.5)
    first = renderer.render(prepared, coefficients)
    np.testing.assert_array_equal(renderer.render(prepared, coefficients), first)
    np.testing.assert_array_equal(renderer.render(renderer.prepare(portrait), coefficients), first)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_and_chunks_do_not_matter(
    renderer: FaceRenderer, prepared: PreparedPortrait, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every byte is the same, and frames come in their order."""
    wave = np.sin(np.arange(13))
    talk = Animation.from_curves(13, jawOpen=0.3 + 0.3 * wave, yaw=0.1 * wave, eyeBlinkRight=np.arange(13) % 2)
    alone = [renderer.render(prepared, row[None])[0] for row in talk.coefficients]
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    np.testing.assert_array_equal(renderer.render(prepared, talk.coefficients), alone)
    for frame, expected in zip(renderer.frames(prepared, talk.coefficients), alone, strict=True):
        np.testing.assert_array_equal(frame, expected)


def test_frames_that_nobody_takes(
    renderer: FaceRenderer, prepared: PreparedPortrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Giving up after a frame ends the threads; wrong coefficients are refused before any is asked for."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    before = threading.active_count()
    frames = renderer.frames(prepared, np.zeros((1000, 58)))
    next(frames)
    assert threading.active_count() > before
    frames.close()
    assert threading.active_count() == before
    with pytest.raises(AnimationError):
        renderer.frames(prepared, np.zeros((2, 57)))


def test_blink_changes_only_the_eyes(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    portrait = prepared.portrait
    changed = change(renderer, prepared, eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    boxes = [box(portrait, eye, 0.1) for eye in EYES]
    assert changed[outside(changed.shape, boxes)].max() == 0
    for eye in (LEFT_EYE, RIGHT_EYE):
        assert changed[box(portrait, list(eye.outline), 0.0)].mean() > 8


def test_a_wink_leaves_the_other_eye(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    wink = change(renderer, prepared, eyeBlinkLeft=1.0)
    left, right = (box(prepared.portrait, eye, 0.05) for eye in EYES)
    assert wink[left].max() > 40
    assert wink[right].max() == 0


def test_strong_smiles_reach_the_eyes(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    """As if the cheeks had been lifted by hand; what is lifted more stays, and a weak smile leaves them."""
    nothing = np.zeros_like(prepared.face.expression)
    prepared = replace(prepared, face=replace(prepared.face, expression=nothing, rest=nothing))

    def frame(**weights: float) -> np.ndarray:
        both = {f"{name}{side}": value for name, value in weights.items() for side in ("Left", "Right")}
        return renderer.render(prepared, Animation.from_curves(1, **both).coefficients)[0]

    smile = frame(mouthSmile=1.0)
    np.testing.assert_array_equal(smile, frame(mouthSmile=7.0))
    np.testing.assert_array_equal(smile, frame(mouthSmile=1.0, cheekSquint=0.75, eyeSquint=0.35))
    assert (smile != frame(mouthSmile=1.0, cheekSquint=1.0)).any()
    assert (frame(mouthSmile=0.4) != frame(mouthSmile=0.4, cheekSquint=0.1)).any()


def test_jaw_changes_the_mouth(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    portrait = prepared.portrait
    own = portrait.face.expression[coefficient_index("jawOpen")]
    changed = change(renderer, prepared, jawOpen=min(1.0, own + 0.4))
    assert changed[box(portrait, list(LIPS), 0.0)].mean() > 15
    for eye in (LEFT_EYE, RIGHT_EYE):
        assert changed[box(portrait, list(eye.outline), 0.0)].max() <= 2


def test_head_moves_pixels(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    face = box(prepared.portrait, list(range(468)), 0.0)
    for name in ("yaw", "pitch", "roll", "x", "y"):
        assert change(renderer, prepared, **{name: 0.15})[face].mean() > 5, name


@settings(max_examples=30, deadline=None)
@given(yaw=st.floats(-0.4, 0.4), pitch=st.floats(-0.3, 0.3))
def test_turns_stretch_no_edge_too_far(
    renderer: FaceRenderer, prepared: PreparedPortrait, yaw: float, pitch: float
) -> None:
    """However deep the landmarks, a turn by some angle lengthens edges by no more than the steepest slope lets it."""
    edges = prepared.mesh.triangles[: renderer.config.num_triangles, :2]
    deep = prepared.portrait.landmarks * np.float32([1.0, 1.0, 3.0])
    rotation = rotation_matrix([yaw, pitch, 0.0])
    before, after = (points[edges[:, 1]] - points[edges[:, 0]] for points in (deep, soften_relief(deep) @ rotation.T))
    length = np.linalg.norm(before[:, :2], axis=1)
    turn = np.hypot(rotation[0, 2], rotation[1, 2])
    assert (np.linalg.norm(after[:, :2], axis=1) <= (1.0 + STEEPEST * turn) * length + 1e-2).all()


@settings(max_examples=25)
@given(yaw=st.floats(-0.45, 0.45), pitch=st.floats(-0.35, 0.35), roll=st.floats(-0.35, 0.35))
def test_no_holes_in_a_turned_face(
    renderer: FaceRenderer, prepared: PreparedPortrait, yaw: float, pitch: float, roll: float
) -> None:
    """Nothing of what is behind the head shows within its outline."""
    turned = pose(prepared.portrait, yaw=yaw, pitch=pitch, roll=roll)
    green = np.uint8([0, 255, 0])
    frame = renderer.render(replace(prepared, plate=np.full_like(prepared.plate, green)), turned)[0].astype(int)
    outline = prepared.pose(turned[0]).motion.move(prepared.landmarks[list(OVAL)])[:, :2]
    inside = np.zeros(frame.shape[:2], np.uint8)
    cv2.fillPoly(inside, [outline.round().astype(np.int32)], 1)
    inside = cv2.erode(inside, np.ones((5, 5), np.uint8)) > 0
    assert not ((np.abs(frame - green).max(axis=2) < 60) & inside).any()


def test_background_stays(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    """The photo itself, but where the person was or is."""
    portrait = prepared.portrait
    coefficients = pose(portrait, yaw=0.25, pitch=-0.1, roll=0.1, x=0.1, jawOpen=0.8)
    frame = renderer.render(prepared, coefficients)[0]
    reach = round(0.8 * portrait.face.scale)
    far = cv2.dilate(prepared.cutout[..., 3], np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) == 0
    assert far.mean() > 0.05
    np.testing.assert_array_equal(frame[far], portrait.image[far])


def test_shoulders_follow_a_little(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    """Below the chin by the face's height the picture goes a small part of the head's way."""
    mesh, portrait = prepared.mesh, prepared.portrait
    face = portrait.face
    moved = pose(portrait, x=0.5)
    shift = (prepared.pose(moved[0]).target - mesh.source)[:, 0]
    chin, height = portrait.landmarks[152, 1], np.ptp(portrait.landmarks[:, 1])
    shoulders = np.abs(mesh.source[:, 1] - chin - height) < 0.5 * height
    assert shoulders.sum() > 5
    assert 0.02 < shift[shoulders].mean() / (0.5 * face.scale) < 0.3
    assert shift[-36:] == pytest.approx(0.0, abs=1e-2)


def test_what_the_border_cuts_off_stays_there(prepared: PreparedPortrait) -> None:
    """The photo does not show what comes in from beyond it; what goes out is free, and so are heads, with a crown."""
    mesh, (height, width) = prepared.mesh, prepared.portrait.image.shape[:2]
    rings = mesh.source[468:]

    def up(places: np.ndarray) -> np.ndarray:
        return places - np.array([0.0, 30.0, 0.0], np.float32)

    def down(places: np.ndarray) -> np.ndarray:
        return places + np.array([0.0, 30.0, 0.0], np.float32)

    vertices = prepared.landmarks
    free = hold_at_border(mesh, np.zeros((height, width), np.uint8))
    held = hold_at_border(mesh, np.full((height, width), 255, np.uint8))
    ways = [(m.deform(vertices, up) - m.source)[468:, 1] for m in (free, held)]
    assert np.abs(ways[1][rings[:, 1] > height]).max() < 1.0
    assert np.all(np.abs(ways[1]) <= np.abs(ways[0]) + 1e-3)
    assert np.abs(ways[0][rings[:, 1] < 0]).max() > 5.0
    for way in (up, down):
        above = rings[:, 1] < 0
        np.testing.assert_allclose(held.deform(vertices, way)[468:][above], free.deform(vertices, way)[468:][above])


def test_no_seam_where_motion_ends(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    """Nothing moves any more at the border of the window that is drawn anew."""
    changed = change(renderer, prepared, yaw=0.25, roll=0.15, x=0.2, y=0.2)
    rows, columns = prepared.window
    inner = (slice(rows.start + 2 * (rows.start > 0), rows.stop - 2), slice(columns.start + 2, columns.stop - 2))
    assert changed[outside(changed.shape, [inner])].max() <= 1


def test_a_detector_sees_what_was_asked_for(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    """Angles, lips and lids as MediaPipe measures them in the frames."""
    portrait, detector = prepared.portrait, FaceDetector()

    def seen(**values: float) -> np.ndarray:
        return detector.find_faces(renderer.render(prepared, pose(portrait, **values))[0])[0]

    def nose(landmarks: np.ndarray) -> np.ndarray:
        """Nose tip from the middle of the eyes' outer corners, in their distance."""
        corners = landmarks[[33, 263], :2]
        return (landmarks[1, :2] - corners.mean(0)) / np.linalg.norm(corners[1] - corners[0])

    rest = seen()
    np.testing.assert_allclose(rest[:, :2], portrait.landmarks[:, :2], atol=0.03 * portrait.face.scale)
    assert nose(seen(yaw=0.2))[0] > nose(rest)[0] + 0.05
    assert nose(seen(yaw=-0.2))[0] < nose(rest)[0] - 0.05
    assert nose(seen(pitch=0.15))[1] < nose(rest)[1] - 0.02
    tilted = seen(roll=0.15)[263, :2] - seen(roll=0.15)[33, :2]
    level = rest[263, :2] - rest[33, :2]
    assert np.arctan2(*tilted[::-1]) - np.arctan2(*level[::-1]) == pytest.approx(0.15, abs=0.04)
    assert seen(x=0.3)[:, 0].mean() - rest[:, 0].mean() == pytest.approx(0.3 * portrait.face.scale, rel=0.2)
    assert lip_aperture(seen(jawOpen=0.9)[None])[0] > lip_aperture(rest[None])[0] + 0.1
    assert eye_openness(seen(eyeBlinkLeft=1.0, eyeBlinkRight=1.0)[None])[0] < 0.6 * eye_openness(rest[None])[0]


def test_closed_lips_look_closed(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    """Zero lip weights shut the smiling mouth for a detector too."""
    frames = prepared.portrait.image, renderer.render(prepared, np.zeros((1, 58)))[0]
    smiling, shut = (lip_aperture(FaceDetector().find_faces(frame)[0][None])[0] for frame in frames)
    assert shut < 0.02 < 0.1 < smiling


def test_extreme_coefficients_do_not_break(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    extremes = np.concatenate([np.full((1, 58), 1.0), np.full((1, 58), -1.0), np.full((1, 58), 30.0)])
    assert renderer.render(prepared, extremes).shape == (3, *prepared.portrait.image.shape)


@pytest.mark.parametrize("shape", [(58,), (2, 57), (0, 58), (1, 2, 58)])
def test_wrong_shapes(renderer: FaceRenderer, prepared: PreparedPortrait, shape: tuple[int, ...]) -> None:
    with pytest.raises(AnimationError, match=r"\(num_frames, 58\)"):
        renderer.render(prepared, np.zeros(shape))


def test_round_trip(renderer: FaceRenderer, portrait: Portrait, prepared: PreparedPortrait, tmp_path: Path) -> None:
    renderer.save_pretrained(tmp_path)
    loaded = FaceRenderer.from_pretrained(tmp_path)
    assert dict(loaded.config).items() >= {"num_triangles": 898, "teeth_height": 108, "teeth_width": 384}.items()
    coefficients = pose(portrait, jawOpen=0.7, yaw=0.1)
    np.testing.assert_array_equal(
        loaded.render(loaded.prepare(portrait), coefficients), renderer.render(prepared, coefficients)
    )


@given(st.floats(-0.6, 0.6), st.floats(-1.0, 1.0))
def test_a_turned_head_turns_no_farther_than_it_can_be_seen(own: float, asked: float) -> None:
    row = np.zeros(58, np.float32)
    row[YAW] = asked
    shown = float(_in_sight(row, own)[YAW])
    assert abs(shown) <= abs(asked) + 1e-6 and shown * asked >= 0.0
    assert abs(own + shown) <= max(FARTHEST_YAW, abs(own) + LEAST_ROOM) + 1e-6
    if abs(asked) <= 0.05:
        assert shown == pytest.approx(asked, abs=1e-6)
    mirrored = -row
    assert float(_in_sight(mirrored, -own)[YAW]) == pytest.approx(-shown, abs=1e-6)
