"""Directing a take: expressions that leave the lips right, head, gaze, blinks, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from media_files import speech
from tiny import tiny_pipeline

from dirfa_pipeline import (
    EXPRESSION_NAMES,
    Animation,
    AnimationError,
    Controls,
    DirfaPipeline,
    FaceModel,
    InputError,
    Portrait,
    load_audio,
)
from dirfa_pipeline.direction.controls import neutralize, nod_curve
from dirfa_pipeline.direction.expressions import PRESETS, aperture_of, expression_weights, lay_over
from dirfa_pipeline.face.measures import eye_openness, lip_aperture


WEIGHTS = Path(__file__).parents[2] / "weights" / "dirfa-base"
SPEECH = Path(__file__).parents[2] / "dirfa_pipeline" / "examples" / "speech.flac"
EMOTIONS = [name for name, weights in PRESETS.items() if weights]
TALK = arrays(np.float32, (4, 52), elements=st.floats(0, 1, width=32))


@pytest.fixture(scope="module")
def take() -> Animation:
    """A take of the shipped weights for the bundled speech."""
    pipeline = DirfaPipeline.from_pretrained(WEIGHTS)
    return pipeline.sample_animation(load_audio(SPEECH), torch.Generator().manual_seed(3))


def shown_aperture(animation: Animation, portrait: Portrait) -> np.ndarray:
    return lip_aperture(portrait.face.vertices(animation.coefficients))


def test_defaults_change_nothing(take: Animation, face_model: FaceModel) -> None:
    np.testing.assert_array_equal(Controls().apply(take, face_model).coefficients, take.coefficients)


@pytest.mark.parametrize("name", EMOTIONS)
def test_presets_leave_the_lips_right(name: str, take: Animation, face_model: FaceModel, portrait: Portrait) -> None:
    """On a real photo's lips: what is shut stays shut, what is open stays open, and the expression shows."""
    directed = Controls(expression=name).apply(take, face_model)
    before, after = shown_aperture(take, portrait), shown_aperture(directed, portrait)
    shut, wide = before < 0.01, before > np.percentile(before, 75)  # between .01 and .02 lips only all but close
    assert shut.sum() > 10
    assert np.mean(after[shut] < 0.02) >= 0.95
    assert np.all(after[wide] > 0.8 * before[wide])
    weights = PRESETS[name]
    shown = [np.mean(directed[part] - take[part]) / value for part, value in weights.items() if value >= 0.4]
    assert min(shown) > 0.3


@given(TALK, st.sampled_from(EMOTIONS), st.floats(0.1, 1.0))
def test_expressions_open_no_shut_mouth(
    face_model: FaceModel, weights: np.ndarray, name: str, strength: float
) -> None:
    openings = face_model.lip_openings
    expression = np.repeat(strength * expression_weights(name)[None], len(weights), axis=0)
    spoken, laid = aperture_of(weights, openings), aperture_of(lay_over(weights, expression, openings), openings)
    assert np.all(laid[spoken < 0.02] <= spoken[spoken < 0.02] + 1e-3)
    assert np.all(laid >= spoken - 1e-3)


def test_keyframes_ease(face_model: FaceModel) -> None:
    still = Animation.from_curves(100)
    change = Controls(expression=[("sad", 1.0), ("happy", 3.0)]).apply(still, face_model)
    frown, smile = change["mouthFrownLeft"], change["mouthSmileLeft"]
    assert frown[:25].min() > 0.5 * PRESETS["sad"]["mouthFrownLeft"]
    assert smile[:25].max() < 1e-3
    assert np.all(np.diff(smile[25:75]) >= -1e-3)
    assert smile[76:].min() > 0.6
    assert frown[76:].max() < 1e-3
    assert np.abs(np.diff(smile)).max() < 0.06


def test_scales_of_regions(take: Animation, face_model: FaceModel) -> None:
    calm = Controls(brows=0.0, eyes=0.5, lips=1.0).apply(take, face_model)
    assert not calm["browInnerUp"].any()
    np.testing.assert_allclose(calm["eyeSquintLeft"], 0.5 * take["eyeSquintLeft"], atol=1e-6)
    np.testing.assert_array_equal(calm["jawOpen"], take["jawOpen"])


def test_head_moves_as_told_and_the_gaze_stays(take: Animation, face_model: FaceModel) -> None:
    still = Controls(head_motion=0.0, gaze="camera").apply(take, face_model)
    assert not still.coefficients[:, 52:].any()
    assert not still["eyeLookOutLeft"].any()
    turned = Controls(head_motion=0.0, pose=(10.0, -5.0, 3.0), gaze="camera").apply(take, face_model)
    np.testing.assert_allclose(np.degrees(turned.coefficients[:, 52:55]), [[10.0, -5.0, 3.0]] * len(take), atol=1e-4)
    assert turned["eyeLookInLeft"].min() > 0.35  # back to the camera, which is now to the subject's right
    assert turned["eyeLookUpLeft"].min() > 0.15
    side = Controls(head_motion=0.0, gaze=(15.0, 0.0)).apply(take, face_model)
    assert side["eyeLookOutLeft"].min() > 0.5


def test_pose_keyframes(face_model: FaceModel) -> None:
    turned = Controls(pose=[((0.0, 0.0, 0.0), 0.0), ((20.0, 0.0, 0.0), 2.0)], easing="linear").apply(
        Animation.from_curves(75), face_model
    )
    np.testing.assert_allclose(np.degrees(turned["yaw"][25]), 10.2, atol=0.05)
    np.testing.assert_allclose(np.degrees(turned["yaw"][60:]), 20.0, atol=1e-4)


def blinks(animation: Animation) -> int:
    shut = animation["eyeBlinkLeft"] > 0.5
    return int(shut[0]) + int(np.sum(shut[1:] & ~shut[:-1]))


def test_blinks(face_model: FaceModel) -> None:
    still = Animation.from_curves(500)
    forced = Controls(blinks=(2.0, 6.0, 10.0, 14.0)).apply(still, face_model)
    assert blinks(forced) == 4
    assert forced["eyeBlinkRight"][[49, 50]].max() > 0.9
    assert blinks(Controls(blink_rate=0.0).apply(forced, face_model)) == 0
    assert blinks(Controls(blink_rate=0.5).apply(forced, face_model)) == 2
    assert blinks(Controls(blink_rate=2.0).apply(forced, face_model)) == 8
    slow = Controls(blinks=(2.0,)).apply(Animation.from_curves(30, fps=5.0), face_model)
    assert blinks(slow) == 1


def test_nods_follow_the_loud_syllables(face_model: FaceModel) -> None:
    clip = load_audio(SPEECH)
    still = Animation.from_curves(round(clip.duration * 25))
    nodded = Controls(nods=1.0).apply(still, face_model, clip)
    assert -np.radians(5.01) < nodded["pitch"].min() < -np.radians(4.0)
    times = (np.arange(len(still)) + 0.5) / 25
    curve = nod_curve(clip, times)
    loudness = np.array([np.abs(piece).mean() for piece in np.array_split(clip.mono(16_000), len(times))])
    assert loudness[curve > 0.8].mean() > 1.3 * loudness.mean()
    silence = nod_curve(type(clip)(np.zeros((1, 16_000), np.float32), 16_000), times)
    assert not silence.any()
    with pytest.raises(InputError, match="nods need the speech"):
        Controls(nods=1.0).apply(still, face_model)


def test_reference_loops_without_a_jump_and_stretches(face_model: FaceModel) -> None:
    time = np.arange(60) / 25
    reference = Animation.from_curves(60, yaw=0.2 * np.sin(time), pitch=0.1 * time, browInnerUp=0.3)
    drawn = Animation.from_curves(300, yaw=0.5, jawOpen=0.4, browInnerUp=0.1)
    looped = Controls(motion_from=reference, motion_channels=("head",)).apply(drawn, face_model)
    np.testing.assert_allclose(looped["yaw"][:47], reference["yaw"][:47], atol=1e-6)
    assert np.abs(np.diff(looped["pitch"])).max() < 0.035
    np.testing.assert_array_equal(looped["jawOpen"], drawn["jawOpen"])
    np.testing.assert_array_equal(looped["browInnerUp"], drawn["browInnerUp"])
    stretched = Controls(motion_from=reference, motion_channels=("head", "style"), motion_fit="stretch")
    pitch = stretched.apply(drawn, face_model)["pitch"]
    assert np.corrcoef(pitch, np.arange(300))[0, 1] > 0.999
    np.testing.assert_allclose(pitch[-1], reference["pitch"][-1], atol=1e-3)


def test_neutralize_takes_the_photos_look_off(portrait: Portrait) -> None:
    rest = neutralize(Animation.from_curves(1), portrait.face)
    shown = portrait.face.expressions(rest.coefficients)[0]
    brows = [index for index, name in enumerate(EXPRESSION_NAMES) if name.startswith(("brow", "cheek", "nose"))]
    assert np.abs(shown[brows]).max() < 1e-6


def test_a_calm_face_has_room_for_every_expression(portrait: Portrait, face_model: FaceModel) -> None:
    """Large eyes and high brows are the face's own: neutral does not narrow them, surprise still widens them."""

    def openness(animation: Animation) -> float:
        return float(eye_openness(portrait.face.vertices(animation.coefficients))[0])

    rest = Animation.from_curves(1)
    calm = openness(rest)
    assert openness(neutralize(rest, portrait.face)) > 0.9 * calm
    assert openness(Controls(expression="surprised").apply(rest, face_model)) > 1.15 * calm


def test_pipeline_takes_controls_and_shortcuts(astronaut: Path) -> None:
    pipeline = tiny_pipeline()
    clip = speech(1.0)

    def sampled(**arguments: object) -> np.ndarray:
        generator = torch.Generator().manual_seed(1)
        return (
            pipeline(None, clip, generator=generator, output_type="animation", **arguments).animation[0].coefficients
        )

    plain = sampled()
    happy = sampled(expression="happy")
    assert happy[:, EXPRESSION_NAMES.index("mouthSmileLeft")].mean() > plain[:, 23].mean() + 0.3
    np.testing.assert_array_equal(happy, sampled(controls=Controls(expression="happy")))
    half = sampled(controls=Controls(expression="happy"), expression_strength=0.5)
    assert plain[:, 23].mean() < half[:, 23].mean() < happy[:, 23].mean()
    tilted = sampled(motion_from=Animation.from_curves(5, roll=0.1))
    np.testing.assert_allclose(tilted[:, 54], 0.1, atol=1e-6)
    frames = pipeline(str(astronaut), clip, max_size=448, fps=2, output_type="np", neutralize=True).frames
    assert frames[0].shape[0] == 2


def test_streams_are_directed_frame_by_frame(astronaut: Path) -> None:
    pipeline = tiny_pipeline()
    clip, controls = speech(1.0), Controls(expression=[("sad", 0.2), ("happy", 0.8)], head_motion=0.5, blink_rate=0.0)
    portrait = pipeline.prepare_portrait(str(astronaut), max_size=448)

    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(2)

    chunks = np.array_split(clip.samples[0], 5)
    frames = list(pipeline.stream(portrait, chunks, 16_000, generator(), fps=5, controls=controls))
    take = pipeline.sample_animation(clip, generator(), fps=5, lookahead=0.24)
    whole = list(pipeline.render(portrait, controls.apply(take, pipeline.face_model)))
    np.testing.assert_array_equal(frames, whole)
    with pytest.raises(InputError, match="cannot look ahead"):
        pipeline.stream(portrait, chunks, 16_000, controls=Controls(nods=1.0))


BAD_CONTROLS = {
    "preset": ({"expression": "hapy"}, "did you mean 'happy'"),
    "no preset": ({"expression": "joyful"}, "'joyful'; there are"),
    "weight's name": ({"expression": {"mouthSmilLeft": 0.3}}, "did you mean 'mouthSmileLeft'"),
    "no expression": ({"expression": {"yaw": 0.3}}, "yaw is no expression"),
    "weight": ({"expression": {"jawOpen": 3}}, r"jawOpen must be a number in \[-1, 1\], got 3"),
    "not a number": ({"expression": {"jawOpen": float("nan")}}, "jawOpen must be a number"),
    "kind": ({"expression": 3}, "must be"),
    "no keyframes": ({"expression": []}, "one keyframe or more"),
    "half a keyframe": ({"expression": [("sad",)]}, "keyframe 0 of expression must be"),
    "order": ({"expression": [("sad", 2.0), ("happy", 1.0)]}, "keyframe 1 at 1.0 s comes after one at 2.0 s"),
    "time": ({"expression": [("sad", -1.0)]}, "keyframe 0 of expression needs a time in seconds from 0 on, got -1.0"),
    "strength": ({"expression_strength": 2.5}, r"expression_strength must be a number in \[0, 2\], got 2.5"),
    "easing": ({"easing": "bouncy"}, "easing must be one of smooth"),
    "still": ({"head_motion": -1}, "head_motion"),
    "facing": ({"facing": 1.5}, r"facing must be a number in \[0, 1\], got 1.5"),
    "pose": ({"pose": (50.0, 0.0, 0.0)}, r"the yaw of keyframe 0 of pose must be degrees in \[-35, 35\], got 50.0"),
    "two angles": ({"pose": (5.0, 0.0)}, "needs \\(yaw, pitch, roll\\)"),
    "pose order": ({"pose": [((0.0, 0.0, 0.0), 1.0), ((5.0, 0.0, 0.0), 1.0)]}, "keyframes of pose must be in order"),
    "gaze": ({"gaze": "away"}, "gaze must be"),
    "gaze point": ({"gaze": (90.0, 0.0)}, "the yaw of gaze"),
    "rate": ({"blink_rate": "none"}, "blink_rate"),
    "blinks": ({"blinks": (3.0, 1.0)}, "keyframes of blinks must be in order"),
    "channel": ({"motion_channels": ("nose",)}, "motion_channels must be among head, blinks, style, lips"),
    "fit": ({"motion_fit": "squeeze"}, "motion_fit must be one of loop, stretch"),
    "reference": ({"motion_from": "video.mp4"}, "pipe.track"),
}


@pytest.mark.parametrize("name", BAD_CONTROLS)
def test_bad_controls_are_refused(name: str) -> None:
    arguments, message = BAD_CONTROLS[name]
    with pytest.raises(InputError, match=message):
        Controls(**arguments)


def test_bad_calls_are_refused() -> None:
    pipeline = tiny_pipeline()
    with pytest.raises(InputError, match="controls must be Controls"):
        pipeline(None, speech(0.5), output_type="animation", controls={"head_motion": 0})
    with pytest.raises(InputError, match="neutralize needs the photo"):
        pipeline(None, speech(0.5), output_type="animation", neutralize=True)
    with pytest.raises(AnimationError, match="motion_from"):
        pipeline(None, speech(0.5), output_type="animation", motion_from=3)
