"""What the writer wrote, as PyAV and ffprobe read it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from media_files import lag, speech

from dirfa_pipeline import AudioClip, ImageError, InputError, load_audio
from dirfa_pipeline import write_video as write_marked_video
from dirfa_pipeline.media.audio import num_frames
from dirfa_pipeline.media.video import VideoWriter, decode_pictures, frame_rate, read_video
from dirfa_pipeline.media.video_formats import FORMATS


def pictures(count: int, height: int = 64, width: int = 96) -> np.ndarray:
    """A bright column that wanders over grey."""
    frames = np.full((count, height, width, 3), 100, np.uint8)
    for index in range(count):
        frames[index, :, 4 * (index % (width // 4)) :][:, :4] = 230
    return frames


def timed_frames(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def timed_sound(path: Path) -> tuple[float, np.ndarray, int]:
    """Start in seconds, samples and rate, by the container's own clock."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    return frames[0].time, np.concatenate([frame.to_ndarray() for frame in frames], axis=1), frames[0].sample_rate


write_video = partial(write_marked_video, marks=None)  # the encoder's own part


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        (25, Fraction(25)),
        (30.0, Fraction(30)),
        (29.97, Fraction(30000, 1001)),
        (30000 / 1001, Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (24.99, Fraction(2499, 100)),
        (12.5, Fraction(25, 2)),
        (1, Fraction(1)),
        (120, Fraction(120)),
    ],
)
def test_rates(fps: float, rate: Fraction) -> None:
    assert frame_rate(fps) == rate


@pytest.mark.parametrize("fps", [12.5, 25, 29.97, 60])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_frames_and_sound_come_back(tmp_path: Path, fps: float, rate: int) -> None:
    sound = speech(1.3, rate)
    count = num_frames(sound.num_samples, rate, fps)
    write_video(tmp_path / "a.mp4", pictures(count), fps, sound)
    seen = timed_frames(tmp_path / "a.mp4")
    assert len(seen) == count
    np.testing.assert_allclose([time for time, _ in seen], np.arange(count) / float(frame_rate(fps)), atol=1e-3)
    for (_, picture), sent in zip(seen, pictures(count), strict=True):
        assert np.abs(picture.astype(int) - sent).mean() < 3
    start, samples, heard_rate = timed_sound(tmp_path / "a.mp4")
    assert heard_rate == rate
    assert abs(start) < 0.001
    assert 0 <= samples.shape[1] - sound.num_samples < FORMATS[".mp4"].block  # the last block is filled up
    assert abs(lag(samples[0], sound.samples[0])) <= 0.001 * rate
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].average_rate == frame_rate(fps)
        stream = container.streams.audio[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(sound.duration, abs=1e-3)
        assert 0 <= container.duration / 1e6 - sound.duration < 1 / fps


def test_stereo_is_kept(tmp_path: Path) -> None:
    sound = speech(1.0, 48000, channels=2)
    write_video(tmp_path / "a.mp4", pictures(25), 25, sound)
    heard = load_audio(tmp_path / "a.mp4")
    assert heard.sampling_rate == 48000
    left, right = heard.samples.std(axis=1)
    assert right / left == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("channels", "rate", "heard_rate"), [(1, 37800, 48000), (4, 48000, 48000), (1, 192000, 48000)]
)
def test_sound_that_aac_lacks(tmp_path: Path, channels: int, rate: int, heard_rate: int) -> None:
    """Odd rates become 48 kHz, more than two channels two."""
    mono = speech(1.0, rate).samples
    write_video(tmp_path / "a.mp4", pictures(25), 25, AudioClip(np.repeat(mono, channels, axis=0), rate))
    heard = load_audio(tmp_path / "a.mp4")
    assert heard.sampling_rate == heard_rate
    assert len(heard.samples) == min(channels, 2)
    assert heard.duration == pytest.approx(1.0, abs=0.04)
    assert heard.samples.std() == pytest.approx(mono.std(), rel=0.1)


def test_a_film_of_six_channels_is_mixed_down_as_players_do(tmp_path: Path) -> None:
    """The centre goes to both sides 3 dB down; what would be too loud is made quieter as a whole, not clipped."""
    voice, names = speech(1.0, 48000).samples[0], ("FL", "FR", "FC", "LFE", "BL", "BR")
    for others, level in ((0.0, 2.0**-0.5), (4.0, None)):
        channels = np.stack([others * voice if name in ("FL", "BL") else voice * (name == "FC") for name in names])
        write_video(tmp_path / "a.mp4", pictures(25), 25, AudioClip(channels, 48000, names))
        left, right = load_audio(tmp_path / "a.mp4").samples
        if level is None:
            assert 0.8 < np.abs(left).max() < 1.1
            assert right.std() / left.std() == pytest.approx(0.707 / (4 * 1.707 + 0.707), rel=0.05)
        else:
            assert left.std() == pytest.approx(level * voice.std(), rel=0.03)
            assert right.std() == pytest.approx(level * voice.std(), rel=0.03)


@pytest.mark.parametrize("fps", [25, 29.97])
def test_flash_and_click_meet(tmp_path: Path, fps: float) -> None:
    rate, flashes = 44100, (7, 33, 60)
    frames = np.zeros((75, 64, 64, 3), np.uint8)
    frames[list(flashes)] = 255
    exact = float(frame_rate(fps))
    wave = np.zeros(round(75 / exact * rate), np.float32)
    for flash in flashes:
        middle = round((flash + 0.5) / exact * rate)
        wave[middle - 20 : middle + 20] = 0.8
    write_video(tmp_path / "a.mp4", frames, fps, AudioClip(wave[None], rate))
    seen = [time for time, picture in timed_frames(tmp_path / "a.mp4") if picture.mean() > 128]
    start, samples, _ = timed_sound(tmp_path / "a.mp4")
    loud = np.flatnonzero(np.abs(samples[0]) > 0.3) / rate + start
    heard = [float(group.mean()) for group in np.split(loud, np.flatnonzero(np.diff(loud) > 0.1) + 1)]
    assert len(seen) == len(heard) == 3
    np.testing.assert_allclose(heard, np.array(seen) + 0.5 / exact, atol=0.5 / exact)


def test_sound_goes_in_whole(tmp_path: Path) -> None:
    """Sound that outlasts the pictures is not cut."""
    sound = speech(2.0, 44100)
    write_video(tmp_path / "a.mp4", pictures(10), 25, sound)
    assert load_audio(tmp_path / "a.mp4").duration == pytest.approx(2.0, abs=0.04)


def test_without_sound(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", iter(pictures(3)), 25)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert not container.streams.audio
    video = read_video(tmp_path / "a.mp4")
    assert video.fps == 25
    assert sum(1 for _ in video.frames) == 3


def test_better_quality_is_nearer(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (4, 64, 64, 1)).repeat(3, axis=3).astype(np.uint8)
    errors = []
    for crf in (2, 40):
        write_video(tmp_path / f"{crf}.mp4", noise, 25, crf=crf)
        errors.append(np.abs(timed_frames(tmp_path / f"{crf}.mp4")[1][1].astype(int) - noise[1]).mean())
    assert errors[0] < 4 < errors[1]


def test_index_comes_first(tmp_path: Path) -> None:
    """A browser can play before it has everything."""
    write_video(tmp_path / "a.mp4", pictures(25), 25, speech(1.0))
    content = (tmp_path / "a.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_interrupted_writer_leaves_no_file(tmp_path: Path, fault: type[BaseException]) -> None:
    with pytest.raises(fault), VideoWriter(tmp_path / "a.mp4", 25, speech()) as writer:
        for frame in pictures(30):
            writer.write(frame)
        raise fault
    assert list(tmp_path.iterdir()) == []


def test_interrupted_writer_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"old")
    with pytest.raises(ImageError, match="one size"), VideoWriter(tmp_path / "a.mp4", 25) as writer:
        writer.write(pictures(1)[0])
        writer.write(pictures(1, height=66)[0])
    assert (tmp_path / "a.mp4").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


class LostSound(AudioClip):
    """Sound whose file is lost after a second."""

    def chunks(self) -> Iterator[np.ndarray]:
        yield self.samples[:, : self.sampling_rate]
        raise InputError("the sound is gone")


def test_what_fails_in_the_encoder_is_told(tmp_path: Path) -> None:
    sound = speech(4.0)
    with pytest.raises(InputError, match="the sound is gone"):
        write_video(tmp_path / "a.mp4", pictures(100), 25, LostSound(sound.samples, sound.sampling_rate))
    assert list(tmp_path.iterdir()) == []


def test_one_buffer_for_all_frames(tmp_path: Path) -> None:
    """The encoder is behind, and must not see what comes later."""
    frames, buffer = pictures(24), np.empty((64, 96, 3), np.uint8)
    with VideoWriter(tmp_path / "a.mp4", 25, crf=0) as writer:
        for frame in frames:
            buffer[:] = frame
            writer.write(buffer)
    for (_, seen), frame in zip(timed_frames(tmp_path / "a.mp4"), frames, strict=True):
        assert np.abs(seen.astype(int) - frame).mean() < 3


def test_no_frames(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one frame"):
        write_video(tmp_path / "a.mp4", [], 25, speech())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("matrix", "turns"), [((0, 1, -1, 0), -1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)])
def test_videos_of_phones_are_turned(tmp_path: Path, matrix: tuple[int, ...], turns: int) -> None:
    """An mp4 says how players turn it by a matrix (ISO 14496-12, 8.3.2): (0, 1, -1, 0) is clockwise by 90 degrees."""
    path = tmp_path / "a.mp4"
    write_video(path, pictures(3), 25, crf=0)
    (upright, *_), content = read_video(path).frames, bytearray(path.read_bytes())
    header = content.index(b"tkhd") + 4 + 40
    for place, value in zip((0, 4, 12, 16), matrix, strict=True):
        content[header + place : header + place + 4] = (value * 65536).to_bytes(4, "big", signed=True)
    path.write_bytes(content)
    for frame in (next(read_video(path).frames), next(decode_pictures(path))[0]):
        np.testing.assert_array_equal(frame, np.rot90(upright, turns))


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_ffprobe(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", pictures(60, height=720, width=1280), 29.97, speech(2.0, 44100))
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_format", "-count_frames"]
    found = subprocess.run([*command, str(tmp_path / "a.mp4")], capture_output=True, text=True, check=True)
    assert found.stderr == ""
    video, sound = json.loads(found.stdout)["streams"]
    assert (video["codec_name"], video["pix_fmt"]) == ("h264", "yuv420p")
    assert (video["width"], video["height"], video["nb_read_frames"]) == (1280, 720, "60")
    assert video["r_frame_rate"] == video["avg_frame_rate"] == "30000/1001"
    assert float(video["start_time"]) == float(sound["start_time"]) == 0
    assert float(video["duration"]) == pytest.approx(60 * 1001 / 30000, abs=1e-3)
    assert (sound["codec_name"], sound["sample_rate"], sound["channels"]) == ("aac", "44100", 1)
    assert float(sound["duration"]) == pytest.approx(2.0, abs=1001 / 30000)
    assert video.get("color_range") == "tv"
    assert video.get("color_space") == "bt709"  # players take high definition for it
