"""Measures of signals whose answer is known."""

import numpy as np
import pytest

from dirfa_pipeline.evaluation.metrics import (
    OPENNESS,
    Phone,
    beat_alignment,
    best_lag,
    blink_lengths,
    closed_level,
    closure_minima,
    closure_recall,
    count_blinks,
    frechet_distance,
    head_motion,
    jitter,
    lip_distance,
    loudness,
    motion_beats,
    open_close_ratio,
    phone_openness,
    rms_distance,
    silence_stillness,
    silent_frames,
    speech_beats,
    window_features,
)
from dirfa_pipeline.face.landmarks import LEFT_EYE


@pytest.mark.parametrize(
    ("openness", "blinks"),
    [
        ([0.3] * 20, 0),
        ([0.3] * 5 + [0.05] * 3 + [0.3] * 5, 1),
        ([0.05] + [0.3] * 9 + [0.05] * 2 + [0.3] * 9, 2),
        ([0.3] * 5 + [0.2] * 3 + [0.3] * 5, 0),
    ],
)
def test_blinks(openness: list[float], blinks: int) -> None:
    assert count_blinks(np.array(openness)) == blinks


@pytest.mark.parametrize(("lowest", "lengths"), [([0.3], []), ([0.17], []), ([0.2, 0.05, 0.02, 0.1, 0.22], [5])])
def test_length_of_blinks(lowest: list[float], lengths: list[int]) -> None:
    """A dip counts from three quarters of the open eye down, if it reaches .55 of it."""
    assert blink_lengths(np.array([0.3] * 8 + lowest + [0.3] * 9)) == lengths


def test_closed_level() -> None:
    assert closed_level(np.linspace(0, 1, 101)) == pytest.approx(0.05 + 0.1 * 0.9)
    assert closed_level(np.full(10, 0.001)) == 0.02


def test_closure_minima() -> None:
    aperture = np.full(50, 0.2)
    aperture[25] = 0.0  # at 1.02 s
    np.testing.assert_allclose(closure_minima(aperture, 25, [1.02, 1.09, 1.2, 9.0]), [0, 0, 0.2])


def speaking_lips() -> tuple[np.ndarray, list[Phone]]:
    """Ten seconds at 25 fps: a second of silence, then in each second shut at a p and wide at an ah, ajar between."""
    aperture = np.full(250, 0.1)
    phones = [Phone("SIL", 0.0, 1.0)]
    aperture[:25] = 0.04
    for start in np.arange(1.0, 10.0, 1.0):
        phones += [Phone("P", start + 0.2, start + 0.28), Phone("AA", start + 0.4, start + 0.6)]
        aperture[round((start + 0.2) * 25) : round((start + 0.28) * 25)] = 0.0
        aperture[round((start + 0.4) * 25) : round((start + 0.6) * 25)] = 0.3
    return aperture, phones


def test_lips_that_follow_the_sound() -> None:
    aperture, phones = speaking_lips()
    recall, chance = closure_recall(aperture, 25, phones)
    assert recall == 1.0
    assert chance == pytest.approx(9 * 0.24 / 9.8, abs=0.05)
    assert open_close_ratio(aperture + 0.1, 25, phones) == pytest.approx(0.4 / 0.1)
    wanted = phone_openness(phones, 250, 25)
    assert np.corrcoef(aperture, wanted)[0, 1] > 0.9
    assert wanted[13] == 0.0
    assert wanted[37] == pytest.approx(1.0, abs=0.02)  # the middle of the first ah


def test_lips_that_never_close() -> None:
    aperture = 0.2 + 0.1 * np.sin(np.arange(100) / 3)
    phones = [Phone("M", 0.28, 0.36)]  # the crest at 0.2 s is over, the trough is at 0.56
    assert closure_recall(aperture, 25, phones)[0] == 0.0
    assert np.isnan(closure_recall(aperture, 25, [])[0])
    assert np.isnan(open_close_ratio(aperture, 25, phones))


def test_every_phone_of_arpabet_has_an_openness() -> None:
    phones = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
    assert set(OPENNESS) == {"SIL", *phones.split()}


def test_loudness() -> None:
    """A full-scale sine is 3 dB under full scale, a tenth of it 23 dB."""
    sine = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    level = loudness(np.concatenate([sine, 0.1 * sine, np.zeros(16_000)]), 16_000, 75, 25)
    np.testing.assert_allclose(level[5:20], -3.01, atol=0.2)
    np.testing.assert_allclose(level[30:45], -23.01, atol=0.2)
    np.testing.assert_allclose(level[52:], -100)


def test_silences() -> None:
    level = np.full(100, -10.0)
    level[20:45] = -70.0
    level[60:65] = -70.0  # 0.2 s: a pause within words
    silent = silent_frames(level, 25)
    assert np.flatnonzero(silent)[[0, -1]].tolist() == [22, 42]
    aperture = np.where(silent, 0.01, 0.1 + 0.05 * (-1.0) ** np.arange(100))
    assert silence_stillness(aperture, silent) == pytest.approx(0.0, abs=1e-9)
    aperture[silent] += 0.01 * (-1.0) ** np.arange(silent.sum())
    assert silence_stillness(aperture, silent) == pytest.approx(0.2, rel=0.02)
    assert np.isnan(silence_stillness(aperture, np.zeros(100, bool)))


@pytest.mark.parametrize("late", [-5, -2, 0, 3, 5])
def test_lag(late: int) -> None:
    reference = np.random.default_rng(0).normal(size=200)
    lag, correlation = best_lag(np.roll(reference, late), reference)
    assert lag == late
    assert correlation == pytest.approx(1.0)


def test_lag_of_stillness() -> None:
    assert best_lag(np.zeros(30), np.arange(30.0))[1] == 0.0


@pytest.mark.parametrize(("power", "expected"), [(0, 0.0), (1, 0.0), (2, 0.0), (3, 6.0)])
def test_jitter(power: int, expected: float) -> None:
    """The third difference of t^3 is 6, of anything smoother 0."""
    landmarks = np.zeros((12, 478, 3))
    landmarks[:, [LEFT_EYE.outer, LEFT_EYE.inner], 0] = 100  # eyes so far apart
    landmarks[:, 152, 0] = 0.1 * np.arange(12.0) ** power
    assert jitter(landmarks, [152]) == pytest.approx(expected, abs=1e-6)


def test_head_motion() -> None:
    time = np.arange(250) / 25
    swing = np.stack([0.1 * np.sin(2 * np.pi * time), np.full(250, 0.3), np.zeros(250)], axis=1)
    motion = head_motion(swing, 25)
    assert motion["yaw_std"] == pytest.approx(np.degrees(0.1) / np.sqrt(2), rel=1e-3)
    assert motion["pitch_std"] == pytest.approx(0, abs=1e-9)
    assert motion["angular_speed"] == pytest.approx(4 * np.degrees(0.1), rel=0.02)
    turning = np.radians(np.arange(10.0))[:, None] * [1, 0, 0]
    assert head_motion(turning, 25)["angular_speed"] == pytest.approx(25)
    turning[5:] += np.radians(12.0)  # a jerk in one frame of ten is in the peak and hardly in the mean
    assert head_motion(np.repeat(turning, 2, axis=0), 25)["angular_speed_peak"] > 250
    assert head_motion(turning[:1], 25)["angular_speed"] == 0.0


def test_lip_distance() -> None:
    rng = np.random.default_rng(0)
    lips = rng.normal(size=(50, 10, 2))
    assert lip_distance(lips + 3.0, lips) == pytest.approx(0.0, abs=1e-9)  # another person's lips, moved alike
    swing = np.zeros((51, 10, 2))
    swing[:25, :, 0], swing[26:, :, 0] = 0.1, -0.1
    assert lip_distance(swing, np.zeros_like(swing)) == pytest.approx(10.0 * 50 / 51)


def test_rms_distance() -> None:
    assert rms_distance(np.zeros((4, 3)), np.ones((6, 3)) * [3.0, 4.0, 0.0]) == pytest.approx(5.0)


def test_beats() -> None:
    """Syllables at whole seconds; a head that turns back with them is on the beat, one half a second off is not."""
    level = np.full(250, -40.0)
    for beat in range(1, 10):
        level[beat * 25 : beat * 25 + 6] = -10.0
    onsets = speech_beats(level, 25)
    np.testing.assert_allclose(onsets, np.arange(1, 10) + 0.02)
    time = (np.arange(250) + 0.5) / 25
    # The speed of sin is least where it turns: every second for a period of two.
    scores = [
        beat_alignment(
            motion_beats(np.stack([0.1 * np.sin(np.pi * (time - shift)), 0 * time, 0 * time], 1), 25), onsets
        )
        for shift in (0.5, 0.0)
    ]
    assert scores[0] > 0.8
    assert scores[1] < 0.2
    assert np.isnan(beat_alignment(motion_beats(np.zeros((50, 3)), 25), onsets))


def test_frechet_distance() -> None:
    """0 of a set to itself; d^2 of one shifted by d deviations; (k - 1)^2 a dimension of one k times as wide."""
    reference = np.random.default_rng(0).normal(size=(4000, 3))
    reference = (reference - reference.mean(0)) / reference.std(0)
    assert frechet_distance(reference, reference) == pytest.approx(0.0, abs=1e-6)
    assert frechet_distance(reference + [2.0, 0, 0], reference) == pytest.approx(4.0, rel=1e-3)
    assert frechet_distance(3.0 * reference, reference) == pytest.approx(3 * 4.0, rel=1e-2)
    assert np.isnan(frechet_distance(reference[:3], reference))


def test_window_features() -> None:
    ramp = np.arange(40.0)[:, None] * [1.0, -2.0]
    features = window_features(ramp, length=11, hop=10)
    np.testing.assert_allclose(features, np.tile([np.sqrt(10), 2 * np.sqrt(10), 1, 2], (3, 1)))
    assert window_features(ramp[:5], length=11).shape == (0, 4)
