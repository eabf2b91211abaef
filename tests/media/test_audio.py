"""Sound from any file or array, and the arithmetic between samples, features and frames."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_files import lag, speech, write_media

from dirfa_pipeline import AudioClip, CheckpointError, load_audio
from dirfa_pipeline.media.audio import (
    ENCODER_PADDING,
    ENCODER_RATE,
    ENCODER_STRIDE,
    EncoderGrid,
    encoder_windows,
    num_frames,
    pad_for_encoder,
    receptive_field,
    resample,
)


KERNELS, STRIDES = (320, 4, 3), (80, 2, 2)
RATES = st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000])
FPS = st.sampled_from([12.5, 23.976, 24, 25, 29.97, 30, 50, 59.94, 60])

# name, codec, rate, channels, samples that coding may add at the end
FILES = [
    ("int16.wav", "pcm_s16le", 8000, 1, 0),
    ("int16.wav", "pcm_s16le", 44100, 2, 0),
    ("float.wav", "pcm_f32le", 48000, 1, 0),
    ("float.wav", "pcm_f32le", 44100, 2, 0),
    ("sound.flac", "flac", 48000, 2, 0),
    ("sound.mp3", "libmp3lame", 44100, 1, 1152),
    ("sound.mp3", "libmp3lame", 48000, 2, 1152),
    ("sound.m4a", "aac", 44100, 2, 1024),
    ("sound.m4a", "aac", 8000, 1, 1024),
    ("sound.opus", "libopus", 48000, 1, 960),
    ("sound.ogg", "libopus", 48000, 2, 960),
    ("sound.webm", "libopus", 48000, 2, 960),
]


def num_features(samples: int) -> int:
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples


@pytest.mark.parametrize(("name", "codec", "rate", "channels", "more"), FILES)
def test_files(tmp_path: Path, name: str, codec: str, rate: int, channels: int, more: int) -> None:
    sent = speech(1.5, rate, channels)
    heard = load_audio(write_media(tmp_path / name, sent, codec))
    assert heard.sampling_rate == rate
    assert heard.samples.dtype == np.float32
    assert heard.samples.shape[0] == channels
    assert 0 <= heard.num_samples - sent.num_samples <= more
    assert abs(lag(heard.samples[0], sent.samples[0])) <= 0.001 * rate
    alike = np.corrcoef(heard.samples[-1, : sent.num_samples], sent.samples[-1])[0, 1]
    assert alike > (0.95 if more else 0.999999)
    assert np.std(heard.samples) == pytest.approx(np.std(sent.samples), rel=0.1)


def test_video_with_sound(tmp_path: Path) -> None:
    sent = speech(1.0, 44100)
    heard = load_audio(write_media(tmp_path / "clip.mp4", sent, "aac", pictures=25))
    assert heard.duration == pytest.approx(1.0, abs=0.04)
    assert abs(lag(heard.samples[0], sent.samples[0])) <= 44


def test_late_sound_is_padded_with_silence(tmp_path: Path) -> None:
    sent = speech(1.0, 16000)
    heard = load_audio(write_media(tmp_path / "late.mkv", sent, "pcm_s16le", pictures=40, start=0.5))
    assert heard.duration == pytest.approx(1.5, abs=0.002)
    assert np.abs(heard.samples[:, :7900]).max() == 0
    assert lag(heard.samples[0], sent.samples[0]) == pytest.approx(8000, abs=16)


ARRAYS = {
    "int16": lambda wave: (wave * 32768).astype(np.int16),
    "int32": lambda wave: (wave * 2.0**31).astype(np.int32),
    "uint8": lambda wave: np.round(wave * 128 + 128).astype(np.uint8),
    "float64": lambda wave: wave.astype(np.float64),
    "list": lambda wave: wave.tolist(),
    "channels first": lambda wave: np.stack([wave, wave]),
    "channels last": lambda wave: np.stack([wave, wave], axis=1),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays(kind: str, speech_like: AudioClip) -> None:
    wave = speech_like.samples[0]
    array = ARRAYS[kind](wave)
    for clip in (load_audio((16000, array)), load_audio(array, sampling_rate=16000)):
        assert clip.samples.shape == (2 if "channels" in kind else 1, len(wave))
        np.testing.assert_allclose(clip.samples[-1], wave, atol=0.005 if kind == "uint8" else 1e-4)


def test_clip_passes_unchanged(speech_like: AudioClip) -> None:
    assert load_audio(speech_like) is speech_like


def test_clipping_warns() -> None:
    with pytest.warns(UserWarning, match="clipped"):
        load_audio((16000, np.clip(5 * np.sin(np.arange(16000) / 20), -1, 1)))


@given(RATES, RATES)
def test_resample_keeps_a_tone(rate: int, new_rate: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)
    there = resample(tone, rate, new_rate)
    assert there.dtype == np.float32
    assert abs(len(there) - new_rate) <= 1
    time = np.arange(len(there)) / new_rate
    middle = slice(new_rate // 4, 3 * new_rate // 4)
    np.testing.assert_allclose(there[middle], np.sin(2 * np.pi * 440 * time)[middle], atol=2e-3)


def test_mono_mixes_down() -> None:
    clip = AudioClip(np.stack([np.full(4800, 0.4), np.full(4800, 0.2)]).astype(np.float32), 48000)
    mono = clip.mono(16000)
    assert mono.shape == (1600,)
    np.testing.assert_allclose(mono[400:1200], 0.4, atol=1e-3)  # the louder channel's level


@given(st.integers(1, 10_000_000), RATES, FPS)
def test_frames_cover_the_sound(samples: int, rate: int, fps: float) -> None:
    frames, exact = num_frames(samples, rate, fps), Fraction(fps).limit_denominator(100_000)
    assert Fraction(frames) / exact >= Fraction(samples, rate)
    assert Fraction(frames - 1) / exact < Fraction(samples, rate)


@given(st.integers(1, 40_000))
def test_padding_gives_two_features_a_frame(samples: int) -> None:
    frames = num_frames(samples, ENCODER_RATE, 25)
    wave = np.ones(samples, np.float32)
    padded = pad_for_encoder(wave, frames)
    assert padded.dtype == np.float32
    assert num_features(len(padded)) == 2 * frames
    assert num_features(len(padded) - 1) == 2 * frames - 1
    np.testing.assert_array_equal(padded[ENCODER_PADDING : ENCODER_PADDING + samples], wave)
    assert padded.sum() == samples


@given(st.integers(1, 100_000), st.integers(1, 100))
def test_padding_cuts_what_is_too_long(samples: int, frames: int) -> None:
    assert num_features(len(pad_for_encoder(np.ones(samples, np.float32), frames))) == 2 * frames


@pytest.mark.parametrize("feature", [0, 1, 17, 49])
def test_features_are_centred(feature: int) -> None:
    """Feature `i` sees 880 samples around (i + 0.5) * 20 ms."""
    wave = np.zeros(16000, np.float32)
    wave[round((feature + 0.5) * 0.02 * ENCODER_RATE)] = 1.0
    start = feature * ENCODER_STRIDE
    assert np.argmax(pad_for_encoder(wave, 25)[start : start + 880]) == 440


def test_receptive_field_is_the_last_sample_that_matters() -> None:
    assert receptive_field((320, 4, 3), (80, 2, 2)) == 880
    assert receptive_field((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)) == 400
    with pytest.raises(CheckpointError, match="every 320 samples"):
        receptive_field((10, 3), (5, 2))


@given(st.integers(1, 5000), st.integers(1, 600), st.integers(0, 80))
def test_windows_tile(features: int, hop: int, context: int) -> None:
    total = len(pad_for_encoder(np.zeros(1, np.float32), features)) - features * ENCODER_STRIDE
    position = 0
    for window in encoder_windows(features, EncoderGrid(hop, context, context)):
        inside = num_features(window.samples.stop - window.samples.start)
        assert 0 <= window.samples.start < window.samples.stop <= total
        assert window.samples.start % ENCODER_STRIDE == 0
        assert 0 <= window.keep.start < window.keep.stop <= inside
        assert window.samples.start // ENCODER_STRIDE + window.keep.start == position
        before, after = window.keep.start, inside - window.keep.stop
        position += window.keep.stop - window.keep.start
        assert before == min(context, position - (window.keep.stop - window.keep.start))
        assert after == min(context, features - position)
    assert position == features


@given(st.integers(1, 1500), st.integers(1, 1500))
def test_grid_depends_on_nothing_but_the_start(features: int, more: int) -> None:
    """All windows but the last two are the same in a longer clip."""
    short, long = list(encoder_windows(features)), list(encoder_windows(features + more))
    settled = max(0, (features - 50) // 400)
    assert short[:settled] == long[:settled]
