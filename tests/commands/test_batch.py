"""`dirfa batch`: a video a line, what fails is told with its reason, a second run makes what is missing."""

import json
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from media_files import speech
from tiny import tiny_pipeline

from dirfa_pipeline import InputError, cli, verify
from dirfa_pipeline.commands import batch, batch_maker
from dirfa_pipeline.commands.batch_jobs import BadLine, Job, read_jobs
from dirfa_pipeline.commands.batch_maker import BatchSettings, Order, VideoMaker
from dirfa_pipeline.media.wav import write_wav
from dirfa_pipeline.workers.addresses import Address


FACE = Path(__file__).parents[1] / "faces"


def write_jobs(folder: Path, lines: list[object]) -> Path:
    path = folder / "jobs.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "a line must be a JSON object"),
        ("[1]", "a line must be a JSON object such as"),
        ({"sound": "a.wav"}, "photo is missing"),
        ({"photo": "a.jpg"}, "either sound or text is needed, and not both"),
        ({"photo": "a.jpg", "sound": "a.wav", "text": "a"}, "either sound or text is needed, and not both"),
        ({"photo": "a.jpg", "sound": "a.wav", "sed": 1}, "unknown name 'sed'; did you mean 'seed'?"),
        ({"photo": "a.jpg", "sound": "a.wav", "seed": "1"}, "seed cannot be '1'"),
        ({"photo": "a.jpg", "sound": "a.wav", "diversity": 3}, "diversity must be in [0.0, 2.0], got 3"),
        (
            {"photo": "a.jpg", "sound": "a.wav", "controls": {"expression": "hapy"}},
            "controls: ",
        ),
        ({"photo": "a.jpg", "sound": "a.wav", "controls": {"hed_motion": 1}}, "did you mean 'head_motion'?"),
    ],
)
def test_bad_lines_are_told(tmp_path: Path, line: object, reason: str) -> None:
    good = {"photo": "ä b.jpg", "sound": "/s/a.wav", "name": "../x/ü y"}
    found = list(read_jobs(Address(str(write_jobs(tmp_path, [line, "", good])))))
    assert isinstance(found[0], BadLine)
    assert reason in found[0].reason
    assert isinstance(found[1], Job)
    assert (found[1].number, found[1].photo, found[1].sound) == (3, str(tmp_path / "ä b.jpg"), "/s/a.wav")
    assert found[1].video == "videos/0000/000003-x-ü-y.mp4"


def test_a_number_stands_for_one_line(tmp_path: Path, made: list[int], capsys: pytest.CaptureFixture) -> None:
    """Two videos of one name would overwrite each other; whichever line comes later is told."""
    line = {"photo": "a.jpg", "sound": "b.wav", "name": "full"}
    jobs = write_jobs(tmp_path, [line | {"number": 2}, line, line | {"number": 5}, line | {"number": 5}])
    assert cli.main(["batch", str(jobs), "--output", str(tmp_path / "out")]) == cli.BAD_INPUT
    assert sorted(made) == [2, 5]
    rows = [json.loads(row) for row in (tmp_path / "out" / "failed.jsonl").read_text().splitlines()]
    repeated = [row for row in rows if "line" in row]
    assert [row["number"] for row in repeated] == [2, 4]
    assert [json.loads(row["line"]) for row in repeated] == [line, line | {"number": 5}]
    assert "has the number 2, too" in repeated[0]["reason"]
    assert sorted(row["number"] for row in rows if "line" not in row) == [2, 5]


def test_videos_are_named_and_divided() -> None:
    assert Job(2001, "p/a b.jpg", "s/c.wav").video == "videos/0002/002001-a-b-c.mp4"
    first, second = Job(1, "a.jpg", "b.wav"), Job(1, "a.jpg", "b.wav", seed=2)
    assert len({first.digest("s"), first.digest("t"), second.digest("s")}) == 3


class Here:
    """Workers that are this process."""

    count = 1

    def map(self, make, items):  # type: ignore[no-untyped-def]
        return map(make(), items)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lines whose videos are made, by a worker that only pretends to; there is no room for one called full."""
    numbers: list[int] = []

    def make(self: VideoMaker, job: Job) -> batch_maker.Outcome:
        numbers.append(job.number)
        if job.name == "full":
            raise OSError(28, "No space left on device")
        (self.settings.output / job.video).write(b"a video")
        return batch_maker.Outcome(job.number, job.video, "", 1.5, len(numbers) == 1)

    def begin(self: VideoMaker, settings: BatchSettings) -> None:
        self.settings = settings

    monkeypatch.setattr(VideoMaker, "_make", make)
    monkeypatch.setattr(VideoMaker, "__init__", begin)
    monkeypatch.setattr(batch.Workers, "choose", lambda *_: Here())
    return numbers


@pytest.mark.parametrize("protocol", ["", "memory:/"])
def test_a_second_run_makes_what_is_missing(
    made: list[int], tmp_path: Path, capsys: pytest.CaptureFixture, protocol: str
) -> None:
    lines: list[object] = [{"photo": "a.jpg", "sound": f"{i}.wav"} for i in range(3)]
    jobs, output = write_jobs(tmp_path, [*lines, "oh"]), Address(f"{protocol}{tmp_path}/out")
    assert cli.main(["batch", str(jobs), "--output", str(output)]) == cli.BAD_INPUT
    out, err = capsys.readouterr()
    summary = json.loads(out)
    assert (summary["lines"], summary["made"], summary["failed"], summary["there_before"]) == (4, 3, 1, 0)
    assert (summary["seconds_of_video"], summary["photos_prepared"]) == (4.5, 1)
    assert "1 of 4 lines failed (line 4: a line must be a JSON object" in err
    (output / Job(2, "a.jpg", "1.wav").video).remove()
    (output / "videos/0000/x.mp4.0123456789ab.part").write(b"killed")
    (output / "film.part").write(b"somebody else's")
    lines[0] = {"photo": "a.jpg", "sound": "0.wav", "seed": 8}
    write_jobs(tmp_path, lines)
    assert cli.main(["batch", str(jobs), "--output", str(output)]) == cli.DONE
    assert json.loads((output / "summary.json").read() or b"")["made"] == 2
    assert made == [1, 2, 3, 1, 2]
    assert (output / "failed.jsonl").read() == b""
    paths = {file.path for file in output.list()}
    assert len([path for path in paths if path.startswith("results/")]) == 3
    assert [path for path in paths if path.endswith(".part") or path.startswith("attempts/")] == ["film.part"]


def test_failed_lines_are_jobs_again(made: list[int], tmp_path: Path) -> None:
    line = {"photo": "a.jpg", "sound": "b.wav", "name": "full", "seed": 0, "controls": {"lips": 0.5}}
    jobs, output = write_jobs(tmp_path, ["", line]), tmp_path / "out"
    assert cli.main(["batch", str(jobs), "--output", str(output)]) == cli.BAD_INPUT
    (failed,) = map(json.loads, (output / "failed.jsonl").read_text().splitlines())
    assert failed.pop("reason") == "no space is left for it"
    (again,) = read_jobs(Address(str(output / "failed.jsonl")))
    assert again == next(read_jobs(Address(str(jobs))))


def test_a_line_that_kills_its_workers_is_told(made: list[int], tmp_path: Path) -> None:
    settings = BatchSettings(Address(str(tmp_path)), None, 25, None, 18, "fast", None)
    order, maker = Order(Job(1, "a.jpg", "b.wav"), "0123"), VideoMaker(settings)
    for _ in range(2):
        note = batch_maker.Attempts(settings.output / "attempts" / "000001.json")
        assert note.begin("0123")  # and here the worker dies
    assert maker(order).reason == "its workers died of it"
    assert made == []


def test_warnings_name_their_line(
    made: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    def make(self: VideoMaker, job: Job) -> batch_maker.Outcome:
        warnings.warn("the face is small", UserWarning, stacklevel=1)
        return batch_maker.Outcome(job.number, job.video)

    monkeypatch.setattr(VideoMaker, "_make", make)
    settings = BatchSettings(Address(str(tmp_path)), None, 25, None, 18, "fast", None)
    assert VideoMaker(settings)(Order(Job(12, "a.jpg", "b.wav"), "0123")).reason == ""
    assert capsys.readouterr().err == "dirfa: line 12: warning: the face is small\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.jsonl"], "jobs not found: nowhere.jsonl"),
        (["EMPTY"], "holds no line"),
        (["EMPTY", "--crf", "99"], r"--crf must be in \[0, 51\], got 99"),
        (["EMPTY", "--preset", "x"], "--preset must be one of"),
        (["EMPTY", "--output", "EMPTY"], "--output must be a folder or an address"),
        (["EMPTY", "--weights", "nowhere"], "--weights must be a folder or a hub id, and nowhere is neither"),
        (["EMPTY", "--workers", "0"], "workers must be at least 1"),
        (["EMPTY", "--unmarked", "--payload", "3"], "--unmarked leaves out what"),
    ],
)
def test_mistakes_are_named_before_any_work(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "empty.jsonl").touch()
    words = [word.replace("EMPTY", str(tmp_path / "empty.jsonl")) for word in arguments]
    options = cli.build_parser().parse_args(["batch", "--output", str(tmp_path / "out"), *words])
    with pytest.raises(InputError, match=message):
        options.run(options)
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    tiny_pipeline().save_pretrained(folder)
    return folder


def command(jobs: Path, output: Path, weights: Path, workers: int) -> list[str]:
    words = [str(jobs), "--output", str(output), "--weights", str(weights), "--workers", str(workers)]
    return [sys.executable, "-m", "dirfa_pipeline", "batch", *words, "--max-size", "320", "--preset", "ultrafast"]


@pytest.mark.slow
@pytest.mark.parametrize("engine", [[], ["--address", "local"]], ids=["processes", "ray"])
def test_real_videos_with_their_credentials(tmp_path: Path, weights: Path, engine: list[str]) -> None:
    write_wav(str(tmp_path / "höre zu.wav"), speech(0.4))
    photos = [str(path) for path in sorted(FACE.glob("*.jpg"))[:2]]
    lines = [{"photo": photo, "sound": "höre zu.wav"} for photo in (*photos, *photos, "nobody.jpg")]
    done = subprocess.run(
        [*command(write_jobs(tmp_path, lines), tmp_path / "out", weights, 1), *engine],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    summary = json.loads(done.stdout)
    assert (summary["made"], summary["failed"], summary["photos_prepared"]) == (4, 1, 2), done.stderr
    assert "line 5: image file not found: " in done.stderr
    video = next((tmp_path / "out" / "videos").rglob("000004-*.mp4"))
    found = verify(video)
    assert found.credentials is not None
    assert found.credentials.intact


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2])
def test_two_hundred_lines_killed_in_the_middle(tmp_path: Path, weights: Path, workers: int) -> None:
    write_wav(str(tmp_path / "a.wav"), speech(0.2))
    photos = [str(path) for path in sorted(FACE.glob("*.jpg"))[:4]]
    lines = [{"photo": photos[i % 4], "sound": "none.wav" if i % 50 == 7 else "a.wav"} for i in range(200)]
    words, output = command(write_jobs(tmp_path, lines), tmp_path / "out", weights, workers), tmp_path / "out"
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, start_new_session=True) as first:
        while len(list(output.glob("results/*/*"))) < 80:
            assert first.poll() is None
            time.sleep(0.05)
        first.send_signal(signal.SIGKILL)
    time.sleep(2.0)  # its workers notice
    kept = {path: path.stat().st_mtime_ns for path in output.glob("videos/*/*.mp4")}
    done = subprocess.run(words, capture_output=True, text=True, timeout=3000)
    summary = json.loads(done.stdout)
    print(summary)
    assert (summary["lines"], summary["failed"]) == (200, 4)
    assert summary["made"] + summary["there_before"] == 196
    assert summary["there_before"] >= 80
    assert summary["photos_prepared"] <= 4 * workers
    videos = list(output.glob("videos/*/*.mp4"))
    assert len(videos) == len({video.name[:6] for video in videos}) == 196
    results = {path.name[:6] for path in output.glob("results/*/*")}
    changed = [path.name for path, time_ in kept.items() if path.stat().st_mtime_ns != time_]
    assert len(changed) <= workers, "made, and killed before that was noted"
    assert results == {video.name[:6] for video in videos}
    assert not list(output.rglob("*.part"))
