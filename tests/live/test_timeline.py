"""The line of time on which speech is laid and played."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dirfa_pipeline.live.timeline import FADE, KEPT, SOUND_RATE, START_MARGIN, Timeline
from dirfa_pipeline.live.utterance import Utterance


STEP = SOUND_RATE // 25


def tone(seconds: float) -> np.ndarray:
    return (0.3 + 0.2 * np.sin(np.arange(round(seconds * SOUND_RATE)))).astype(np.float32)


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 3000)), max_size=12))
def test_all_sound_is_played_once_and_in_order(moves: list[tuple[int, int]]) -> None:
    """However laying and playing alternate; what is looked at and silent stays silent."""
    timeline, utterance = Timeline(), Utterance(0)
    laid, played, end, number = [], [], 0, 1
    for amount, ahead in moves:
        samples = np.arange(number, number + amount, dtype=np.float32)
        number += amount
        laid.append(samples)
        timeline.lay(samples, utterance)
        seen = timeline.look(end, end + ahead).copy()
        end += ahead
        sound, spoken = timeline.play(end)
        np.testing.assert_array_equal(sound, seen)
        assert sum(spoken.values()) == np.count_nonzero(sound)
        played.append(sound)
    played.append(timeline.play(end + number + 50 * SOUND_RATE)[0])
    heard = np.concatenate(played)
    np.testing.assert_array_equal(heard[heard > 0], np.concatenate([np.zeros(0), *laid]))


def test_speech_begins_where_nobody_looked_yet() -> None:
    timeline = Timeline()
    assert not timeline.look(-500, 9000).any()
    timeline.play(STEP)
    timeline.lay(tone(0.1), Utterance(0))
    sound = timeline.look(0, 2 * SOUND_RATE)
    assert np.flatnonzero(sound)[0] == 9000 + round(START_MARGIN * SOUND_RATE)


def test_chunks_join_although_their_place_was_looked_at() -> None:
    timeline, utterance = Timeline(), Utterance(0)
    for _ in range(5):
        timeline.lay(tone(0.02), utterance)
        timeline.look(0, SOUND_RATE)
    sound = timeline.look(0, SOUND_RATE)
    speech = np.flatnonzero(sound)
    assert speech[-1] - speech[0] + 1 == len(speech) == round(0.1 * SOUND_RATE)


def test_a_cut_fades_and_leaves_silence() -> None:
    timeline, utterance = Timeline(), Utterance(0)
    timeline.lay(tone(3.0), utterance)
    timeline.look(0, SOUND_RATE)
    timeline.play(SOUND_RATE // 2)
    timeline.cut()
    sound, spoken = timeline.play(3 * SOUND_RATE)
    fade = round(FADE * SOUND_RATE)
    assert sound[0] > 0.05 and (sound[fade:] == 0).all() and spoken == {utterance: fade}
    assert (np.abs(sound[:fade]) <= np.linspace(0.5, 0.0, fade) + 1e-6).all()
    assert timeline.backlog == 0.0
    timeline.lay(tone(0.1), Utterance(1))  # what comes then is new: it lies where nobody has looked
    assert timeline.play(4 * SOUND_RATE)[0].any()


def test_cutting_silence_leaves_it_silent() -> None:
    timeline = Timeline()
    timeline.cut()
    assert not timeline.play(SOUND_RATE)[0].any()


def test_played_sound_is_forgotten() -> None:
    timeline = Timeline()
    for second in range(60):
        timeline.lay(tone(1.0), Utterance(second))
        timeline.play(second * SOUND_RATE)
    assert sum(len(piece[1]) for piece in timeline._pieces) <= (KEPT + 4) * SOUND_RATE
