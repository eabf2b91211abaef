"""
Streams clips from shards that do not fit into memory: each once per epoch, over all processes and their readers.

In an epoch, the shards are put into a random order, and so are the clips within each shard. The resulting sequence is
cut into as many pieces as there are readers, so that every clip is used exactly once; two readers open a shard that
lies across a cut. Each reader goes on to the next epoch by itself. Its output depends only on the seed and the number
of earlier batches, so a resumed run needs to know nothing but its step.
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
    """A row of the table of clips that were kept, and the clip's index in its shard."""

    name: str
    speaker: str
    shard: str
    index: int
    frames: int
    valid_frames: int
    teaches: tuple[str, ...]


@dataclass(frozen=True)
class ShardPart:
    """A shard, and a selection of its clips."""

    place: Address
    clips: tuple[int, ...]


@dataclass(frozen=True)
class Readers:
    """
    The readers of a stream.

    Args:
        rank, processes (`int`): The number of this training process, and how many there are.
        workers (`int`): Reading processes of each training process; with 0, it reads by itself.
    """

    rank: int = 0
    processes: int = 1
    workers: int = 0


def read_table(folder: Address) -> list[ClipRow]:
    """
    List the clips that were kept in a folder of shards.

    Raises:
        InputError: The folder has no table of clips.
    """
    content = (folder / TABLE).read()
    if content is None:
        raise InputError(f"{folder} holds no {TABLE}; to stream shards, first finish making them with prepare")
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
    Endless batches of tensors by name.

    Args:
        parts: The clips to train on.
        make: Turns a clip into tensors whose shapes are always the same; its second argument is a random generator.
        batch (`int`): Clips in a batch.
        readers ([`Readers`]): The readers.
        seed (`int`): Seeds the order and the generators.

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
        """A description of what the order of the samples depends on, apart from the seed."""
        return (
            f"{self.clips} clips of {len(self.parts)} shards, {self.batch} a batch, by {self.readers.processes} "
            f"processes with {self.readers.workers} readers each"
        )

    def after(self, batches: int) -> Iterator[Sample]:
        """The batches of this process, read by its workers, after skipping the first `batches`."""
        stream = copy.copy(self)
        stream.begin = batches
        return iter(DataLoader(stream, batch_size=None, num_workers=self.readers.workers))

    def __iter__(self) -> Iterator[Sample]:
        info, workers = get_worker_info(), max(1, self.readers.workers)
        # The loader always begins with its first worker, so workers are numbered from the one whose turn it is.
        worker = (self.begin + (0 if info is None else info.id)) % workers
        before = (self.begin - worker + workers - 1) // workers * self.batch
        samples = self._samples(self.readers.rank * workers + worker, self.readers.processes * workers, before)
        while True:
            rows = [next(samples) for _ in range(self.batch)]
            yield {name: torch.stack([row[name] for row in rows]) for name in rows[0]}

    def places(self, reader: int, readers: int, before: int = 0) -> Iterator[tuple[int, int, int, int]]:
        """Endless epochs, positions in the epoch, shards and clips of a reader's samples, from sample `before` on."""
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
                if slot not in shuffled:  # keep only the current shard's order, as positions never go back
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
        """A random permutation that depends on the seed and `numbers`."""
        generator = torch.Generator().manual_seed(_mix(self.seed, *numbers))
        return torch.randperm(length, generator=generator).tolist()


def _mix(*numbers: int) -> int:
    seed = 0
    for number in numbers:
        seed = (seed * PRIME + number + 1) % 2**62
    return seed
