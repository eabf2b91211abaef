"""How aroused a voice is: lively ones before calm ones, whatever the gain and whoever plays music in between."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voices import Voice, voice

from dirfa_pipeline.models.arousal import Arousal
from dirfa_pipeline.models.listener import AROUSAL


SYLLABLES = list(range(10, 560, 14))
CALM = {"range_": 1.5, "depth": 0.5, "bright": -2.2}
LIVELY = {"range_": 5.0, "depth": 1.5, "bright": -1.4}


def mood(spoken: Voice) -> float:
    return float(spoken.heard()[-1, AROUSAL])


@pytest.mark.parametrize("gain", [0.0, -2.0])
def test_aroused_voices_come_before_calm_ones(gain: float) -> None:
    lively, calm = voice(SYLLABLES, 600, **LIVELY), voice(SYLLABLES, 600, **CALM)
    lively.prosody[:, 0] += gain
    assert lively.heard()[-1, AROUSAL] > 0.3
    assert calm.heard()[-1, AROUSAL] < 0.0
    for one in ({"range_": 5.0}, {"depth": 1.5}, {"bright": -1.4}):
        assert voice(SYLLABLES, 600, **(CALM | one)).heard()[-1, AROUSAL] > calm.heard()[-1, AROUSAL]


def test_arousal_comes_slowly() -> None:
    heard = voice(SYLLABLES, 600, **LIVELY).heard()[:, AROUSAL]
    assert np.abs(np.diff(heard)).max() < 0.1
    assert np.abs(heard).max() < 1.0


@given(st.integers(0, 100))
def test_rows_that_are_hardly_speech_decide_nothing(seed: int) -> None:
    """A softer voice is a little less like speech to the encoder: rows between its syllables fall under one half."""
    rng = np.random.default_rng(seed)
    loud, soft = voice(SYLLABLES, 600, **LIVELY), voice(SYLLABLES, 600, **LIVELY)
    doubtful = (loud.speaking > 0.5) & (loud.prosody[:, 2] == 0.0) & (rng.random(600) < 0.5)
    loud.speaking[doubtful], soft.speaking[doubtful] = 0.55, 0.45
    soft.prosody[:, 0] -= 2.0
    assert mood(soft) == pytest.approx(mood(loud), abs=0.1)


def test_a_wrong_octave_at_the_start_is_forgotten() -> None:
    right, wrong = voice(SYLLABLES, 600), voice(SYLLABLES, 600)
    first = np.flatnonzero(wrong.prosody[:, 2] > 0.5)[:5]
    wrong.prosody[first, 1] += 12.0
    assert mood(wrong) == pytest.approx(mood(right), abs=0.1)


def test_a_voice_must_have_been_there_for_a_while() -> None:
    """A second of it tells nothing; nor does one that is hardly taken for speech."""
    assert (voice(SYLLABLES, 600, **LIVELY).heard()[:50, AROUSAL] == Arousal().value).all()
    music = voice(SYLLABLES, 600, **LIVELY)
    music.speaking *= 0.3
    assert mood(music) == Arousal().value
