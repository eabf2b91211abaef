"""Accents where a voice rises, ends after phrases, ticks in between; decided row by row, once and for all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_files import speech
from voices import voice

from dirfa_pipeline.media.audio import pad_for_encoder
from dirfa_pipeline.media.prosody import prosody
from dirfa_pipeline.models.listener import NUM_HEARD, SPEAKING, Listener
from dirfa_pipeline.models.sound_events import (
    CUE_NAMES,
    DELAY,
    PAST,
    SILENT,
    TICK_SILENT,
    TICK_SPEAKING,
    EventFinder,
    SoundEvent,
)


def events_of(heard: np.ndarray) -> list[SoundEvent]:
    return EventFinder().find(heard, 0, len(heard))


def rows_of(events: list[SoundEvent], kind: str) -> np.ndarray:
    return np.array([event.row for event in events if event.kind == kind])


def same(events: list[SoundEvent], others: list[SoundEvent]) -> bool:
    """Whether the events are the same to the last bit."""
    pairs = zip(events, others, strict=True)
    return all((a.row, a.kind) == (b.row, b.kind) and np.array_equal(a.cues, b.cues) for a, b in pairs)


PHRASES = [*range(30, 200, 18), *range(270, 400, 16)]  # rows at which syllables begin


def two_phrases() -> np.ndarray:
    return voice(PHRASES, 500).heard()


def random_voice(seed: int, rows: int = 400) -> np.ndarray:
    rng = np.random.default_rng(seed)
    starts = np.cumsum(rng.integers(11, 60, 40))
    return voice([int(start) for start in starts if start < rows - 20], rows, range_=3.0, depth=0.8).heard()


def test_accents_are_where_syllables_begin() -> None:
    accents = rows_of(events_of(two_phrases()), "accent")
    for start in PHRASES:
        assert np.abs(accents - start).min() <= 2, f"40 ms about row {start}"
    assert len(accents) == len(PHRASES)


def test_accents_of_a_waveform() -> None:
    """Syllables that swell four times a second: an accent in the rising part of nearly each."""
    wave = speech(6.0).samples[0]
    rows = prosody(pad_for_encoder(wave, 150))
    accents = rows_of(events_of(Listener().hear(rows, np.ones(len(rows), np.float32))[0]), "accent")
    phase = accents * 0.02 % 0.25
    assert len(accents) >= 18
    assert (np.minimum(phase, 0.25 - phase) < 0.06).mean() > 0.9


def test_phrases_end_once() -> None:
    ends = rows_of(events_of(two_phrases()), "end")
    assert len(ends) == 2
    last = [start for start, following in zip(PHRASES, [*PHRASES[1:], 999], strict=True) if following - start > 40]
    assert all(0 < end - start < 35 for end, start in zip(ends, last, strict=True))


def test_a_word_is_not_yet_a_phrase() -> None:
    assert len(rows_of(events_of(voice([100], 300).heard()[:113]), "end")) == 0


def test_ticks_in_silence_and_in_a_steady_hum() -> None:
    silence = np.tile(SILENT, (400, 1))
    hum = silence.copy()
    hum[:, :2], hum[:, 2], hum[:, SPEAKING] = 0.0, 0.9, 1.0
    for heard, every in ((silence, TICK_SILENT), (hum, TICK_SPEAKING)):
        events = events_of(heard)
        assert {event.kind for event in events} == {"tick"}
        assert (np.diff([event.row for event in events]) == every).all()


def test_music_and_noise_make_ticks_only() -> None:
    rng = np.random.default_rng(0)
    heard = rng.normal(0, 1, (500, NUM_HEARD)).astype(np.float32)
    heard[:, SPEAKING] = 0.0
    assert {event.kind for event in events_of(heard)} == {"tick"}


def test_something_always_happens_within_a_second() -> None:
    for seed in range(5):
        rows = [0, *(event.row for event in events_of(random_voice(seed)))]
        assert np.diff(rows).max() <= TICK_SILENT


def test_cues_tell_how_an_event_sounds() -> None:
    events = events_of(two_phrases())
    cues = np.array([event.cues for event in events])
    named = {name: cues[:, index] for index, name in enumerate(CUE_NAMES)}
    kinds = np.array([event.kind for event in events])
    assert (named["rise"][kinds == "accent"] > 0.1).all()
    assert (named["accent"] == (kinds == "accent")).all()
    assert (named["end"] == (kinds == "end")).all()
    after_pause = next(index for index, event in enumerate(events) if event.row >= 268)
    assert named["pause"][after_pause] > 0.8
    assert named["level"][kinds == "accent"].mean() > named["level"][kinds == "end"].mean() + 1.0


def test_louder_syllables_rise_more() -> None:
    soft, loud = (events_of(voice(PHRASES, 500, depth=depth).heard()) for depth in (0.4, 1.2))
    rises = [np.mean([event.cues[0] for event in events if event.kind == "accent"][1:]) for events in (soft, loud)]
    assert rises[1] > 1.5 * rises[0]


@given(st.integers(0, 20), st.lists(st.integers(1, 60), min_size=1, max_size=6))
def test_portions_and_provisional_rows_do_not_matter(seed: int, sizes: list[int]) -> None:
    """Each call knows `PAST` rows before what it decides and `DELAY` after it; the rest may be anything."""
    heard, finder, found, stop, index = random_voice(seed), EventFinder(), [], 0, 0
    whole = events_of(heard)
    rng = np.random.default_rng(seed)
    while stop < len(heard):
        stop, index = min(stop + sizes[index % len(sizes)], len(heard)), index + 1
        first = max(0, finder.decided - PAST)
        known = heard[first : stop + DELAY]
        provisional = rng.normal(size=(int(rng.integers(0, 9)), NUM_HEARD)).astype(np.float32)
        at_end = stop + DELAY > len(heard)
        found += finder.find(known if at_end else np.concatenate([known, provisional]), first, stop)
        assert finder.find(known, first, stop) == [], "a row is decided once"
    assert same(found, whole)


@given(st.integers(0, 20), st.integers(50, 380))
def test_an_event_does_not_depend_on_what_comes_long_after(seed: int, cut: int) -> None:
    heard = random_voice(seed)
    changed = heard.copy()
    changed[cut:] = np.random.default_rng(seed).normal(size=changed[cut:].shape)
    before, after = ([event for event in events_of(rows) if event.row + DELAY < cut] for rows in (heard, changed))
    assert same(before, after)


@pytest.mark.parametrize("rows", [0, 1, DELAY, 20])
def test_short_sounds(rows: int) -> None:
    assert events_of(random_voice(0)[:rows]) == []
