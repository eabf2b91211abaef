"""Videos become shards of tracked clips, and shards become clips again; what is broken is named."""

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from media_files import speech, write_media
from tiny import WEIGHTS
from track_files import write_shards

from dirfa_pipeline import Animation, FaceModel, FaceRenderer, InputError, Portrait, write_video
from dirfa_pipeline.training import track_videos
from dirfa_pipeline.training.motion_data import TrackedClip
from dirfa_pipeline.training.sources import list_videos
from dirfa_pipeline.training.tally import Tally
from dirfa_pipeline.training.track_shards import ShardError, read_shard, read_shards, write_shard
from dirfa_pipeline.workers.addresses import Address


def clip_of(name: str, seed: int = 0) -> TrackedClip:
    rng = np.random.default_rng(seed)
    return TrackedClip(
        name, rng.uniform(0, 0.5, (25, 58)).astype(np.float32), rng.random(25) > 0.2,
        rng.random(25).astype(np.float32), np.round(rng.uniform(-9e3, 9e3, 16_000)).astype(np.float32) / 32768,
        name.split("/")[0], "id00001", ("lips",), {"lip_residual": 0.005},
        rng.random((50, 6)).astype(np.float16), "an encoder",
    )  # fmt: skip


def test_shards_give_back_the_clips(tmp_path: Path) -> None:
    clips = [clip_of(f"set/{index:03d}.v2", index) for index in range(201)]
    write_shards(tmp_path, "set-b", clips[:1])
    paths = write_shards(tmp_path, "set", clips)
    assert [path.name for path in paths] == ["set-000000.tar", "set-000001.tar"]
    assert not list(tmp_path.glob("*.part"))
    read = list(read_shards(tmp_path))
    assert len(read) == 202
    assert len({clip.name for clip in read}) == 201
    for before, after in zip(clips[:201], read[:201], strict=True):
        np.testing.assert_array_equal(before.coefficients, after.coefficients)
        np.testing.assert_array_equal(before.valid, after.valid)
        np.testing.assert_allclose(before.audio, after.audio, atol=1e-4)
        np.testing.assert_array_equal(before.features, after.features)
        assert (after.source, after.speaker, after.teaches) == ("set", "id00001", ("lips",))
        assert after.encoder == "an encoder"


def write_tar(path: Path, files: list[tuple[str, bytes]]) -> None:
    """Names and contents, in this order; a name may come twice."""
    with tarfile.open(path, "w") as shard:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            shard.addfile(member, io.BytesIO(content))


def members(clip: TrackedClip, folder: Path) -> dict[str, bytes]:
    """The files of a shard that holds one clip, by their kind."""
    (path,) = write_shards(folder, "good", [clip])
    with tarfile.open(path) as shard:
        return {member.name.rsplit(".")[-1]: shard.extractfile(member).read() for member in shard}  # type: ignore[union-attr]


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def flac(rate: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(100, np.float32), rate, format="FLAC")
    return file.getvalue()


COEFFICIENTS = np.zeros((5, 58), np.float32)
NOT_FINITE = npz(coefficients=COEFFICIENTS * np.nan, valid=np.ones(5), eye_openness=np.ones(5))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"npz": None}, "clip set/a lacks .npz"),
        ({"json": None}, "clip set/a lacks .json"),
        ({"json": b"{"}, "clip set/a cannot be read"),
        ({"json": json.dumps({"fps": 30, "teaches": []}).encode()}, "at 30 fps; tracks must be at 25"),
        ({"json": json.dumps({"fps": 25}).encode()}, "lacks the column teaches"),
        ({"npz": npz(coefficients=COEFFICIENTS, valid=np.ones(5))}, "lacks the column eye_openness"),
        (
            {"npz": npz(coefficients=COEFFICIENTS * np.nan, valid=np.ones(5), eye_openness=np.ones(5))},
            "cannot be read",
        ),
        ({"npz": b"PK nothing"}, "clip set/a cannot be read"),
        ({"flac": flac(8_000)}, "sound at 8000 Hz"),
        ({"flac": b"fLaC"}, "clip set/a cannot be read"),
        ({"flac": None}, "clip set/a is for training lips but lacks .flac"),
    ],
)
def test_bad_clips_are_named(tmp_path: Path, changed: dict[str, bytes | None], message: str) -> None:
    path = tmp_path / "bad.tar"
    contents = members(clip_of("set/a"), tmp_path) | changed
    write_tar(path, [(f"set/a.{kind}", content) for kind, content in contents.items() if content is not None])
    with pytest.raises(ShardError, match=f"bad.tar.*{message}"):
        list(read_shard(path))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:6000]), "is cut off or not a tar file"),
        (lambda path: path.write_bytes(b"no tar" * 200), "is cut off or not a tar file"),
        (lambda path: path.write_bytes(b""), "is cut off or not a tar file"),
        (lambda path: path.write_bytes(b"PK"), "is cut off or not a tar file"),
        (lambda path: tarfile.open(path, "w").close(), "holds no clip"),
        (lambda path: path.unlink(), "holds no .tar shards"),
    ],
)
def test_bad_shards_are_named(tmp_path: Path, spoil: Callable[[Path], object], message: str) -> None:
    (path,) = write_shards(tmp_path, "set", [clip_of("set/a"), clip_of("set/b", 1)])
    spoil(path)
    with pytest.raises(ShardError, match=message):
        list(read_shards(tmp_path))


@pytest.mark.parametrize("clips", [1, 3])
def test_a_shard_cut_off_anywhere_is_noticed(tmp_path: Path, clips: int) -> None:
    """Between two clips, between the members of one, and within each."""
    (path,) = write_shards(tmp_path, "set", [clip_of(f"set/{index}", index) for index in range(clips)])
    whole = path.read_bytes()
    with tarfile.open(path) as shard:
        starts = [member.offset for member in shard.getmembers()]
        end = shard.offset
    for cut in sorted({*starts, *(start + 700 for start in starts), end - 512, end, end + 512}):
        path.write_bytes(whole[:cut])
        with pytest.raises(ShardError, match="set-000000.tar is cut off"):
            list(read_shard(path))
    path.write_bytes(whole[: end + 1024])
    assert len(list(read_shard(path))) == clips


def test_clips_of_one_name_are_refused(tmp_path: Path) -> None:
    """A dot and an underscore are the same in a shard; one such file made elsewhere is not read as one clip."""
    first, second = clip_of("set/take.2"), clip_of("set/take_2", 1)
    with pytest.raises(ShardError, match=r"two clips would be set/take_2 in .*set.tar; rename one"):
        write_shard(Address(str(tmp_path / "written" / "set.tar")), [first, second])
    assert not list((tmp_path / "written").iterdir())
    path = tmp_path / "twice.tar"
    files = [(kind, content) for clip in (first, second) for kind, content in members(clip, tmp_path).items()]
    write_tar(path, [(f"set/take_2.{kind}", content) for kind, content in files])
    with pytest.raises(ShardError, match=r"twice.tar, clip set/take_2 holds .json twice"):
        list(read_shard(path))


@pytest.mark.parametrize(
    ("files", "arguments", "message"),
    [
        (["a/x.mp4", "b/"], ["a", "b"], "b holds no video"),
        (["a/x.mp4"], ["a", "nowhere"], "nowhere holds no video"),
        (["a/one/x.mp4", "b/one/x.mp4"], ["a/one", "b/one"], "two folders are called one"),
        (["a/x.1.mp4", "a/x_1.mp4"], ["a"], r"x.1.mp4 and .*x_1.mp4 would both be called x_1; rename one"),
        (["a/x.mp4"], ["a", "--lips-only", "b"], "b is not one of the sources a"),
        (["a/x.mp4"], ["a", "--without-sound", "b", "a"], "b is not one of the sources a"),
    ],
)
def test_bad_folders_are_named_before_anything_is_tracked(
    tmp_path: Path, files: list[str], arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        track_videos.main([*arguments, "--weights", "no weights are needed", "--output", "tracks"])


def test_tally() -> None:
    tally = Tally("clips")
    for _ in range(3):
        tally.keep()
    tally.remark("without sound", "y")
    for name in "abc":
        tally.leave_out("too short", name)
    assert str(tally).split("\n") == [
        "      6 clips read", "      3 kept", "      1 of these: without sound (y)",
        "      3 left out: too short (a, ...)",
    ]  # fmt: skip


@pytest.mark.parametrize("sound", ["beside", "tree"])
def test_voxceleb_folders_are_understood(tmp_path: Path, sound: str) -> None:
    video = tmp_path / "vox" / "mp4" / "id00017" / "5MkXgwdrmJw" / "00003.mp4"
    video.parent.mkdir(parents=True)
    video.touch()
    beside = video.with_suffix(".m4a")
    other = tmp_path / "vox" / "aac" / "id00017" / "5MkXgwdrmJw" / "00003.m4a"
    place = beside if sound == "beside" else other
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    (found,) = list_videos(Address(str(tmp_path / "vox")))
    assert (tmp_path / "vox" / found.path, tmp_path / "vox" / found.sound) == (video, place)
    assert (found.name, found.speaker) == ("id00017/5MkXgwdrmJw/00003", "id00017")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_videos_become_shards(
    tmp_path: Path, face_model: FaceModel, renderer: FaceRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    """VoxCeleb2's layout, sound apart, beside what cannot be used: a mute clip, no face, no video at all."""
    photo = Path(__file__).parents[2] / "dirfa_pipeline" / "examples" / "astronaut.jpg"
    prepared = renderer.prepare(Portrait.from_image(photo, face_model, max_size=384))
    motion = Animation.from_curves(50, jawOpen=0.25 - 0.25 * np.cos(np.arange(50)))
    talk, mute = tmp_path / "talk.mp4", tmp_path / "mute"
    write_video(str(talk), iter(renderer.render(prepared, motion.coefficients)), 25, speech(2.0), preset="fast")
    people = tmp_path / "vox" / "id00017" / "abc"
    people.mkdir(parents=True)
    mute.mkdir()
    for picture, sound in ((people / "00001.mp4", people / "00001.m4a"), (mute / "mute.mp4", None)):
        subprocess.run(["ffmpeg", "-v", "error", "-i", talk, "-an", "-c:v", "copy", picture], check=True)
        if sound:
            subprocess.run(["ffmpeg", "-v", "error", "-i", talk, "-vn", "-c:a", "copy", sound], check=True)
    write_media(mute / "grey.mp4", None, pictures=20)
    (mute / "text.mp4").write_text("not a video")
    (mute / "cut.mp4").write_bytes(talk.read_bytes()[: talk.stat().st_size // 10])  # in the middle of the first frame
    folders = [str(tmp_path / "vox"), str(mute)]
    with caplog.at_level("INFO"):
        track_videos.main([*folders, "--weights", str(WEIGHTS), "--output", str(tmp_path / "tracks"), "--report"])
    for line in (
        "5 clips read", "2 kept", "1 of these: without sound, teaches no lips (mute/mute)",
        "2 left out: not a readable video (mute/cut, ...)", "1 left out: hardly a face in it (mute/grey)",
    ):  # fmt: skip
        assert line in caplog.text
    silent, spoken = read_shards(tmp_path / "tracks")
    assert (silent.name, silent.teaches, silent.audio) == ("mute/mute", ("motion",), None)
    assert (spoken.name, spoken.speaker, spoken.teaches) == ("vox/id00017/abc/00001", "id00017", ("lips", "motion"))
    assert spoken.audio is not None
    assert len(spoken.audio) / 16_000 == pytest.approx(2.0, abs=0.1)
    shutil.rmtree(tmp_path / "vox")
    (mute / "mute.mp4").unlink()
    with pytest.raises(InputError, match="no clip of .*mute could be tracked"):
        track_videos.main([str(mute), "--weights", str(WEIGHTS), "--output", str(tmp_path / "none")])
