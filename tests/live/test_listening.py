"""A face that listens looks at the speaker and nods where phrases end."""

import numpy as np
import pytest

from dirfa_pipeline import COEFFICIENT_NAMES, LIP_NAMES, AudioError, FaceModel
from dirfa_pipeline.animation.gaze import gaze_angles, look_weights
from dirfa_pipeline.live.listening import NOD, Listening


PITCH = COEFFICIENT_NAMES.index("pitch")
LIPS = [COEFFICIENT_NAMES.index(name) for name in LIP_NAMES]
RATE = 16_000


def aside() -> np.ndarray:
    """A face whose eyes look aside."""
    row = np.zeros(len(COEFFICIENT_NAMES), np.float32)
    for name, value in look_weights(np.array([0.2]), np.array([-0.1])).items():
        row[COEFFICIENT_NAMES.index(name)] = max(float(value[0]), 0.0)
    return row


def listen_to(listening: Listening, loud: list[bool], row: np.ndarray) -> np.ndarray:
    """Rows at 25 fps while each fifth of a second is loud or quiet."""
    random, rows = np.random.default_rng(0), []
    for index, speaks in enumerate(loud):
        sound = random.normal(size=RATE // 5).astype(np.float32) * (0.1 if speaks else 1e-4)
        for part in range(5):
            time = 0.2 * index + 0.04 * part
            listening.hear((RATE, sound[part * 640 : (part + 1) * 640]), time)
            rows.append(listening.apply(row, time))
    return np.array(rows)


def test_ends_of_phrases_are_nodded_at(face_model: FaceModel) -> None:
    phrases = ([True] * 8 + [False] * 5) * 10
    rows = listen_to(Listening(face_model, seed=1), phrases, aside())
    down = rows[:, PITCH] < -0.8 * NOD
    nods = np.count_nonzero(down[1:] & ~down[:-1])
    assert 3 <= nods <= 9
    for frame in np.flatnonzero(down):
        assert not all(phrases[max(0, frame // 5 - 5) : frame // 5])  # none while the phrase goes on
    assert np.abs(np.diff(rows[:, PITCH])).max() < 0.4 * NOD


def test_eyes_go_to_the_speaker_and_come_back(face_model: FaceModel) -> None:
    rows = listen_to(Listening(face_model, seed=1), [True] * 10 + [False] * 20, aside())
    yaw = gaze_angles(rows)[0]
    assert yaw[0] > 0.15 and abs(yaw[45]) < 0.07 and yaw[-1] > 0.19
    assert np.abs(np.diff(yaw)).max() < 0.04


def test_lips_rest(face_model: FaceModel) -> None:
    rows = listen_to(Listening(face_model, seed=1), ([True] * 8 + [False] * 5) * 4, aside())
    assert not rows[:, LIPS].any()


def test_silence_changes_nothing(face_model: FaceModel) -> None:
    rows = listen_to(Listening(face_model, seed=1), [False] * 20, aside())
    np.testing.assert_array_equal(rows, np.tile(aside(), (100, 1)))


@pytest.mark.parametrize("chunk", [(RATE, np.array([np.nan])), (3, np.zeros(9)), (RATE, np.array(["a"]))])
def test_what_is_no_sound_is_refused(face_model: FaceModel, chunk: object) -> None:
    with pytest.raises(AudioError):
        Listening(face_model, seed=1).hear(chunk, 0.0)
