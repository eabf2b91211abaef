"""`dirfa bench`: each case in a process of its own, one line each."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from media_files import speech
from tiny import tiny_pipeline

from dirfa_pipeline import Portrait
from dirfa_pipeline.cli import BAD_INPUT, DONE, main
from dirfa_pipeline.commands.bench import Stopwatch, frame_head, lateness, write_long_wav
from dirfa_pipeline.media.audio import open_audio


STAGES = ("encode_ms", "sample_ms", "render_ms", "video_ms")


@pytest.mark.slow
def test_one_line_a_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_pipeline().save_pretrained(tmp_path)
    arguments = ["--sizes", "192", "--seconds", "1", "--threads", "1", "--live-seconds", "1"]
    began = time.perf_counter()
    assert main(["bench", *arguments, "--weights", str(tmp_path), "--json"]) == DONE
    took = time.perf_counter() - began
    (line,) = capsys.readouterr().out.splitlines()
    result = json.loads(line)
    assert (result["size"], result["seconds"], result["threads"]) == (192, 1.0, 1)
    assert all(result[name] > 0 for name in (*STAGES, "rtf", "cpu_rtf", "live_rtf", "load_s", "fit_s"))
    assert result["fit_s"] + sum(result[name] for name in STAGES) * 25 / 1000 == pytest.approx(result["rtf"], rel=0.01)
    assert result["load_s"] + result["rtf"] + result["live_rtf"] < took
    assert result["first_frame_s"] < result["live_rtf"]
    assert 0.1 < result["peak_gib"] < 4.0
    assert 0.0 < result["live_late_median_ms"] <= result["live_late_ms"] <= result["live_latest_ms"]
    assert result["live_growth_mib"] == result["live_memory_mib"][-1] - result["live_memory_mib"][0]


BAD_BENCHES = {
    "photo": (["nobody.jpg"], "photo not found: nobody.jpg"),
    "size": (["--sizes", "512", "10"], "--sizes must be 64 or more, got 10"),
    "seconds": (["--seconds", "0.1"], "--seconds must be 1 or more, got 0.1"),
    "threads": (["--threads", "0"], "--threads must be 1 or more, got 0"),
    "live seconds": (["--live-seconds", "0"], "--live-seconds must be 1 or more, got 0"),
}


@pytest.mark.parametrize("name", BAD_BENCHES)
def test_bad_benches(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, message = BAD_BENCHES[name]
    assert main(["bench", *arguments]) == BAD_INPUT
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("size", [200, 512])
def test_the_head_fills_every_size_alike(portrait: Portrait, size: int) -> None:
    picture = frame_head(portrait.image, portrait.landmarks, size)
    assert picture.shape == (size, size, 3)
    whole = frame_head(portrait.image, portrait.landmarks, 64)
    assert np.abs(picture[:: size // 64][:64, :: size // 64][:, :64].mean((0, 1)) - whole.mean((0, 1))).max() < 12


def test_stopwatch_times_what_comes_and_nothing_else() -> None:
    stopwatch = Stopwatch()

    def slow() -> object:
        for item in range(3):
            time.sleep(0.02)
            yield item

    for _ in stopwatch.around(slow()):
        time.sleep(0.05)
    assert 0.06 <= stopwatch.seconds < 0.15


def test_speech_is_repeated(tmp_path: Path) -> None:
    clip = speech(1.0)
    file = open_audio(write_long_wav(tmp_path / "long.wav", clip, 2.5))
    assert file.duration == 2.5
    samples = np.concatenate(list(file.chunks()), axis=1)
    np.testing.assert_allclose(samples[0, 16_000:32_000], clip.samples[0], atol=1e-3)


LATENESS = {
    "in time": ([1.0, 2.0, 3.0], [0.5, 0.9, 1.0], [0.5, 0.4, 0.1]),
    "too slow": ([1.0, 2.0, 3.0], [1.5, 3.0, 4.5], [1.5, 2.0, 2.5]),
    "catches up": ([1.0, 2.0, 3.0, 4.0], [2.5, 2.7, 2.9, 3.1], [2.5, 1.7, 0.9, 0.2]),
    "two frames at once": ([1.0, 1.0], [0.1, 0.2], [0.1, 0.2]),
}


@pytest.mark.parametrize("name", LATENESS)
def test_lateness_is_that_of_a_queue(name: str) -> None:
    heard, worked, expected = map(np.array, LATENESS[name])
    np.testing.assert_allclose(lateness(heard, worked), expected, atol=1e-12)
