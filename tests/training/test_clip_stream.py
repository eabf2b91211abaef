"""Clips from shards: each once an epoch, whoever reads; a run that goes on gets the samples that it would have got."""

import json
import tarfile
from collections import Counter
from dataclasses import replace
from itertools import islice, product, takewhile
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tiny_audio_encoder, tiny_sampler
from toy_shards import toy_clip
from track_files import write_shards

from dirfa_pipeline import FaceModel, InputError
from dirfa_pipeline.training.clip_stream import ClipStream, Readers, ShardPart, read_table, shard_parts
from dirfa_pipeline.training.motion_data import TrackedClip
from dirfa_pipeline.training.streamed_stages import StreamedClips
from dirfa_pipeline.training.track_shards import OpenShard, ShardError
from dirfa_pipeline.training.tracked_clip import mark_of
from dirfa_pipeline.workers.addresses import Address


COUNT = 23  # clips, in shards of 4: neither divides the other, nor the readers


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[ShardPart]:
    """Shards whose clips tell their number by their length, and their table."""
    folder = tmp_path_factory.mktemp("shards")
    clips = [
        TrackedClip(
            f"set/{n:02d}.x",
            np.zeros((n + 1, 58), np.float32),
            np.ones(n + 1, bool),
            np.ones(n + 1, np.float32),
            None,
            teaches=("motion",),
        )  # fmt: skip
        for n in range(COUNT)
    ]
    write_shards(folder, "set", clips, each=4)
    rows = [
        {
            "clip": clip.name, "kept": kept, "speaker": "", "shard": f"set-{n // 4:06d}.tar", "frames": n + 1,
            "valid_frames": n, "teaches": ["motion"],
        }
        for n, clip in enumerate(clips) for kept in ((True, False) if n == 5 else (True,))
    ]  # fmt: skip
    (folder / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = read_table(Address(str(folder)))
    assert [row.index for row in table] == [n % 4 for n in range(COUNT)]
    assert table[5].name == "set/05_x"
    return shard_parts(Address(str(folder)), table)


def number(clip: TrackedClip, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Which clip it is, and something drawn about it."""
    return {"clip": torch.tensor(len(clip.valid) - 1), "drawn": torch.rand(2, generator=generator)}


@pytest.mark.parametrize("readers", [1, 2, 3, 5])
def test_an_epoch_has_every_clip_once(parts: list[ShardPart], readers: int) -> None:
    stream, found = ClipStream(parts, number, 1, Readers(0, readers)), Counter[tuple[int, int, int]]()
    for reader in range(readers):
        for epoch, _, shard, clip in takewhile(lambda place: place[0] < 3, stream.places(reader, readers)):
            found[epoch, shard, clip] += 1
    assert found == Counter(product(range(3), range(5), range(4))) + Counter(product(range(3), [5], range(3)))


def test_epochs_differ_and_seeds_decide(parts: list[ShardPart]) -> None:
    def clips(seed: int, epoch: int) -> list[int]:
        stream = ClipStream(parts, number, COUNT, Readers(), seed).after(epoch)
        return next(stream)["clip"].tolist()

    assert clips(0, 0) == clips(0, 0)
    assert len({tuple(clips(seed, epoch)) for seed in range(2) for epoch in range(2)}) == 4
    assert sorted(clips(1, 1)) == list(range(COUNT))


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_stream_goes_on_in_the_middle_of_an_epoch(parts: list[ShardPart], rank: int, workers: int) -> None:
    stream = ClipStream(parts, number, 2, Readers(rank, 2, workers))
    whole = list(islice(stream.after(0), 11))
    for begin in (1, 4):
        for expected, batch in zip(whole[begin : begin + 4], stream.after(begin), strict=False):
            assert all(torch.equal(expected[name], batch[name]) for name in expected)


def test_ranks_never_share_a_clip(parts: list[ShardPart]) -> None:
    batches = [list(islice(ClipStream(parts, number, 1, Readers(rank, 2)).after(0), 11)) for rank in range(2)]
    first, second = ({int(batch["clip"]) for batch in part} for part in batches)
    assert len(first) == len(second) == 11
    assert not first & second


def test_a_shard_that_is_cut_off_or_empty_is_told(parts: list[ShardPart], tmp_path: Path) -> None:
    """Cut off between two clips, and a tar of nothing."""
    content = parts[0].place.read() or b""
    place = Address(str(tmp_path / "cut.tar"))
    place.write(content[: content.rindex(b"set/03_x.json")])
    with pytest.raises(ShardError, match=r"cut.tar is cut off or not a tar file \(its end is missing\)"):
        OpenShard(place)
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    with pytest.raises(ShardError, match=r"empty.tar holds no clip"):
        OpenShard(Address(str(tmp_path / "empty.tar")))


@pytest.mark.parametrize("what", ["short", "never valid"])
def test_clips_without_motion_count_for_nothing_and_are_told(
    what: str, face_model: FaceModel, caplog: pytest.LogCaptureFixture
) -> None:
    """Any other fault of a clip ends the run: it would be a sample of zeros that nobody hears of."""
    encoder = tiny_audio_encoder()
    clip = toy_clip("somebody", 0, encoder)
    streamed = StreamedClips({}, Readers(), 0, mark_of(encoder), tiny_sampler(), face_model)
    empty = replace(clip, valid=np.zeros_like(clip.valid))
    if what == "short":
        empty = replace(clip, coefficients=clip.coefficients[:15], valid=clip.valid[:15], features=clip.features[:30])
    for _ in range(2):
        assert not streamed._motion_sample(empty, torch.Generator())["mask"].any()
    assert caplog.text.count("toy/somebody has no motion to train on; 1 such clips") == 1
    assert streamed._motion_sample(clip, torch.Generator())["mask"].any()
    broken = replace(clip, coefficients=clip.coefficients[:, :20])
    with pytest.raises((IndexError, RuntimeError, ValueError)):
        streamed._motion_sample(broken, torch.Generator())


def test_what_cannot_be_read_is_named(parts: list[ShardPart], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="23 clips cannot be divided among 24 readers"):
        ClipStream(parts, number, 1, Readers(0, 3, 8))
    with pytest.raises(InputError, match=r"holds no clips.jsonl; to stream shards, first finish"):
        read_table(Address(str(tmp_path)))
    with pytest.raises(InputError, match=r"gone.tar does not exist any more"):
        next(ClipStream([ShardPart(Address(str(tmp_path / "gone.tar")), (0,))], number, 1, Readers()).after(0))
