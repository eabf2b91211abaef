"""Videos of every kind that are written, read back by PyAV and by ffprobe."""

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_files import lag, speech
from PIL import Image

from dirfa_pipeline import InputError, load_audio, write_video
from dirfa_pipeline.errors import ImageError
from dirfa_pipeline.media.audio import resample
from dirfa_pipeline.media.video import read_video
from dirfa_pipeline.provenance.credentials import read_credentials


SIZE, COUNT = (64, 80), 12
DECODERS = {".mov": "prores", ".webm": "libvpx-vp9"}  # the VP9 decoder that FFmpeg takes by itself drops alpha


def frames(alpha: bool) -> list[np.ndarray]:
    """A bright square that wanders over a dark ground, with its outline as alpha."""
    made = []
    for index in range(COUNT):
        frame = np.full((*SIZE, 4), (40, 60, 90, 0), np.uint8)
        frame[16:48, 8 + 2 * index : 40 + 2 * index] = (200, 150, 100, 255)
        made.append(frame if alpha else frame[..., :3])
    return made


def decoded(path: Path, ending: str) -> list[np.ndarray]:
    """All frames as RGBA."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = av.CodecContext.create(DECODERS[ending], "r")
        decoder.extradata = stream.codec_context.extradata
        if ending == ".mov":
            return [frame.to_ndarray(format="rgba") for frame in container.decode(stream)]
        return [
            frame.to_ndarray(format="rgba") for packet in container.demux(stream) for frame in decoder.decode(packet)
        ]


@pytest.mark.parametrize("ending", DECODERS)
def test_transparency_comes_back(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    write_video(path, frames(alpha=True), 25, marks=None)
    read = decoded(path, ending)
    assert len(read) == COUNT
    for sent, got in zip(frames(alpha=True), read, strict=True):
        assert np.abs(sent[..., 3].astype(int) - got[..., 3]).mean() < 3
        inside = sent[..., 3] > 0
        assert np.abs(sent[inside][:, :3].astype(int) - got[inside][:, :3]).mean() < 6


def test_pictures_come_back_exactly(tmp_path: Path) -> None:
    write_video(tmp_path / "take-%03d.png", frames(alpha=True), 25, marks=None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"take-{n:03d}.png" for n in range(1, COUNT + 1)]
    for number, sent in enumerate(frames(alpha=True), start=1):
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / f"take-{number:03d}.png")), sent)


@pytest.mark.parametrize(("ending", "codec"), [(".mov", "prores"), (".webm", "vp9"), (".mp4", "h264")])
@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "60000/1001", "24/1", "25/1"])
def test_rates_are_exact(tmp_path: Path, ending: str, codec: str, rate: str) -> None:
    """As ffprobe reads them; what is read and written again keeps them."""
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    first, second = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    write_video(first, frames(alpha=False), float(Fraction(rate)), marks=None)
    film = read_video(first)
    write_video(second, film.frames, film.fps, marks=None)
    for path in (first, second):
        command = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", "stream=r_frame_rate,codec_name", path]
        stream = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)["streams"][0]
        assert stream["codec_name"] == codec
        # WebM keeps times in milliseconds, from which readers guess the rate.
        tolerance = 1e-6 if ending == ".webm" else 0.0
        assert float(Fraction(stream["r_frame_rate"])) == pytest.approx(float(Fraction(rate)), rel=tolerance)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000, 12_345])
@pytest.mark.parametrize("ending", [".mov", ".webm"])
def test_sound_comes_back(tmp_path: Path, ending: str, rate: int) -> None:
    clip = speech(0.48, rate, channels=2)
    write_video(tmp_path / f"a{ending}", frames(alpha=False), 25, clip, marks=None)
    heard = load_audio(tmp_path / f"a{ending}")
    assert len(heard.samples) == 2
    assert heard.duration == pytest.approx(clip.duration, abs=0.03)
    sent = resample(clip.samples[0], rate, heard.sampling_rate)
    assert abs(lag(heard.samples[0], sent)) <= heard.sampling_rate // 1000


@pytest.mark.parametrize(("ending", "signed"), [(".mp4", True), (".mov", True), ("-%02d.png", True), (".webm", False)])
def test_every_kind_says_what_it_is(tmp_path: Path, ending: str, signed: bool) -> None:
    """C2PA knows no WebM: such files have metadata and the watermark alone."""
    write_video(tmp_path / f"a{ending}", frames(alpha=ending not in (".mp4",)), 25)
    path = next(iter(tmp_path.iterdir()))
    credentials = read_credentials(path)
    assert (credentials is not None and credentials.intact) == signed
    if ending in (".mov", ".webm"):
        with av.open(str(path)) as container:
            told = {name.lower(): text for name, text in container.metadata.items()}
        assert "AI-generated" in told["comment"]


@pytest.mark.parametrize(
    ("name", "transparent", "told"),
    [
        ("a.avi", False, "must end in .mp4, .mov, .webm or .png"),
        ("a.png", False, "pictures are numbered"),
        ("%03d-%03d.png", False, "pictures are numbered"),
        ("a.mp4", True, "have no transparency"),
        ("nowhere/a.mov", False, "does not exist"),
    ],
)
def test_names_that_cannot_be_written_are_refused(tmp_path: Path, name: str, transparent: bool, told: str) -> None:
    with pytest.raises(InputError, match=told):
        write_video(tmp_path / name, frames(transparent), 25)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".mov", ".webm", "-%02d.png"])
def test_a_failure_leaves_no_half_file(tmp_path: Path, ending: str) -> None:
    def broken():
        yield from frames(alpha=True)[:3]
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_video(tmp_path / f"a{ending}", broken(), 25)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ([f"a-{n:02d}.png" for n in (1, 2, 3)] if "png" in ending else [])


def test_frames_of_another_kind_are_refused(tmp_path: Path) -> None:
    mixed = [frames(alpha=True)[0], frames(alpha=False)[0]]
    with pytest.raises(ImageError, match="3 channels after"):
        write_video(tmp_path / "a.mov", mixed, 25)
