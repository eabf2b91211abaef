"""Sound as players decode it: damage is passed over and told, formats may change, the clock is kept."""

from pathlib import Path

import av
import numpy as np
import pytest
from media_files import lag, speech, write_media

from dirfa_pipeline import AudioError, load_audio
from dirfa_pipeline.media.audio import open_audio


def write_channels(path: Path, samples: np.ndarray, layout: str, rate: int = 48_000) -> Path:
    """Write `(channels, num_samples)` as WAV."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout=layout)
        packed = (samples.T.reshape(1, -1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def with_hole(path: Path, share: float, size: int) -> Path:
    """Replace bytes in the middle by noise."""
    content = bytearray(path.read_bytes())
    start = int(share * len(content))
    content[start : start + size] = np.random.default_rng(0).integers(0, 256, size, np.uint8).tobytes()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("layout", ["mono", "stereo", "2.1", "quad", "5.1", "7.1", "hexadecagonal"])
@pytest.mark.parametrize("rate", [48_000, 96_000])
def test_any_number_of_channels(layout: str, rate: int, tmp_path: Path) -> None:
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    wave = speech(0.5, rate).samples[0]
    samples = np.stack([wave * (index + 1) / len(names) for index in range(len(names))])
    clip = load_audio(write_channels(tmp_path / "a.wav", samples, layout, rate))
    np.testing.assert_allclose(clip.samples, samples, atol=1e-4)
    if len(names) <= 8:  # WAV files keep the names of no more
        assert list(clip.names) == names


@pytest.mark.parametrize(
    ("name", "codec", "rate"), [("a.mp3", "libmp3lame", 44_100), ("a.flac", "flac", 48_000), ("a.mkv", "aac", 48_000)]
)
def test_a_hole_becomes_silence_and_the_clock_is_kept(name: str, codec: str, rate: int, tmp_path: Path) -> None:
    whole = speech(6.0, rate)
    path = write_media(tmp_path / name, whole, codec)
    intact = load_audio(path)
    with pytest.warns(UserWarning, match=r"damaged in \d+ places?, the first at [23]\.\d\d s: \d\.\d\d s of sound"):
        heard = load_audio(with_hole(path, 0.5, 3000))
    assert heard.duration == pytest.approx(intact.duration, abs=0.05)
    tail = slice(-2 * rate, -rate // 4)  # what comes after the hole is where it was
    count = min(heard.num_samples, intact.num_samples)
    after, before = heard.samples[0, :count][tail], intact.samples[0, :count][tail]
    assert abs(lag(after, before)) <= 0.03 * rate
    assert np.abs(heard.samples).max() <= 1.2 * np.abs(intact.samples).max()  # no burst of noise
    with pytest.warns(UserWarning, match="damaged"):
        file = open_audio(path)
    assert sum(chunk.shape[1] for chunk in file.chunks()) == file.num_samples == heard.num_samples


@pytest.mark.filterwarnings("ignore:.*is damaged")
@pytest.mark.parametrize(("name", "codec"), [("a.mp3", "libmp3lame"), ("a.flac", "flac"), ("a.mkv", "aac")])
def test_what_breaks_off_is_read_as_far_as_it_goes(name: str, codec: str, tmp_path: Path) -> None:
    path = write_media(tmp_path / name, speech(4.0, 48_000), codec)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 + 11])
    heard = load_audio(path)
    assert heard.duration == pytest.approx(2.0, abs=0.4)
    assert abs(lag(heard.samples[0], speech(4.0, 48_000).samples[0])) <= 48


def test_two_rates_in_one_file(tmp_path: Path) -> None:
    first, second = (
        write_media(tmp_path / f"{rate}.mp3", speech(2.0, rate), "libmp3lame") for rate in (44_100, 22_050)
    )
    path = tmp_path / "both.mp3"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    with pytest.warns(UserWarning, match="0.03 s of sound"):  # the second file's head is no sound
        heard = load_audio(path)
    assert heard.sampling_rate == 44_100
    assert heard.duration == pytest.approx(4.0, abs=0.15)
    wanted = speech(2.0, 44_100).samples[0]
    for part in np.array_split(heard.samples[0], 2):  # the same twice, at one pitch
        start = max(0, lag(part, wanted))
        assert start < 0.15 * 44_100
        assert np.corrcoef(part[start:][:60_000], wanted[:60_000])[0, 1] > 0.9


@pytest.mark.parametrize("channels", [(1, 2), (2, 1)])
def test_ogg_files_put_together(channels: tuple[int, int], tmp_path: Path) -> None:
    parts = [write_media(tmp_path / f"{n}.opus", speech(1.5, 48_000, n), "libopus") for n in channels]
    path = tmp_path / "both.opus"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    heard = load_audio(path)
    assert heard.num_channels == channels[0]
    assert heard.duration == pytest.approx(3.0, abs=0.02)
    half = heard.num_samples // 2
    for part in (heard.samples[0, :half], heard.samples[0, half:]):
        assert part.std() == pytest.approx(speech(1.5, 48_000).samples.std(), rel=0.1)


@pytest.mark.parametrize("length", [b"\0\0\0\0", b"\xff\xff\xff\xff"])
def test_wrong_lengths_in_the_header(length: bytes, tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", speech(1.0), "pcm_s16le")
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = length
    path.write_bytes(content)
    assert load_audio(path).duration == 1.0


def test_a_file_of_noise_is_refused(tmp_path: Path) -> None:
    path = with_hole(write_media(tmp_path / "a.mp3", speech(1.0, 44_100), "libmp3lame"), 0.0, 20_000)
    with pytest.raises(AudioError, match="cannot be read as audio"):
        load_audio(path)
