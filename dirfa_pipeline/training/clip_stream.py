"""
Clips from shards for training that no memory holds: each once an epoch, over all processes and their readers.

An epoch is one line of clips: the shards in an order drawn for it, and the clips of each in one of its own. The line
is cut into as many pieces as there are readers, so that none is left out and none comes twice; a shard across a cut is
opened by two. Each reader goes on to the next epoch by itself. What a reader gives is thus known from the seed and the
number of batches before it: a run that goes on needs no more than its step.
"""

import copy
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, count
from typing import Final

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ..errors import InputError
from ..workers.addresses import Address
from .motion_data import TrackedClip
from .prepare import TABLE
from .shard_task import read_rows
from .track_shards import OpenShard, member_name


Sample = dict[str, Tensor]
Make = Callable[[TrackedClip, torch.Generator], Sample]

PRIME: Final = 1_000_003  # mixes numbers into a seed


@dataclass(frozen=True)
class ClipRow:
    """A kept clip as the table has it, and its place in its shard."""

    name: str
    speaker: str
    shard: str
    index: int
    frames: int
    valid_frames: int
    teaches: tuple[str, ...]


@dataclass(frozen=True)
class ShardPart:
    """A shard, and which of its clips are meant."""

    place: Address
    clips: tuple[int, ...]


@dataclass(frozen=True)
class Readers:
    """
    Who reads.

    Args:
        rank, processes (`int`): This process, and how many there are.
        workers (`int`): Reading processes of each; with none it reads by itself.
    """

    rank: int = 0
    processes: int = 1
    workers: int = 0


def read_table(folder: Address) -> list[ClipRow]:
    """
    The kept clips of a folder of shards.

    Raises:
        InputError: It has no table.
    """
    content = (folder / TABLE).read()
    if content is None:
        raise InputError(f"{folder} holds no {TABLE}; shards that are streamed are those of prepare, all done")
    rows, counts = [], dict[str, int]()
    for row in read_rows(content):
        if row["kept"]:
            index = counts.get(row["shard"], 0)
            counts[row["shard"]] = index + 1
            rows.append(
                ClipRow(
                    member_name(row["clip"]), row["speaker"], row["shard"], index, row["frames"],
                    row["valid_frames"], tuple(row["teaches"]),
                )
            )  # fmt: skip
    return rows


def shard_parts(folder: Address, rows: Sequence[ClipRow]) -> list[ShardPart]:
    """The shards that hold these clips, in the order of their names."""
    chosen: dict[str, list[int]] = {}
    for row in rows:
        chosen.setdefault(row.shard, []).append(row.index)
    return [ShardPart(folder / shard, tuple(indices)) for shard, indices in sorted(chosen.items())]


class ClipStream(IterableDataset):
    """
    Batches without end, of tensors by name.

    Args:
        parts: The clips to train on.
        make: Turns a clip into tensors of always the same shapes, with a generator for what is drawn about it.
        batch (`int`): Clips a batch.
        readers ([`Readers`]): Who reads.
        seed (`int`): Of the order and of what is drawn.

    Raises:
        InputError: There are more readers than clips.
    """

    def __init__(self, parts: Sequence[ShardPart], make: Make, batch: int, readers: Readers, seed: int = 0) -> None:
        self.parts, self.make, self.batch, self.readers = list(parts), make, batch, readers
        self.seed, self.begin = seed, 0
        self.clips = sum(len(part.clips) for part in self.parts)
        wanted = readers.processes * max(1, readers.workers)
        if self.clips < wanted:
            raise InputError(f"{self.clips} clips cannot be divided among {wanted} readers; use fewer workers")

    @property
    def signature(self) -> str:
        """What the order of the samples depends on, apart from the seed."""
        return (
            f"{self.clips} clips of {len(self.parts)} shards, {self.batch} a batch, by {self.readers.processes} "
            f"processes with {self.readers.workers} readers each"
        )

    def after(self, batches: int) -> Iterator[Sample]:
        """The batches of this process, read by its workers, after those that it has had before."""
        stream = copy.copy(self)
        stream.begin = batches
        return iter(DataLoader(stream, batch_size=None, num_workers=self.readers.workers))

    def __iter__(self) -> Iterator[Sample]:
        info, workers = get_worker_info(), max(1, self.readers.workers)
        # The loader asks its workers in turn, beginning with the first: they take over where those before stopped.
        worker = (self.begin + (0 if info is None else info.id)) % workers
        before = (self.begin - worker + workers - 1) // workers * self.batch
        samples = self._samples(self.readers.rank * workers + worker, self.readers.processes * workers, before)
        while True:
            rows = [next(samples) for _ in range(self.batch)]
            yield {name: torch.stack([row[name] for row in rows]) for name in rows[0]}

    def places(self, reader: int, readers: int, before: int = 0) -> Iterator[tuple[int, int, int, int]]:
        """Epoch, place in its line, shard and clip of a reader's samples, without end, from sample `before` on."""
        first, last = self.clips * reader // readers, self.clips * (reader + 1) // readers
        begun, skipped = divmod(before, last - first)
        for epoch in count(begun):
            order = self._draw(len(self.parts), epoch)
            ends = list(accumulate(len(self.parts[index].clips) for index in order))
            start = first + (skipped if epoch == begun else 0)
            shuffled: dict[int, list[int]] = {}
            for place in range(start, last):
                slot = bisect_right(ends, place)
                part = self.parts[order[slot]]
                if slot not in shuffled:  # only the present shard's: a place never goes back
                    shuffled = {slot: self._draw(len(part.clips), epoch, order[slot])}
                offset = place - (ends[slot] - len(part.clips))
                yield epoch, place, order[slot], part.clips[shuffled[slot][offset]]

    def _samples(self, reader: int, readers: int, before: int) -> Iterator[Sample]:
        opened: tuple[int, OpenShard] | None = None
        for epoch, place, shard, clip in self.places(reader, readers, before):
            if opened is None or opened[0] != shard:
                opened = shard, OpenShard(self.parts[shard].place)
            generator = torch.Generator().manual_seed(_mix(self.seed, epoch, place))
            yield self.make(opened[1][clip], generator)

    def _draw(self, length: int, *numbers: int) -> list[int]:
        """A permutation that depends on the seed and these numbers."""
        generator = torch.Generator().manual_seed(_mix(self.seed, *numbers))
        return torch.randperm(length, generator=generator).tolist()


def _mix(*numbers: int) -> int:
    seed = 0
    for number in numbers:
        seed = (seed * PRIME + number + 1) % 2**62
    return seed
