"""The face: poses, fits to photos and clips, files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dirfa_pipeline import EXPRESSION_NAMES, LIP_NAMES, Animation, FaceModel, ImageError, Portrait
from dirfa_pipeline.direction.controls import neutralize
from dirfa_pipeline.face.fit import FaceFit
from dirfa_pipeline.face.landmarks import INNER_LIP_PAIRS, LEFT_EYE, LIPS, RIGHT_EYE
from dirfa_pipeline.face.measures import inter_ocular_distance
from dirfa_pipeline.face.rotations import procrustes, rotation_angles, rotation_matrix
from dirfa_pipeline.face.solve import SMILE_LEFT


UPPER, LOWER = np.array(INNER_LIP_PAIRS).T
ANGLES = st.tuples(st.floats(-3.1, 3.1), st.floats(-1.4, 1.4), st.floats(-3.1, 3.1))
SMALL = st.floats(0.01, 1.2)


def person(model: FaceModel, seed: int, **expression: float) -> np.ndarray:
    """Landmarks of a made-up face with a little expression, turned and 80 pixels between the eyes."""
    identity = 0.5 * np.random.default_rng(seed).normal(size=model.config.num_identities)
    weights = np.zeros(52)
    for name, value in expression.items():
        weights[EXPRESSION_NAMES.index(name)] = value
    head = model.mean.numpy() + np.einsum("k,kvd->vd", identity, model.identity_basis.numpy())
    head = head + np.einsum("k,kvd->vd", weights, model.expression_basis.numpy())
    return 80 * head @ rotation_matrix([0.1, -0.05, 0.08]).T + [300, 280, 0]


def lid_gaps(vertices: np.ndarray) -> np.ndarray:
    eyes = (LEFT_EYE, RIGHT_EYE)
    return np.array([np.linalg.norm(vertices[list(e.lower)] - vertices[list(e.upper)], axis=1).max() for e in eyes])


def half_a_blink(portrait: Portrait, blink: float) -> np.ndarray:
    curves = Animation.from_curves(1, eyeBlinkLeft=blink, eyeBlinkRight=blink)
    return portrait.face.vertices(curves.coefficients)[0]


@pytest.fixture(params=["photo", "closed", "open", "smiling", "half a blink"])
def landmarks(request: pytest.FixtureRequest, portrait: Portrait, face_model: FaceModel) -> np.ndarray:
    if request.param == "photo":
        return portrait.landmarks
    if request.param == "half a blink":
        return half_a_blink(portrait, 0.6)
    looks = {"closed": {}, "open": {"jawOpen": 0.3}, "smiling": {"mouthSmileLeft": 0.7, "mouthSmileRight": 0.6}}
    return person(face_model, 1, **looks[request.param])


def test_rest_pose_is_the_photo(face_model: FaceModel, landmarks: np.ndarray) -> None:
    fit = face_model.fit_image(landmarks)
    np.testing.assert_allclose(fit.vertices(fit.rest_coefficients()[None])[0], landmarks, atol=5e-3)
    assert fit.scale == pytest.approx(float(inter_ocular_distance(landmarks[None])[0]), rel=0.1)


def test_lips_touch_at_zero(face_model: FaceModel, landmarks: np.ndarray) -> None:
    """To a hundredth of the eyes' distance, less than half a pixel in the example photo."""
    fit = face_model.fit_image(landmarks)
    closed = fit.head_vertices(np.zeros((1, 58)))[0]
    gaps = np.linalg.norm((closed[LOWER] - closed[UPPER])[:, :2], axis=1)
    assert gaps.max() < 0.01


def test_blink_closes_the_lids(face_model: FaceModel, landmarks: np.ndarray) -> None:
    fit = face_model.fit_image(landmarks)
    still, shut = fit.head_vertices(Animation.from_curves(2, eyeBlinkLeft=[0, 1], eyeBlinkRight=[0, 1]).coefficients)
    assert lid_gaps(still).min() > 0.08
    assert (lid_gaps(shut) < 0.1 * lid_gaps(still)).all()


def test_half_a_blink_is_opened(face_model: FaceModel, portrait: Portrait) -> None:
    """A photo caught in a blink, half or wholly shut, talks with open eyes; open and winking eyes stay."""
    fits = [face_model.fit_image(half_a_blink(portrait, blink)) for blink in (0.0, 0.2, 0.6, 1.0)]
    assert [fit.blink > 0.2 for fit in fits] == [False, False, True, True]
    open_eyes = lid_gaps(fits[0].head_vertices(np.zeros((1, 58)))[0])
    for fit in fits[2:]:
        gaps = lid_gaps(fit.head_vertices(np.zeros((1, 58)))[0])
        assert (gaps > 0.6 * open_eyes).all()
        assert gaps[0] == pytest.approx(gaps[1], rel=0.15)
    narrow = lid_gaps(fits[2].head_vertices(fits[2].rest_coefficients()[None])[0])
    assert (lid_gaps(fits[2].head_vertices(np.zeros((1, 58)))[0]) > 1.5 * narrow).all()
    wink = portrait.face.vertices(Animation.from_curves(1, eyeBlinkLeft=0.6).coefficients)[0]
    assert face_model.fit_image(wink).blink == 0.0


def test_eyes_that_look_aside_come_back_to_the_camera(face_model: FaceModel, portrait: Portrait) -> None:
    """The photo's own coefficients keep its look; none of its own lead it to where it looks into the camera."""
    straight = portrait.face
    aside = Animation.from_curves(1, eyeLookOutLeft=1.0, eyeLookInRight=1.0).coefficients
    seen, camera = straight.vertices(aside)[0], straight.vertices(np.zeros((1, 58)))[0]
    fit = face_model.fit_image(seen)
    irises = [LEFT_EYE.iris[0], RIGHT_EYE.iris[0]]
    np.testing.assert_allclose(fit.vertices(fit.rest_coefficients()[None])[0][irises], seen[irises], atol=0.01)
    back = fit.vertices(np.zeros((1, 58)))[0]
    off, was = (np.abs(points[irises, 0] - camera[irises, 0]) for points in (back, seen))
    assert off.max() < 0.35 * was.min()


def test_wide_eyes_show_white_above_the_iris(face_model: FaceModel, landmarks: np.ndarray) -> None:
    fit = face_model.fit_image(landmarks)
    wide = fit.head_vertices(Animation.from_curves(1, eyeWideLeft=1.0, eyeWideRight=1.0).coefficients)[0]
    for eye in (LEFT_EYE, RIGHT_EYE):
        radius = np.linalg.norm(wide[list(eye.iris[1:]), :2] - wide[eye.iris[0], :2], axis=1).mean()
        assert wide[list(eye.upper), 1].min() < wide[eye.iris[0], 1] - radius


def test_one_eye_winks(portrait: Portrait) -> None:
    still, wink = portrait.face.head_vertices(Animation.from_curves(2, eyeBlinkLeft=[0, 1]).coefficients)
    left, right = lid_gaps(wink) / lid_gaps(still)
    assert left < 0.3
    assert right == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["mouthSmileLeft", "mouthUpperUpLeft", "eyeBlinkLeft", "browOuterUpLeft"])
def test_left_is_the_subjects_left(portrait: Portrait, name: str) -> None:
    """The subject's left is on the right of the picture."""
    still, moved = portrait.face.head_vertices(Animation.from_curves(2, **{name: [0, 1]}).coefficients)
    distance = np.linalg.norm(moved - still, axis=1)
    right_of_picture = portrait.face.shape[:, 0] > 0
    assert distance[right_of_picture].sum() > 3 * distance[~right_of_picture].sum()


@given(ANGLES)
def test_angles_and_matrices_are_inverse(angles: tuple[float, float, float]) -> None:
    matrix = rotation_matrix(angles)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(matrix) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(rotation_angles(matrix), angles, atol=1e-4)


@given(SMALL, st.floats(-0.5, 0.5))
def test_signs(angle: float, other: float) -> None:
    """Yaw turns the nose to the right of the picture, pitch lifts it, roll turns the crown to the right."""
    nose, crown = np.array([0.0, 0.0, -1.0]), np.array([0.0, -1.0, 0.0])
    assert (rotation_matrix([angle, other, 0]) @ nose)[0] > 0
    assert (rotation_matrix([-angle, other, 0]) @ nose)[0] < 0
    assert (rotation_matrix([other, angle, 0]) @ nose)[1] < 0
    assert (rotation_matrix([other, -angle, 0]) @ nose)[1] > 0
    assert (rotation_matrix([0, other, angle]) @ crown)[0] > 0
    assert (rotation_matrix([0, other, -angle]) @ crown)[0] < 0


@given(ANGLES, st.floats(0.5, 200), st.integers(0, 1000))
def test_procrustes_finds_the_similarity(angles: tuple[float, float, float], scale: float, seed: int) -> None:
    source = np.random.default_rng(seed).normal(size=(12, 3))
    rotation, shift = rotation_matrix(angles).astype(np.float64), np.array([3.0, -7.0, 11.0])
    found = procrustes(source, scale * source @ rotation.T + shift)
    for value, expected in zip(found, (scale, rotation, shift), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-4)


def test_head_moves_rigidly(portrait: Portrait) -> None:
    fit = portrait.face
    rest = fit.rest_coefficients()
    moved = np.repeat(rest[None], 2, axis=0)
    moved[1, 52:] = [0.2, -0.1, 0.05, 0.1, -0.2, 0.5]
    still, there = fit.vertices(moved)
    transform = fit.head_transforms(moved)
    np.testing.assert_allclose(transform[0], np.eye(3, 4), atol=1e-4)
    np.testing.assert_allclose(still @ transform[1, :, :3].T + transform[1, :, 3], there, atol=1e-2)


def test_translation(portrait: Portrait) -> None:
    fit = portrait.face
    still, right, down, away = fit.vertices(
        Animation.from_curves(4, x=[0, 0.1, 0, 0], y=[0, 0, 0.1, 0], z=[0, 0, 0, 1]).coefficients
    )
    step = 0.1 * fit.scale
    np.testing.assert_allclose(right - still, np.broadcast_to([step, 0, 0], still.shape), atol=1e-3)
    np.testing.assert_allclose(down - still, np.broadcast_to([0, step, 0], still.shape), atol=1e-3)
    assert np.ptp(away[:, 0]) < np.ptp(still[:, 0])


def test_lips_and_blinks_replace_and_the_rest_adds(portrait: Portrait) -> None:
    fit = portrait.face
    weights = fit.expressions(np.zeros((1, 58)))[0]
    for index, name in enumerate(EXPRESSION_NAMES):
        own = fit.rest if name in LIP_NAMES else fit.expression * ("Blink" not in name and "Look" not in name)
        assert weights[index] == pytest.approx(own[index])
    assert fit.expressions(np.full((1, 58), 0.7)).max() <= 1


def test_lips_come_back_to_the_photos_smile(portrait: Portrait) -> None:
    """Shut, as far as they can smile so; neutral lips leave it."""
    fit = portrait.face
    smiles = [EXPRESSION_NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right")]
    silent = fit.expressions(np.zeros((1, 58)))[0]
    np.testing.assert_allclose(silent[smiles], SMILE_LEFT * fit.expression[smiles], rtol=1e-5)
    assert silent[smiles].min() > 0.3
    assert fit.expressions(neutralize(Animation.from_curves(1), fit).coefficients)[0, smiles].max() == 0.0
    closed = fit.head_vertices(np.zeros((1, 58)))[0]
    assert np.abs(closed[LOWER] - closed[UPPER])[:, :2].max() < 0.01


def test_shut_lips_are_the_persons_own(face_model: FaceModel, portrait: Portrait) -> None:
    """Silence shows a photo with shut lips as it is, however they are shaped; only a smile can be taken off it."""
    pressed = portrait.face.vertices(Animation.from_curves(1, mouthFrownLeft=0.6, mouthPressLeft=0.8).coefficients)[0]
    fit = face_model.fit_image(pressed)
    lips = list(LIPS)
    np.testing.assert_allclose(fit.vertices(np.zeros((1, 58)))[0][lips], pressed[lips], atol=0.02 * fit.scale)
    taken = [name for name in LIP_NAMES if fit.expression[EXPRESSION_NAMES.index(name)] > 0.0]
    assert not [name for name in taken if not name.startswith("mouthSmile") and name != "jawOpen"]


def test_fit_does_not_depend_on_size_and_place(face_model: FaceModel, portrait: Portrait) -> None:
    fit = face_model.fit_image(3.0 * portrait.landmarks + np.array([50, -20, 5]))
    np.testing.assert_allclose(fit.expression, portrait.face.expression, atol=0.02)
    np.testing.assert_allclose(fit.shape, portrait.face.shape, atol=5e-3)
    assert fit.scale == pytest.approx(3 * portrait.face.scale, rel=1e-3)


@pytest.mark.parametrize("angles", [[0, 0, 0], [0.3, 0, 0], [0, -0.2, 0], [0.1, 0.1, 0.4]])
def test_pose_of_a_turned_head(face_model: FaceModel, angles: list[float]) -> None:
    fit = face_model.fit_image(90 * face_model.mean.numpy() @ rotation_matrix(angles).T + [200, 300, 0])
    np.testing.assert_allclose(fit.head_angles(), angles, atol=0.02)
    assert fit.scale == pytest.approx(90, rel=0.02)


FRAMES = 150
TIME = np.arange(FRAMES) / 25
BLINK = (np.arange(FRAMES) % 50 < 6).astype(float)
HEAD = {
    "yaw": 0.15 * np.sin(2 * TIME), "pitch": 0.1 * np.sin(3 * TIME), "roll": 0.05 * np.cos(1.3 * TIME),
    "x": 0.05 * np.sin(TIME), "y": 0.03 * np.cos(TIME), "z": 0.3 * np.sin(TIME),
}  # fmt: skip
TALK = {
    "jawOpen": 0.4 * np.clip(np.sin(12 * TIME), 0, 1), "mouthPucker": 0.6 * np.clip(np.sin(5 * TIME + 2), 0, 1),
    "eyeBlinkLeft": BLINK, "eyeBlinkRight": BLINK,
}  # fmt: skip


@pytest.fixture(scope="module")
def clip(face_model: FaceModel) -> tuple[FaceFit, Animation]:
    fit = face_model.fit_image(80 * face_model.mean.numpy() + [300, 300, 0])
    return fit, Animation.from_curves(FRAMES, **TALK, **HEAD)


@pytest.mark.parametrize("name", ["mouthLowerDownLeft", "mouthLowerDownRight", "mouthFunnel"])
def test_a_lip_moves_without_the_chin(face_model: FaceModel, name: str) -> None:
    lip, chin = face_model.expression_basis[EXPRESSION_NAMES.index(name), [14, 152]].norm(dim=-1)
    assert chin < 0.1 * lip


@pytest.fixture(scope="module")
def tracked(face_model: FaceModel, clip: tuple[FaceFit, Animation]) -> Animation:
    fit, sent = clip
    return Animation(face_model.fit_video(fit.vertices(sent.coefficients)).coefficients)


@pytest.mark.parametrize("name", ["jawOpen", "mouthPucker", "eyeBlinkLeft", "eyeBlinkRight"])
def test_video_weights_are_recovered(clip: tuple[FaceFit, Animation], tracked: Animation, name: str) -> None:
    sent = clip[1][name]
    assert np.corrcoef(tracked[name], sent)[0, 1] > 0.95
    assert np.polyfit(sent, tracked[name], 1)[0] == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("name", HEAD)
def test_video_pose_is_recovered(clip: tuple[FaceFit, Animation], tracked: Animation, name: str) -> None:
    sent = clip[1][name]
    np.testing.assert_allclose(tracked[name], sent - np.median(sent), atol=0.1 if name == "z" else 0.03)


def test_video_closures_stay_closed(face_model: FaceModel, clip: tuple[FaceFit, Animation]) -> None:
    fit, sent = clip
    video = face_model.fit_video(fit.vertices(sent.coefficients))
    assert video.lip_residual.shape == (FRAMES,)
    assert video.lip_residual.max() < 0.01
    shown = video.face.head_vertices(video.coefficients)
    gap = (shown[:, LOWER, 1] - shown[:, UPPER, 1]).mean(1)
    assert np.abs(gap[(sent["jawOpen"] == 0) & (sent["mouthPucker"] == 0)]).max() < 0.01


@pytest.mark.parametrize("frames", [1, 5, 12])
def test_short_clips(face_model: FaceModel, clip: tuple[FaceFit, Animation], frames: int) -> None:
    fit, sent = clip
    video = face_model.fit_video(fit.vertices(sent.coefficients[:frames]))
    assert video.coefficients.shape == (frames, 58)
    assert np.isfinite(video.coefficients).all()


def test_save_and_load_are_bit_equal(face_model: FaceModel, portrait: Portrait, tmp_path: Path) -> None:
    face_model.save_pretrained(tmp_path)
    loaded = FaceModel.from_pretrained(tmp_path)
    for name, tensor in face_model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    again = loaded.fit_image(portrait.landmarks)
    np.testing.assert_array_equal(again.expression, portrait.face.expression)
    np.testing.assert_array_equal(again.shape, portrait.face.shape)


@pytest.mark.parametrize("shape", [(468, 3), (478, 2), (1, 478, 3), (478,)])
def test_photo_landmarks_of_another_shape(face_model: FaceModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"must have shape \(478, 3\)"):
        face_model.fit_image(np.ones(shape))


@pytest.mark.parametrize("shape", [(478, 3), (5, 468, 3), (5, 478, 2), (0, 478, 3)])
def test_video_landmarks_of_another_shape(face_model: FaceModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"must have shape \(frames, 478, 3\)"):
        face_model.fit_video(np.ones(shape))


def test_landmarks_must_be_finite(face_model: FaceModel, portrait: Portrait) -> None:
    broken = portrait.landmarks.copy()
    broken[7, 1] = np.nan
    with pytest.raises(ImageError, match="finite"):
        face_model.fit_image(broken)
    with pytest.raises(ImageError, match="finite"):
        face_model.fit_video(np.stack([portrait.landmarks, broken]))
