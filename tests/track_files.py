"""Shards of tracked clips, as tests need them."""

from collections.abc import Sequence
from pathlib import Path

from dirfa_pipeline.training.motion_data import TrackedClip
from dirfa_pipeline.training.track_shards import write_shard
from dirfa_pipeline.workers.addresses import Address


def write_shards(folder: Path, source: str, clips: Sequence[TrackedClip], each: int = 200) -> list[Path]:
    """Write clips as `source-000000.tar` and so on, `each` in a file."""
    paths = [folder / f"{source}-{index:06d}.tar" for index in range(-(-len(clips) // each))]
    for index, path in enumerate(paths):
        write_shard(Address(str(path)), clips[index * each : (index + 1) * each])
    return paths
