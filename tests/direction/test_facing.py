"""Heads that a photo shows turned come back to the camera, wherever frames are drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from media_files import speech
from tiny import tiny_pipeline

from dirfa_pipeline import Animation, Controls, DirfaPipeline, InputError, Portrait
from dirfa_pipeline.animation.gaze import gaze_angles
from dirfa_pipeline.direction.facing import MOST_FACING, face_camera
from dirfa_pipeline.face.rotations import rotation_matrix


@pytest.fixture
def turned(portrait: Portrait) -> Portrait:
    """The portrait as if its head had been turned by ten degrees, tipped back by six and tilted by four."""
    return turn(portrait, (10.0, 6.0, 4.0))


def turn(portrait: Portrait, angles: tuple[float, float, float]) -> Portrait:
    return replace(portrait, face=replace(portrait.face, rotation=rotation_matrix(np.radians(angles))))


def room_gaze(coefficients: np.ndarray) -> np.ndarray:
    """Where the eyes look, whatever the head does: `(frames, 2)`, yaw and pitch in radians."""
    return np.stack(gaze_angles(coefficients), axis=1) + coefficients[:, 52:54]


@pytest.mark.parametrize(
    ("own", "back"),
    [((10.0, -6.0, 4.0), (-5.0, 3.0, -2.0)), ((30.0, 0.0, 0.0), (-MOST_FACING, 0.0, 0.0)), ((0.0,) * 3, (0.0,) * 3)],
)
def test_half_of_the_turn_is_taken_back_and_the_eyes_stay(
    portrait: Portrait, own: tuple[float, float, float], back: tuple[float, float, float]
) -> None:
    take = Animation.from_curves(5, yaw=0.02, eyeLookOutLeft=0.2, eyeLookInRight=0.2, jawOpen=0.3).coefficients
    faced = face_camera(take, turn(portrait, own).face)
    np.testing.assert_allclose(np.degrees((faced - take)[:, 52:55]), [back] * 5, atol=1e-3)
    np.testing.assert_allclose(room_gaze(faced), room_gaze(take), atol=1e-3)
    assert (faced[:, 14:52] == take[:, 14:52]).all()


def test_frames_are_the_same_however_they_are_drawn(turned: Portrait) -> None:
    """In a call, from a take that was drawn before, and in a stream; a share of 0 keeps the photo's pose."""
    pipeline, clip = tiny_pipeline(), speech(1.0)

    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(3)

    def called(controls: Controls) -> tuple[Animation, np.ndarray]:
        output = pipeline(turned, clip, generator=generator(), fps=5, controls=controls)
        return output.animation[0], np.stack([np.asarray(frame) for frame in output.frames[0]])

    take, frames = called(Controls())
    np.testing.assert_array_equal(np.stack(list(pipeline.render(turned, take))), frames)
    streamed = pipeline.stream(turned, [clip], generator=generator(), fps=5, lookahead=None)
    np.testing.assert_array_equal(np.stack(list(streamed)), frames)
    same, as_photographed = called(Controls(facing=0.0))
    np.testing.assert_array_equal(same.coefficients, take.coefficients)
    assert (as_photographed != frames).any()
    np.testing.assert_array_equal(np.stack(list(pipeline.render(turned, take, facing=0.0))), as_photographed)


def test_a_share_beyond_the_whole_is_refused(portrait: Portrait) -> None:
    pipeline: DirfaPipeline = tiny_pipeline()
    with pytest.raises(InputError, match=r"facing must be a number in \[0, 1\], got -0.5"):
        pipeline.render(portrait, Animation.from_curves(1), facing=-0.5)
