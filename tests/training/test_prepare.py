"""Clips become shards: one row each, the same bytes whoever works, a second run does what is missing."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from moving_photos import FACES, film
from tiny import WEIGHTS
from transformers import Wav2Vec2Model

from dirfa_pipeline import InputError
from dirfa_pipeline.training import prepare, shard_task
from dirfa_pipeline.training.motion_data import TrackedClip
from dirfa_pipeline.training.shard_task import Settings, ShardMaker
from dirfa_pipeline.training.sources import list_sources, list_videos
from dirfa_pipeline.training.track_shards import read_shards
from dirfa_pipeline.training.tracked_clip import Costs, mark_of
from dirfa_pipeline.workers.addresses import Address, AddressError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """VoxCeleb2's layout, with what can be wrong with its files."""
    root = tmp_path / "vox böse"
    for person in range(3):
        for clip in range(4):
            path = root / "mp4" / f"id{person:05d}" / "a video" / f"{clip:05d}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"" if (person, clip) == (1, 1) else bytes(f"{person} {clip}", "utf-8"))
            sound = root / "aac" / path.relative_to(root / "mp4").with_suffix(".m4a")
            sound.parent.mkdir(parents=True, exist_ok=True)
            sound.write_bytes(b"sound")
    return root


def toy_track(name: str, video: Path, sound: Path, teaches: tuple[str, ...], speaker: str, *_: object) -> TrackedClip:
    """What a clip is said to show: no detector, no decoder. One is broken, one shows nobody, one is too large."""
    person, clip = map(int, video.read_text().split())
    if (person, clip) == (2, 0):
        raise InputError("not a video\nat all")
    if (person, clip) == (2, 1):
        raise ValueError("a face was found in 3 frames")
    if (person, clip) == (2, 2):
        raise MemoryError
    frames = np.full(10 + clip, 0.01, np.float32)
    audio = None if clip == 3 else np.zeros(16_000, np.float32)
    return TrackedClip(
        name, np.tile(frames[:, None], 58), frames > 0, frames, audio, "vox", speaker,
        teaches if clip < 3 else ("motion",),
    )  # fmt: skip


class Here:
    """Workers that are this process: what they do can be replaced."""

    count = 1

    def map(self, make, items):  # type: ignore[no-untyped-def]
        return map(make(), items)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_task, "track", toy_track)
    monkeypatch.setattr(shard_task.Tools, "load", classmethod(lambda *_: None))


def run(tree: Path, output: Address, each: int = 5) -> str:
    sources = list_sources([Address(str(tree))], "vox2")
    return str(prepare.prepare(sources, Settings(output, WEIGHTS), Here(), each))  # type: ignore[arg-type]


def contents(output: Address) -> dict[str, bytes | None]:
    return {file.path: (output / file.path).read() for file in output.list()}


@pytest.mark.parametrize("protocol", ["", "memory:/"])
def test_every_clip_has_one_row(toy: None, tree: Path, tmp_path: Path, protocol: str) -> None:
    output = Address(f"{protocol}{tmp_path}/shards")
    table = run(tree, output).split("\n")
    assert table[:2] == ["     12 clips read", "      8 kept"]
    rows = [json.loads(line) for line in (output / "clips.jsonl").read().splitlines()]
    assert len({row["clip"] for row in rows}) == len(rows) == 12
    reasons = Counter(row["reason"] for row in rows)
    assert reasons == {
        "": 8, "an empty file": 1, "not a readable video": 1, "hardly a face in it": 1, "more memory than there is": 1,
    }  # fmt: skip
    assert {row["detail"] for row in rows if row["reason"] == "not a readable video"} == {"not a video"}
    assert {row["speaker"] for row in rows if row["kept"]} == {"id00000", "id00001", "id00002"}
    assert {file.path.split("/")[0] for file in output.list()} == {
        "clips.jsonl", "parts", *(f"vox böse-{index:06d}.tar" for index in range(3))
    }  # fmt: skip


def test_a_second_run_does_what_is_missing(
    toy: None, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Address(str(tmp_path / "shards"))
    run(tree, output)
    before = contents(output)
    for lost in ("parts", "vox böse-000001.tar"):
        for path in before:
            if lost in path and "000001" in path:
                (output / path).remove()
    (output / "vox böse-000002.tar.0123456789ab.part").write(b"killed")
    (output / "film.part").write(b"somebody else's")
    before["film.part"] = b"somebody else's"
    done: list[str] = []
    made = ShardMaker.__call__
    monkeypatch.setattr(ShardMaker, "__call__", lambda self, task: (done.append(task.shard), made(self, task))[1])
    run(tree, output)
    assert done == ["vox böse-000001.tar"]
    assert contents(output) == before
    (tree / "mp4" / "id00001" / "a video" / "00001.mp4").write_bytes(b"1 1 ")
    assert "9 kept" in run(tree, output)
    assert done == ["vox böse-000001.tar"] * 2, "a clip that has changed"
    run(tree, output, each=6)
    assert {path for path in contents(output) if path.endswith(".tar")} == {
        f"vox böse-{index:06d}.tar" for index in range(2)
    }


def test_a_clip_that_kills_is_left_out(toy: None, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that dies leaves the note of what it was at; the third one passes that clip by."""
    output = Address(str(tmp_path / "shards"))

    class Killed(BaseException):
        pass

    def deadly(name: str, *rest: object) -> TrackedClip:
        if name.endswith("id00000/a video/00002"):
            raise Killed
        return toy_track(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(shard_task, "track", deadly)
    for _ in range(2):
        with pytest.raises(Killed):
            run(tree, output)
    assert not [path for path in contents(output) if path.endswith((".tar", ".part"))], "no half file"
    assert "1 left out: its workers died of it (vox böse/id00000/a video/00002)" in run(tree, output)


def test_a_full_disk_ends_the_job_with_its_account(
    toy: None, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, full = Address(str(tmp_path / "shards")), [True]
    written = shard_task.write_shard

    def write(place: Address, clips: object) -> int:
        if full[0] and "000001" in str(place):
            raise OSError(28, "No space left on device")
        return written(place, clips)  # type: ignore[arg-type]

    monkeypatch.setattr(shard_task, "write_shard", write)
    with pytest.raises(prepare.UnfinishedError, match=r"5 clips of 1 among 3 shards .*no space is left"):
        run(tree, output)
    full[0] = False
    assert run(tree, output).startswith("     12 clips read")


def test_clips_at_work_when_a_disk_was_full_are_not_blamed(
    toy: None, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, full, written = Address(str(tmp_path / "shards")), [True], shard_task.write_shard

    def write(place: Address, clips: Iterable[TrackedClip]) -> int:
        made = list(clips)
        if full[0]:
            raise OSError(28, "No space left on device")
        return written(place, made)

    monkeypatch.setattr(shard_task, "write_shard", write)
    for _ in range(3):
        with pytest.raises(prepare.UnfinishedError, match="no space is left"):
            run(tree, output)
    full[0] = False
    assert run(tree, output).split("\n")[:2] == ["     12 clips read", "      8 kept"]


def test_an_output_that_stops_answering_costs_its_shard_alone(
    toy: None, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, silent, put = Address(f"memory:/{tmp_path}/shards"), [True], MemoryFileSystem.put_file

    def answer(self: MemoryFileSystem, path: str, to: str, **options: object) -> None:
        if silent[0] and "000001.tar." in to and "attempts" not in to:
            raise ConnectionError("gone")
        put(self, path, to, **options)

    monkeypatch.setattr(MemoryFileSystem, "put_file", answer)
    for _ in range(3):
        with pytest.raises(prepare.UnfinishedError, match=r"5 clips of 1 among 3 .*does not answer: Connection"):
            run(tree, output)
    silent[0] = False
    assert run(tree, output).split("\n")[:2] == ["     12 clips read", "      8 kept"]


def test_an_address_that_stops_answering_is_asked_again_by_a_later_run(
    toy: None, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clips are not left out for it; the other shards are made."""
    output, silent, local = Address(str(tmp_path / "shards")), [True], Address.local

    def fetch(self: Address):  # type: ignore[no-untyped-def]
        if silent[0] and "id00001" in str(self):
            raise AddressError(f"{self} does not answer: TimeoutError")
        return local(self)

    monkeypatch.setattr(Address, "local", fetch)
    with pytest.raises(
        prepare.UnfinishedError, match=r"10 clips of 2 among 3 shards are not done \(.*does not answer"
    ):
        run(tree, output)
    assert not (output / "clips.jsonl").size()
    silent[0] = False
    assert run(tree, output).split("\n")[:2] == ["     12 clips read", "      8 kept"]


def test_bad_clips_of_a_far_source_are_told_as_those_of_this_disk(toy: None, tree: Path, tmp_path: Path) -> None:
    far = Address(f"memory:/{tmp_path}/vox böse")
    for file in Address(str(tree)).list():
        (far / file.path).write((tree / file.path).read_bytes())
    rows = []
    for number, source in enumerate((Address(str(tree)), far)):
        output = Address(str(tmp_path / f"shards{number}"))
        prepare.prepare(list_sources([source], "vox2"), Settings(output, WEIGHTS), Here(), 5)  # type: ignore[arg-type]
        rows.append((output / "clips.jsonl").read())
    assert rows[0] == rows[1]


def test_a_clip_that_goes_after_it_was_listed_is_told(toy: None, tree: Path, tmp_path: Path) -> None:
    output, sources = Address(str(tmp_path / "shards")), list_sources([Address(str(tree))], "vox2")
    (tree / "mp4" / "id00000" / "a video" / "00002.mp4").unlink()
    tally = prepare.prepare(sources, Settings(output, WEIGHTS), Here(), 5)  # type: ignore[arg-type]
    assert tally.left_out["a missing file"] == ["vox böse/id00000/a video/00002"]


def test_costs_of_a_stage_within_another_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("time.process_time", lambda: next(clock))
    costs = Costs()
    with costs.of("outer"):  # 0 to 7
        assert list(costs.each("inner", "ab")) == ["a", "b"]  # 1 to 2, 3 to 4, and 5 to 6 for its end
    with costs.of("outer"):  # 8 to 9
        pass
    assert costs.seconds == {"inner": 3, "outer": 5}


def test_folders_that_are_not_voxceleb(tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "a.mp4").touch()
    with pytest.raises(InputError, match=r"some is not VoxCeleb2: no idNNNNN/VIDEO/CLIP.mp4 is in it"):
        list_videos(Address(str(tmp_path / "some")), "vox2")
    assert [video.name for video in list_videos(Address(str(tmp_path / "some")))] == ["a"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["DIR", "--output", "FILE"], "--output must be a folder or an address, but .*file.txt is a file"),
        (["DIR", "--output", "out", "--weights", "nowhere"], "nowhere does not; name a pipeline's folder"),
        (["nowhere", "--output", "out"], "nowhere holds no video"),
        (["DIR", "--output", "out", "--workers", "0"], "workers must be at least 1"),
        (["nosuch://a/b", "--output", "out"], "nosuch://a/b cannot be reached"),
    ],
)
def test_mistakes_are_named_before_any_work(tree: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    file = tmp_path / "file.txt"
    file.touch()
    places = {"DIR": str(tree), "FILE": str(file), "out": str(tmp_path / "out"), "nowhere": str(tmp_path / "nowhere")}
    with pytest.raises(InputError, match=message):
        prepare.main([places.get(word, word) for word in arguments])
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_real_workers_write_the_same_bytes(tmp_path: Path) -> None:
    """One process, two, and two that read and write through fsspec; detector, fit and encoder are the real ones."""
    folder = tmp_path / "films"
    for index, face in enumerate(FACES[:3]):
        film(folder / f"{index}.mp4", face, 14)
    (folder / "broken.mp4").write_bytes((folder / "0.mp4").read_bytes()[:500])
    found = {}
    for name, workers, protocol in (("1", 1, ""), ("2", 2, ""), ("far", 2, "file://")):
        output = tmp_path / name
        arguments = [f"{protocol}{folder}", "--workers", str(workers), "--clips-per-shard", "2", "--speech-features"]
        prepare.main([*arguments, "--output", f"{protocol}{output}", "--weights", str(WEIGHTS)])
        found[name] = contents(Address(str(output)))
    assert found["1"] == found["2"]
    # The rows of clips that are left out tell where the copy lay that could not be read.
    near, far = ({name: found[run][name] for name in found[run] if name.endswith(".tar")} for run in ("1", "far"))
    assert near == far
    assert len(near) == 2
    clips = list(read_shards(tmp_path / "1"))
    assert [clip.name for clip in clips] == ["films/0", "films/1", "films/2"]
    encoder = Wav2Vec2Model.from_pretrained(WEIGHTS / "audio_encoder").eval()
    assert clips[0].encoder == mark_of(encoder)
    rows, dim = clips[0].features.shape
    assert rows in (28, 30) and dim == encoder.config.hidden_size + 4  # the coder may add a frame of sound
