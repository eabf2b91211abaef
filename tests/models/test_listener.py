"""A voice is heard relative to itself, row by row: no gain, no cut and no octave error changes what is heard."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from voices import voice

from dirfa_pipeline.models.listener import BRIGHTNESS, LEVEL, NUM_HEARD, PITCH, SPEAKING, Listener


SYLLABLES = list(range(10, 560, 14))


@given(st.floats(-20.0, 20.0))
def test_gain_does_not_matter(decibels: float) -> None:
    spoken = voice(SYLLABLES, 600)
    before = spoken.heard()
    spoken.prosody[:, 0] += decibels / 10
    np.testing.assert_allclose(spoken.heard(), before, atol=1e-5)


@given(st.lists(st.integers(0, 90), min_size=1, max_size=8).filter(any))
def test_portions_do_not_matter(sizes: list[int]) -> None:
    spoken, listener, parts, start = voice(SYLLABLES, 600), Listener(), [], 0
    while start < 600:
        stop = start + sizes[len(parts) % len(sizes)]
        part, listener = listener.hear(spoken.prosody[start:stop], spoken.speaking[start:stop])
        parts.append(part)
        start = stop
    np.testing.assert_array_equal(np.concatenate(parts), spoken.heard())


@given(st.integers(1, 599))
def test_nothing_depends_on_later_rows(cut: int) -> None:
    spoken = voice(SYLLABLES, 600)
    before = spoken.heard()
    spoken.prosody[cut:] += 1.0
    spoken.speaking[cut:] = 0.7
    np.testing.assert_array_equal(spoken.heard()[:cut], before[:cut])


def test_a_speaker_is_measured_by_his_own_pitch() -> None:
    man, child = voice(SYLLABLES, 600, pitch=0.0).heard(), voice(SYLLABLES, 600, pitch=20.0).heard()
    np.testing.assert_allclose(man, child, atol=1e-5)
    assert np.abs(man[:, PITCH]).max() < 0.5, "of an octave"


def test_octave_errors_do_not_drag_the_pitch() -> None:
    """Every tenth voiced row an octave too high: the running pitch moves by less than a semitone."""
    true, wrong = voice(SYLLABLES, 600), voice(SYLLABLES, 600)
    voiced = np.flatnonzero(wrong.prosody[:, 2] > 0.5)
    wrong.prosody[voiced[5::10], 1] += 12.0
    end_true, end_wrong = (Listener().hear(v.prosody, v.speaking)[1] for v in (true, wrong))
    assert abs(end_wrong.pitch - end_true.pitch) < 1.0


def test_digital_silence_is_nobody() -> None:
    """Not even where the encoder takes it for speech."""
    silence = np.tile(np.array([-9.0, 3.0, 0.0, 0.0], np.float32), (100, 1))
    heard, listener = Listener().hear(silence, np.ones(100, np.float32))
    assert listener == Listener()
    assert (heard[:, LEVEL] == -2.0).all()
    assert (heard[:, [PITCH, BRIGHTNESS]] == 0.0).all()


def test_pauses_and_music_teach_nothing() -> None:
    _, before = Listener().hear(*vars(voice(SYLLABLES, 600)).values())
    loud = np.tile(np.array([-1.0, 15.0, 0.9, -0.5], np.float32), (200, 1))
    heard, after = before.hear(loud, np.zeros(200, np.float32))
    assert replace(after, mood=replace(after.mood, presence=before.mood.presence)) == before
    assert (heard[:, SPEAKING] == 0.0).all()
    assert heard.shape == (200, NUM_HEARD)
    assert np.isfinite(heard).all()
