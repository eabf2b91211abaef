"""The invisible watermark: what it costs a picture, what it survives, and that nothing else is taken for it."""

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dirfa_pipeline import InputError
from dirfa_pipeline.media.video import read_video
from dirfa_pipeline.provenance.code import CODE_BITS, PAYLOAD_BITS, code_of, payload_of
from dirfa_pipeline.provenance.finding import Finding, find_watermark
from dirfa_pipeline.provenance.pattern import patterns
from dirfa_pipeline.provenance.watermark import Watermark


FPS, SIZE, SECONDS = 25, 256, 4
PAYLOAD = 0x12345678


def film(seed: int = 0) -> list[np.ndarray]:
    """A textured ball that wanders in front of a still, textured wall."""
    generator = np.random.default_rng(seed)
    wall = cv2.GaussianBlur(generator.uniform(60, 200, (SIZE, SIZE, 3)).astype(np.float32), (0, 0), 6) * 4 - 390
    ball = cv2.GaussianBlur(generator.uniform(0, 255, (SIZE, SIZE, 3)).astype(np.float32), (0, 0), 3) * 3 - 250
    y, x = np.mgrid[:SIZE, :SIZE]
    frames = []
    for index in range(SECONDS * FPS):
        place = SIZE / 2 + 30 * np.sin(0.9 * index / FPS * np.array([2.0, 3.1]))
        inside = (np.hypot(y - place[0], x - place[1]) < 70)[..., None]
        moved = np.roll(ball, np.rint(place).astype(int), (0, 1))
        frames.append(np.clip(np.where(inside, moved, wall), 0, 255).astype(np.uint8))
    return frames


def marked(frames: list[np.ndarray], payload: int = PAYLOAD, key: int = 1) -> list[np.ndarray]:
    mark = Watermark(payload, key)
    return [mark.mark(frame, index / FPS) for index, frame in enumerate(frames)]


def coded(frames: list[np.ndarray], path: Path, crf: int) -> list[np.ndarray]:
    """Through x264 and back, without the library's own writer."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": str(crf), "preset": "veryfast"})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for index, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24").reformat(
                format="yuv420p"
            )
            picture.pts, picture.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return list(read_video(path).frames)


@given(st.integers(0, 2**PAYLOAD_BITS - 1), st.integers(0, 2**32 - 1))
def test_payloads_come_back_from_noise_as_strong_as_they_are(payload: int, seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(CODE_BITS)
    assert payload_of(code_of(payload)) == payload
    heard = 1.2 * code_of(payload) + noise  # one sign in nine is wrong
    assert payload_of(heard) == payload


@given(st.integers(0, 2**32 - 1))
def test_noise_spells_nothing(seed: int) -> None:
    assert payload_of(np.random.default_rng(seed).standard_normal(CODE_BITS)) is None


def test_patterns_are_the_same_everywhere() -> None:
    """Marks of today must be found by every later version, with any NumPy."""
    beacon, bits = patterns()
    signs = np.packbits(np.concatenate([beacon[None], bits]) > 0.2)
    assert hashlib.sha256(signs.tobytes()).hexdigest()[:16] == "78d4c61bb93cec55"
    flat = np.concatenate([beacon[None], bits]).reshape(1 + CODE_BITS, -1)
    np.testing.assert_allclose(flat @ flat.T / flat.shape[1], np.eye(1 + CODE_BITS), atol=1e-3)


def test_a_mark_is_faint() -> None:
    frames = film()
    for frame, mark in zip(frames[::10], marked(frames)[::10], strict=True):
        assert 10 * np.log10(255**2 / np.square(mark.astype(float) - frame).mean()) > 42
    busy = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    assert 10 * np.log10(255**2 / np.square(Watermark().mark(busy, 0.0).astype(float) - busy).mean()) > 42


def test_walls_beside_edges_are_marked_as_faintly_as_others() -> None:
    """A straight edge would ripple, and the wall around a head be mottled."""
    wall = np.full((SIZE, SIZE, 3), 90, np.uint8)
    edged = wall.copy()
    edged[:, SIZE // 2 :] = 200
    faint, beside = (np.abs(Watermark().mark(frame, 0.0).astype(float) - frame)[..., 1] for frame in (wall, edged))
    assert beside[:, SIZE // 2 - 20 : SIZE // 2 + 20].mean() < 1.2 * faint.mean()
    rng = np.random.default_rng(0)
    edged[: SIZE // 2] = rng.integers(60, 220, (SIZE // 2, SIZE, 1), np.uint8)
    busy = np.abs(Watermark().mark(edged, 0.0).astype(float) - edged)[..., 1]
    assert busy[: SIZE // 2 - 30].mean() > 2.0 * busy[SIZE // 2 + 30 :].mean()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("attack", ["none", "coded", "half", "cropped", "faster", "brighter"])
def test_the_number_survives(tmp_path: Path, attack: str, seed: int) -> None:
    frames, fps = marked(film(seed)), float(FPS)
    if attack == "coded":
        frames = coded(frames, tmp_path / "a.mp4", 23)
    elif attack == "half":
        frames = [cv2.resize(frame, (SIZE // 2, SIZE // 2), interpolation=cv2.INTER_AREA) for frame in frames]
    elif attack == "cropped":
        frames = [frame[10 : SIZE - 16, 12 : SIZE - 14] for frame in frames]
    elif attack == "faster":  # the same seconds at 30 frames a second
        frames, fps = [frames[int(index * FPS / 30)] for index in range(SECONDS * 30)], 30.0
    elif attack == "brighter":
        frames = [np.clip(1.15 * frame.astype(np.float32) + 12, 0, 255).astype(np.uint8) for frame in frames]
    finding = find_watermark(frames, fps, key=1)
    assert finding is not None
    assert finding.found
    assert finding.payload == PAYLOAD
    assert finding.chance < 1e-5


@pytest.mark.parametrize("case", ["unmarked", "another key"])
def test_nothing_else_is_taken_for_it(case: str) -> None:
    frames = film() if case == "unmarked" else marked(film(), key=2)
    finding = find_watermark(frames, FPS, key=1)
    assert finding is not None
    assert not finding.found
    assert finding.payload is None
    assert finding.chance > 1e-5


def test_a_clip_may_be_too_short_to_tell() -> None:
    assert find_watermark(film()[:5], FPS) is None


def test_longer_videos_give_chance_more_chances() -> None:
    one, many = Finding(6.5, None, 1.0), Finding(6.5, None, 1.0, pieces=100)
    assert many.chance == pytest.approx(100 * one.chance, rel=0.05)


def test_a_later_piece_may_be_the_one_with_the_mark() -> None:
    plain = film() * 2
    finding = find_watermark([*plain, *marked(film() * 2)], FPS, key=1)
    assert finding is not None
    assert finding.payload == PAYLOAD


@pytest.mark.parametrize("payload", [-1, 2**32])
def test_payloads_have_32_bits(payload: int) -> None:
    with pytest.raises(InputError, match=r"\[0, 2\^32\)"):
        Watermark(payload)
