"""Streaming: frames as sound arrives, equal to the whole clip's, for any cut of any kind of sound."""

import gc
import queue
import resource
import weakref
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import speech, write_media
from PIL import Image
from tiny import tiny_pipeline

from dirfa_pipeline import Animation, AudioClip, DirfaPipeline, InputError, Portrait, load_audio
from dirfa_pipeline.animation.frame_rate import change_frame_rate
from dirfa_pipeline.media.audio import (
    ENCODER_RECEPTIVE_FIELD,
    EncoderGrid,
    encoder_windows,
    num_frames,
    open_audio,
    pad_for_encoder,
)
from dirfa_pipeline.media.audio_stream import SoundStream, encoder_inputs, mono_waveform
from dirfa_pipeline.pipeline_speech import draw


SIZES = st.lists(st.integers(0, 9000), min_size=1, max_size=6).filter(any)


def cut(samples: np.ndarray, sizes: list[int]) -> Iterator[np.ndarray]:
    """Pieces of `sizes`, over and over, along the last axis."""
    start = index = 0
    while start < samples.shape[-1]:
        yield samples[..., start : start + sizes[index % len(sizes)]]
        start, index = start + sizes[index % len(sizes)], index + 1


def seeded(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def pipeline() -> DirfaPipeline:
    return tiny_pipeline()


@pytest.fixture(scope="module")
def portrait(pipeline: DirfaPipeline, astronaut: Path) -> Portrait:
    return pipeline.prepare_portrait(astronaut, max_size=448)


@given(SIZES, st.sampled_from([8000, 16000, 22050, 44100, 48000]), st.integers(1, 2))
def test_waveform_is_that_of_the_whole(sizes: list[int], rate: int, channels: int) -> None:
    clip = speech(0.7, rate, channels)
    sound = SoundStream(rate)
    pieces = list(sound.waveform(cut(clip.samples, sizes)))
    np.testing.assert_allclose(np.concatenate(pieces), clip.mono(16_000), atol=1e-6)
    assert (sound.num_samples, sound.sampling_rate) == (clip.num_samples, rate)


CHUNKS = {
    "int16": lambda wave: (wave * 32768).astype(np.int16),
    "int32": lambda wave: (wave * 2.0**31).astype(np.int32),
    "uint8": lambda wave: np.round(wave * 128 + 128).astype(np.uint8),
    "float64": lambda wave: wave.astype(np.float64),
    "list": lambda wave: wave.tolist(),
    "channels first": lambda wave: np.stack([wave, wave]),
    "channels last": lambda wave: np.stack([wave, wave], axis=1),
    "tuple": lambda wave: (16_000, wave),
    "clip": lambda wave: AudioClip(wave[None], 16_000),
}


@pytest.mark.parametrize("kind", CHUNKS)
def test_chunks_of_any_kind(kind: str) -> None:
    wave = speech(0.5).samples[0]
    sound = SoundStream(16_000)
    heard = np.concatenate(list(sound.waveform(CHUNKS[kind](chunk) for chunk in cut(wave, [700, 3, 1]))))
    np.testing.assert_allclose(heard, wave, atol=0.005 if kind == "uint8" else 1e-4)


def test_one_stereo_sample_keeps_its_axis() -> None:
    """After a chunk with channels last, a chunk of shape (1, 2) is one sample, not one channel."""
    pair = np.array([[0.2, 0.4]], np.float32)
    heard = np.concatenate(list(SoundStream(16_000).waveform([np.repeat(pair, 5, axis=0), pair])))
    np.testing.assert_allclose(heard, 0.4, atol=1e-6)  # the louder channel's level
    assert len(heard) == 6


BAD_CHUNKS = {
    "nan": ([np.zeros(100), np.array([0.0, np.nan])], r"audio must be finite, got \[nan\] at sample 101; clean"),
    "infinite": ([np.array([np.inf])], r"must be finite, got \[inf\] at sample 0"),
    "integers as floats": ([np.full(10, 3000.0)], "peak of 3000; divide int16"),
    "bytes": ([b"\0\0\0\0"], "got bytes; pass np.frombuffer"),
    "words": ([np.array(["a"])], "integers or floats, got <U1"),
    "complex": ([np.zeros(3, complex)], "integers or floats, got complex128"),
    "three axes": ([np.zeros((2, 3, 4))], r"got shape \(2, 3, 4\)"),
    "rate changes": ([(16_000, np.zeros(9)), (8000, np.zeros(9))], "one sampling rate, got 8000 after 16000"),
    "channels change": ([np.zeros((2, 9)), np.zeros((3, 9))], r"got shape \(3, 9\) after chunks with 2 channels"),
    "impossible rate": ([(7, np.zeros(9))], "from 1000 to 384000 per second, got 7"),
    "triple": ([(16_000, np.zeros(9), 1)], "got 3 items"),
    "nothing": ([], "held no sound"),
    "only empty chunks": ([np.zeros(0), np.zeros((0, 2))], "held no sound"),
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_bad_chunks(name: str) -> None:
    chunks, message = BAD_CHUNKS[name]
    with pytest.raises(InputError, match=message):
        list(SoundStream(None if isinstance((chunks or [0])[0], tuple) else 16_000).waveform(chunks))


def test_an_end_that_is_compared_with_arrays_is_named() -> None:
    waiting: queue.Queue[np.ndarray | None] = queue.Queue()
    waiting.put(np.zeros(100))
    with pytest.raises(InputError, match="in place of iter\\(queue.get, None\\) use a generator"):
        list(SoundStream(16_000).waveform(iter(waiting.get, None)))


def test_arrays_need_a_rate() -> None:
    with pytest.raises(InputError, match="need sampling_rate"):
        list(SoundStream().waveform([np.zeros(100)]))


GRIDS = st.builds(EncoderGrid, st.integers(1, 40), st.integers(0, 30), st.integers(0, 20))


@given(st.integers(1, 30_000), SIZES, GRIDS)
def test_windows_are_those_of_the_whole(length: int, sizes: list[int], grid: EncoderGrid) -> None:
    wave = np.random.default_rng(length).normal(size=length).astype(np.float32)
    frames = num_frames(length, 16_000, 25)
    padded = pad_for_encoder(wave, frames)
    whole = [(padded[window.samples], window.keep) for window in encoder_windows(2 * frames, grid)]
    pieces = list(encoder_inputs(cut(wave, sizes), grid, ENCODER_RECEPTIVE_FIELD))
    assert len(pieces) == len(whole)
    for (samples, keep), (expected, expected_keep) in zip(pieces, whole, strict=True):
        np.testing.assert_array_equal(samples, expected)
        assert keep == expected_keep


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=20).filter(any),
    st.sampled_from([12.5, 23.976, 24, 25, 29.97, 30, 50, 60]),
)
def test_frame_rate_is_that_of_the_whole(sizes: list[int], fps: float) -> None:
    rows = np.random.default_rng(0).normal(size=(sum(sizes), 58)).astype(np.float32)
    length = num_frames(sum(sizes) * 640 - 77, 16_000, fps)
    pieces = np.split(rows, np.cumsum(sizes)[:-1])
    changed = np.concatenate(list(change_frame_rate(pieces, 25.0, fps, lambda: length)))
    np.testing.assert_allclose(changed, Animation(rows).resample(fps, length).coefficients, atol=1e-6)


@settings(max_examples=15)
@given(st.lists(st.integers(100, 30_000), min_size=1, max_size=5), st.sampled_from([0.24, 0.4, 1.2, None]))
def test_animation_does_not_depend_on_the_cut(sizes: list[int], lookahead: float | None) -> None:
    pipeline, clip = tiny_pipeline(), speech(2.3)
    whole = pipeline.sample_animation(clip, seeded(), lookahead=lookahead).coefficients
    waveform = SoundStream(16_000).waveform(cut(clip.samples, sizes))
    pieces = np.concatenate([takes[0] for takes in draw(pipeline, waveform, [seeded()], 1.0, lookahead)])
    np.testing.assert_allclose(pieces, whole, atol=1e-5)


@pytest.mark.parametrize(("fps", "rate", "lookahead"), [(25, 48_000, 0.24), (30, 44_100, 0.24), (25, 16_000, None)])
def test_frames_are_those_of_the_whole(
    pipeline: DirfaPipeline, portrait: Portrait, fps: float, rate: int, lookahead: float | None
) -> None:
    clip = speech(1.1, rate, channels=2)
    animation = pipeline.sample_animation(clip, seeded(), fps=fps, lookahead=lookahead)
    whole = list(pipeline.render(portrait, animation))
    chunks = cut((clip.samples.T * 32768).astype(np.int16).T, [rate // 50])
    frames = list(pipeline.stream(portrait, chunks, rate, seeded(), fps=fps, lookahead=lookahead))
    assert len(frames) == num_frames(clip.num_samples, rate, fps)
    for frame, expected in zip(frames, whole, strict=True):
        assert frame.dtype == np.uint8
        assert np.abs(frame.astype(int) - expected).mean() < 0.1  # int16 rounds the sound


def test_the_animation_streams_alone(pipeline: DirfaPipeline) -> None:
    clip = speech(1.5)
    rows = list(pipeline.stream_animation(cut(clip.samples, [700, 0, 5000]), clip.sampling_rate, seeded(), fps=30))
    whole = pipeline.sample_animation(clip, seeded(), fps=30, lookahead=0.24)
    np.testing.assert_allclose(np.stack(rows), whole.coefficients, atol=1e-5)
    with pytest.raises(InputError, match="lookahead"):
        pipeline.stream_animation([], lookahead=9.0)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_first_frame_after_0_4_seconds_of_sound(pipeline: DirfaPipeline, portrait: Portrait, rate: int) -> None:
    heard = 0

    def microphone() -> Iterator[np.ndarray]:
        nonlocal heard
        for chunk in cut(speech(2.0, rate).samples[0], [rate // 50]):
            heard += len(chunk)
            yield chunk

    frames = pipeline.stream(portrait, microphone(), rate, seeded())
    next(frames)
    assert Fraction(heard, rate) <= Fraction(4, 10)
    count = 1
    for _ in frames:
        count += 1
        assert count / 25 >= heard / rate - 0.44  # never further behind
    assert count == 50


def test_closing_early_frees_everything(pipeline: DirfaPipeline, portrait: Portrait) -> None:
    ended = []

    def microphone() -> Iterator[np.ndarray]:
        try:
            while True:
                yield 0.1 * np.sin(np.arange(1600) / 20)
        finally:
            ended.append(True)

    prepared = pipeline.face_renderer.prepare(portrait)
    alive = weakref.ref(prepared)
    generator = seeded()
    frames = pipeline.stream(prepared, microphone(), 16_000, generator)
    next(frames)
    del prepared
    frames.close()
    gc.collect()
    assert ended == [True]
    assert alive() is None
    assert next(frames, None) is None


BAD_STREAMS = {
    "array for chunks": ({"audio_chunks": np.zeros(1600)}, "iterable of chunks, got ndarray; wrap one in a list"),
    "path for chunks": ({"audio_chunks": "speech.wav"}, "iterable of chunks, got str"),
    "number for chunks": ({"audio_chunks": 3}, "iterable of chunks, got int"),
    "diversity": ({"diversity": 3}, r"\[0, 2\], got 3"),
    "fps": ({"fps": 0}, r"\[1, 120\], got 0"),
    "no lookahead": ({"lookahead": 0.1}, r"lookahead must be None or seconds in \[0.24, 1.2\], got 0.1"),
    "lookahead of letters": ({"lookahead": "1"}, "got '1'"),
    "rate": ({"sampling_rate": 1.5}, "whole number from 1000"),
    "generator": ({"generator": 3}, "torch.Generator or a list of them, got 3"),
}


@pytest.mark.parametrize("name", BAD_STREAMS)
def test_bad_streams_are_refused_at_once(pipeline: DirfaPipeline, portrait: Portrait, name: str) -> None:
    arguments, message = BAD_STREAMS[name]
    with pytest.raises(InputError, match=message):
        pipeline.stream(**({"image": portrait, "audio_chunks": [], "sampling_rate": 16_000} | arguments))


def test_takes_are_those_drawn_alone(pipeline: DirfaPipeline) -> None:
    clip = speech(2.0)
    takes = pipeline.sample_animations(clip, [seeded(seed) for seed in range(1, 6)])
    for seed, take in enumerate(takes, start=1):
        alone = pipeline.sample_animation(clip, seeded(seed))
        np.testing.assert_array_equal(take.coefficients, alone.coefficients)


def test_the_file_is_read_piece_by_piece(tmp_path: Path) -> None:
    path = write_media(tmp_path / "sound.mp3", speech(2.0, 44_100, 2), "libmp3lame")
    clip, file = load_audio(path), open_audio(path)
    assert (file.num_samples, file.num_channels, file.duration) == (clip.num_samples, 2, clip.duration)
    np.testing.assert_array_equal(np.concatenate(list(file.chunks()), axis=1), clip.samples)
    waveform = np.concatenate(list(mono_waveform(file)))
    np.testing.assert_allclose(waveform, clip.mono(16_000), atol=1e-6)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_an_hour_streams_through_the_same_memory(pipeline: DirfaPipeline, astronaut: Path) -> None:
    """What the process took at its peak in the first six minutes is all that it takes in the hour."""
    second = speech(1.0).samples
    small = pipeline.prepare_portrait(Image.open(astronaut).crop((110, 10, 340, 240)), max_size=184)
    peaks = []
    for frame, _ in enumerate(pipeline.stream(small, (second for _ in range(3600)), 16_000, seeded()), start=1):
        if frame in (6 * 60 * 25, 60 * 60 * 25):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    first, last = peaks
    assert last - first < 8.0  # MiB


@pytest.mark.slow
def test_the_documented_example_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[1]
    page = (root / "docs" / "streaming.md").read_text()
    monkeypatch.chdir(root)
    exec(page.partition("```python\n")[2].partition("```")[0], {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("frame")] == [str(index) for index in range(75)]
