"""Films as players show them: each picture at its time, in square pixels, in BT.709."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from media_files import lag, speech, write_media

from dirfa_pipeline import InputError, load_audio
from dirfa_pipeline.media.film_colours import HLG, PQ, HighRange
from dirfa_pipeline.media.timestamps import on_steady_grid, steady_rate
from dirfa_pipeline.media.video import decode_pictures, read_video


def write_film(
    path: Path, times: list[float], shape: tuple[int, int] = (64, 96), pixels: Fraction | None = None, tick: int = 1000
) -> Path:
    """Pictures, each of which is brighter than the one before, shown from the given times on."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx" if path.suffix == ".webm" else "libx264", rate=30)
        stream.height, stream.width = shape
        stream.pix_fmt, stream.bit_rate = "yuv420p", 2_000_000
        stream.codec_context.time_base = stream.time_base = Fraction(1, tick)
        if pixels is not None:
            stream.codec_context.sample_aspect_ratio = pixels
        for index, time in enumerate(times):
            grey = np.full((*shape, 3), level(index, len(times)), np.uint8)
            picture = av.VideoFrame.from_ndarray(grey, format="rgb24")
            picture.pts, picture.time_base = round(time * tick), Fraction(1, tick)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def level(index: int, count: int) -> int:
    return 30 + 200 * index // count


VARYING = [index / 30 for index in range(45)] + [1.5 + index / 10 for index in range(20)]


@pytest.mark.parametrize("name", ["phone.mp4", "browser.webm"])
def test_pictures_come_at_their_time(name: str, tmp_path: Path) -> None:
    film = read_video(write_film(tmp_path / name, VARYING))
    assert film.fps == 30
    shown = [int(picture[32, 48, 0]) for picture in film.frames]
    assert len(shown) == pytest.approx(3.5 * 30, abs=1)
    for index, grey in enumerate(shown):
        right = np.searchsorted(VARYING, (index + 0.5) / 30, "right") - 1
        assert abs(grey - level(right, len(VARYING))) <= 4, index


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(2499, 100)])
def test_steady_rates_are_kept_exactly(rate: Fraction) -> None:
    times = np.round(np.arange(200) / float(rate), 4)
    assert steady_rate(times, rate) == rate
    pictures = zip(range(200), times, strict=True)
    assert list(on_steady_grid(pictures, times, rate)) == list(range(200))


def test_stamps_of_browsers_tremble() -> None:
    rng = np.random.default_rng(0)
    times = np.round(np.arange(120) / 30 + rng.uniform(0, 0.012, 120), 3)
    assert steady_rate(times, Fraction(1000)) == 30
    shown = list(on_steady_grid(zip(range(120), times, strict=True), times, Fraction(30)))
    assert all(0 <= after - before <= 2 for before, after in pairwise(shown))
    assert len(set(shown)) >= 115


def test_pictures_that_are_lost_leave_the_ones_before_them() -> None:
    times = np.arange(10) / 25
    pictures = [(index, time) for index, time in enumerate(times) if index not in (0, 4, 5, 9)]
    assert list(on_steady_grid(iter(pictures), times, Fraction(25))) == [1, 1, 2, 3, 3, 3, 6, 7, 8, 8]


def test_a_damaged_film_keeps_its_length(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [index / 25 for index in range(100)])
    with av.open(str(path)) as container:
        broken = [packet for packet in container.demux(video=0) if packet.size][50:56]
        places = [(packet.pos, packet.size) for packet in broken]
    content = bytearray(path.read_bytes())
    for place, size in places:
        content[place : place + size] = b"\xff" * size
    path.write_bytes(content)
    assert sum(1 for _ in read_video(path).frames) == 100


def test_pictures_that_were_cut_off_are_not_shown(tmp_path: Path) -> None:
    """As phones trim films: the file holds all pictures, and says from which one on they are shown."""
    path = write_film(tmp_path / "a.mp4", [index / 25 for index in range(50)])
    with av.open(str(path)) as source, av.open(str(tmp_path / "cut.mp4"), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                shift = round(0.8 / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
                container.mux(packet)
    film = read_video(tmp_path / "cut.mp4")
    shown = [int(picture[32, 48, 0]) for picture in film.frames]
    assert film.fps == 25
    np.testing.assert_allclose(shown, [level(index, 50) for index in range(20, 50)], atol=4)


def test_the_first_picture_waits_for_its_time(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mkv", speech(2.0, 48_000), "pcm_s16le", pictures=25, first=10)
    assert sum(1 for _ in read_video(path).frames) == 35
    assert load_audio(path).duration == pytest.approx(2.0, abs=0.01)


def test_broadcasts_do_not_begin_at_zero(tmp_path: Path) -> None:
    """Nor do their sounds with silence."""
    sent = speech(1.0, 48_000)
    path = write_media(tmp_path / "a.ts", sent, "mp2", pictures=25, start=1.4, first=35)
    with av.open(str(path)) as container:
        assert container.start_time > 1_000_000
    heard = load_audio(path)
    assert heard.duration == pytest.approx(1.0, abs=0.05)
    assert abs(lag(heard.samples[0], sent.samples[0])) < 0.03 * 48_000
    assert sum(1 for _ in read_video(path).frames) == pytest.approx(25, abs=1)


def test_joined_films_go_on_in_the_size_of_the_first(tmp_path: Path) -> None:
    one = write_film(tmp_path / "a.ts", [index / 25 for index in range(50)], (64, 96))
    two = write_film(tmp_path / "b.ts", [index / 25 for index in range(75)], (96, 96))
    (tmp_path / "ab.ts").write_bytes(one.read_bytes() + two.read_bytes())
    film = read_video(tmp_path / "ab.ts")
    pictures = list(film.frames)
    assert film.fps == 25
    assert len(pictures) == pytest.approx(125, abs=1)
    assert {picture.shape for picture in pictures} == {(64, 96, 3)}
    assert {picture.shape for picture, _ in decode_pictures(tmp_path / "ab.ts")} == {(64, 96, 3)}
    last = pictures[-1]
    assert last[32, 48, 0] > 200
    assert last[32, :14].max() == last[32, -14:].max() == 0, "square between black bars"


@pytest.mark.parametrize(("pixels", "shape"), [(Fraction(16, 11), (64, 128)), (Fraction(8, 9), (72, 88))])
def test_pixels_are_made_square(pixels: Fraction, shape: tuple[int, int], tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [0.0, 0.04, 0.08], (64, 88), pixels)
    assert next(read_video(path).frames).shape[:2] == shape
    assert next(decode_pictures(path))[0].shape[:2] == shape


def test_titles_in_old_encodings_do_no_harm(tmp_path: Path) -> None:
    """Titles should be UTF-8; many are not."""
    path = write_media(tmp_path / "a.mkv", speech(1.0, 48_000), "aac", pictures=25)
    with av.open(str(path)) as source, av.open(str(tmp_path / "b.mkv"), "w") as container:
        container.metadata["title"] = "Zuerich"
        streams = [container.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                container.mux(packet)
    content = (tmp_path / "b.mkv").read_bytes()
    assert b"Zuerich" in content
    (tmp_path / "b.mkv").write_bytes(content.replace(b"Zuerich", b"Z\xfc\xc0rich"))
    assert sum(1 for _ in read_video(tmp_path / "b.mkv").frames) == 25
    assert load_audio(tmp_path / "b.mkv").duration == pytest.approx(1.0, abs=0.05)


def test_covers_are_no_films(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp3", speech(1.0, 44_100), "libmp3lame")
    with av.open(str(tmp_path / "cover.mp3"), "w") as container, av.open(str(path)) as source:
        sound = container.add_stream_from_template(source.streams.audio[0])
        cover = container.add_stream("mjpeg", rate=1)
        cover.width = cover.height = 64
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="rgb24")
        container.mux(cover.encode(picture))
        container.mux(cover.encode(None))
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = sound
                container.mux(packet)
    with pytest.raises(InputError, match="holds no pictures"):
        read_video(tmp_path / "cover.mp3")


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_high_dynamic_range_is_mapped(transfer: int) -> None:
    """Graphics white (75 % of HLG, 58 % of PQ, ITU-R BT.2408) is bright, more is brighter still, grey stays grey."""
    white = {PQ: 0.58, HLG: 0.75}[transfer]
    ramp = np.linspace(0.0, 1.0, 101)
    greys = HighRange(transfer)(np.repeat((ramp * 65535).astype(np.uint16)[None, :, None], 3, axis=2))[0]
    assert np.ptp(greys.astype(int), axis=1).max() <= 1
    assert (np.diff(greys[:, 0].astype(int)) >= 0).all()
    assert greys[0, 0] == 0 and 220 <= greys[round(100 * white), 0] <= 245 < greys[100, 0]
    red = HighRange(transfer)(np.array([[[0.5, 0.3, 0.3]]]).__mul__(65535).astype(np.uint16))[0, 0].astype(int)
    assert red[0] > red[1] + 40  # wide colours do not turn pale


def test_a_phones_film_of_high_dynamic_range_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=25, options={"x265-params": "log-level=none"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 9, 9, HLG
        white = np.full((96, 64), 512, np.uint16)
        white[:64] = 64 + round(0.75 * 876)  # 75 % of the range
        for index in range(3):
            frame = av.VideoFrame(64, 64, "yuv420p10le")
            for plane, rows in zip(frame.planes, (white[:64], white[64:80, :], white[80:, :]), strict=True):
                values = np.full((plane.height, plane.line_size // 2), rows[0, 0], np.uint16)
                plane.update(values.tobytes())
            frame.pts, frame.time_base = index, Fraction(1, 25)
            frame.colorspace, frame.color_primaries, frame.color_trc = 9, 9, HLG
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.warns(UserWarning, match=r"high dynamic range \(HLG\): its colours are mapped to BT\.709"):
        film = read_video(path)
    picture = next(film.frames)
    assert picture.dtype == np.uint8
    assert 220 <= picture.mean() <= 245
