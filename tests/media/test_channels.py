"""Channels mixed down: the voice at its own loudness, wherever it is, and never to nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_files import speech

from dirfa_pipeline import AudioClip
from dirfa_pipeline.media.audio_stream import SoundStream
from dirfa_pipeline.media.channels import DOWN, VoiceMix, to_stereo


RATE = 16_000
FIVE_ONE = ("FL", "FR", "FC", "LFE", "BL", "BR")
VOICE = speech(2.0, RATE).samples[0]
NOISE = (0.05 * np.random.default_rng(1).normal(size=VOICE.size)).astype(np.float32)
NONE = 0.0 * VOICE

SAME_AS_MONO = {
    "one channel": ([VOICE], ()),
    "both the same": ([VOICE, VOICE], ("FL", "FR")),
    "opposite phase": ([VOICE, -VOICE], ("FL", "FR")),
    "left": ([VOICE, NONE], ("FL", "FR")),
    "right": ([NONE, VOICE], ()),
    "one side quieter": ([VOICE, 0.5 * VOICE], ()),
    "centre of 5.1": ([NONE, NONE, VOICE, NONE, NONE, NONE], FIVE_ONE),
    "centre of 5.1 with music around": ([NOISE, -NOISE, VOICE, NOISE, NOISE, NOISE], FIVE_ONE),
    "front of 5.1 whose centre is empty": ([VOICE, VOICE, NONE, NOISE, NONE, NONE], FIVE_ONE),
    "one of eight": ([NONE] * 5 + [VOICE] + [NONE] * 2, ()),
    "all of eight": ([VOICE] * 8, ()),
    "all of eight, every other one upside down": ([VOICE, -VOICE] * 4, ()),
}


@pytest.mark.parametrize("name", SAME_AS_MONO)
def test_the_voice_is_as_loud_as_alone(name: str) -> None:
    channels, names = SAME_AS_MONO[name]
    mixed = VoiceMix(RATE, len(channels), names).whole(np.stack(channels))
    np.testing.assert_allclose(mixed, VOICE, atol=1e-6)
    clip = AudioClip(np.stack(channels), RATE, names)
    np.testing.assert_allclose(clip.mono(RATE), VOICE, atol=1e-6)


def test_two_people_on_two_sides_are_both_heard() -> None:
    """One after the other, then together."""
    third = len(VOICE) // 3
    left, right = VOICE.copy(), VOICE[::-1].copy()
    left[third : 2 * third] = 0.0
    right[:third] = 0.0
    mixed = VoiceMix(RATE, 2).whole(np.stack([left, right]))
    for part, alone in (
        (slice(0, third), left),
        (slice(third, 2 * third), right),
        (slice(2 * third, None), left + right),
    ):
        level = mixed[part].std() / alone[part].std()
        assert 0.65 < level < 1.05
        assert np.corrcoef(mixed[part], alone[part])[0, 1] > 0.99


def test_a_wide_recording_keeps_its_middle() -> None:
    """Sides louder than the voice, turned against each other, are no reason to turn a channel over."""
    music = 2.0 * VOICE[::-1]
    mixed = VoiceMix(RATE, 2).whole(np.stack([VOICE + music, VOICE - music]))
    settled = slice(RATE // 2, None)
    assert np.corrcoef(mixed[settled], VOICE[settled])[0, 1] > 0.99
    assert mixed.std() > VOICE.std()


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=12), st.integers(2, 6))
def test_the_mix_does_not_depend_on_the_pieces(sizes: list[int], channels: int) -> None:
    rng = np.random.default_rng(channels)
    sound = rng.normal(size=(channels, sum(sizes))).astype(np.float32) * rng.uniform(0, 1, (channels, 1)).astype("f4")
    mix, stops = VoiceMix(RATE, channels), np.cumsum(sizes)
    pieces = [mix.mix(sound[:, stop - size : stop]) for size, stop in zip(sizes, stops, strict=True)]
    whole = VoiceMix(RATE, channels).whole(sound)
    np.testing.assert_allclose(np.concatenate([*pieces, mix.finish()]), whole, atol=1e-6)
    assert np.isfinite(whole).all()


def test_channels_that_cancel_each_other_give_the_loudest() -> None:
    """Three, none of which is another one turned over."""
    other = VOICE[::-1]
    channels = np.stack([1.001 * VOICE, -0.5 * VOICE + 0.8 * other, -0.5 * VOICE - 0.8 * other])
    mixed = VoiceMix(RATE, 3).whole(channels)
    assert mixed.std() > 0.9 * VOICE.std()


def test_live_chunks_are_mixed_alike() -> None:
    chunks = np.split(np.stack([VOICE, -VOICE]), 25, axis=1)
    heard = np.concatenate(list(SoundStream(RATE).waveform(iter(chunks))))
    np.testing.assert_allclose(heard, VOICE, atol=1e-6)


def test_downmix_levels() -> None:
    """ITU-R BS.775: centre and surrounds 3 dB down, deep effects left out."""
    one = np.ones((1, 4), np.float32)
    for name, left, right in (("FL", 1, 0), ("FR", 0, 1), ("FC", DOWN, DOWN), ("LFE", 0, 0), ("BL", DOWN, 0)):
        channels = np.concatenate([one * (name == other) for other in FIVE_ONE])
        np.testing.assert_allclose(to_stereo(channels, FIVE_ONE), np.array([[left], [right]]) * one, atol=1e-6)
    np.testing.assert_array_equal(to_stereo(one), np.ones((2, 4)))
