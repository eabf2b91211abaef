"""
Turn talking videos into shards of tracked clips with sound, with one worker or thousands.

    python -m dirfa_pipeline.training.prepare --source vox2 VOX --output SHARDS [--workers 8 | --address auto]

Each input folder becomes a source with the folder's name. It may hold any videos, or VoxCeleb2 as it is distributed:
`idNNNNN/VIDEO/CLIP.mp4`, with the sound in the file, in an .m4a next to it, or at the same path in a tree named `aac`
next to `mp4`. Input and output may be at any address that fsspec supports. The work is divided into shards of 200
clips in the order of their names, so that the bytes do not depend on the workers. With `--address`, Ray Data spreads
the shards over a cluster; otherwise, local processes make them.

A second run finishes what the first one did not. In the end, `SHARDS/clips.jsonl` has exactly one row per clip, which
was either kept (with its shard) or left out (with the reason).
"""

import argparse
import hashlib
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from tqdm import tqdm

from ..bundled import bundled_weights, detector_folder
from ..errors import InputError
from ..media.files import UNFINISHED
from ..workers.addresses import Address
from ..workers.engines import Workers
from .shard_task import ATTEMPTS, PARTS, Done, Settings, ShardMaker, ShardTask, read_rows
from .sources import KINDS, Source, list_sources
from .tally import Tally


logger = logging.getLogger(__name__)

CLIPS_PER_SHARD: Final = 200
TABLE: Final = "clips.jsonl"


class UnfinishedError(RuntimeError):
    """Some shards could not be written; the message says how many and why. A second run continues the work."""


def prepare(
    sources: Sequence[Source], settings: Settings, workers: Workers, clips_per_shard: int = CLIPS_PER_SHARD
) -> Tally:
    """
    Make all missing shards, and the table of all clips.

    Args:
        sources: The sources to prepare.
        settings ([`Settings`]): The output and the options.
        workers ([`Workers`]): The workers.
        clips_per_shard (`int`): Clips in a shard; must be the same for all runs with the same output.

    Raises:
        UnfinishedError: A shard could not be written.
    """
    tasks = list(plan(sources, settings, clips_per_shard))
    parts = {file.path for file in (settings.output / PARTS).list()}
    todo = [task for task in tasks if task.part not in parts]
    if len(todo) < len(tasks):
        logger.info("%d of %d shards exist already", len(tasks) - len(todo), len(tasks))
    costs: Counter[str] = Counter()
    failures: list[Done] = []
    for done in _with_progress(workers.map(partial(ShardMaker, settings), todo) if todo else iter(()), todo):
        costs.update(done.costs)
        if done.failure:
            failures.append(done)
    if failures:
        clips = sum(len(done.task.videos) for done in failures)
        raise UnfinishedError(
            f"{clips} clips of {len(failures)} among {len(tasks)} shards are not done ({failures[0].failure}), all "
            "others are; solve the problem and run the same command again"
        )
    _remove_old(sources, tasks, settings.output)
    tally = write_table(tasks, settings.output)
    for stage, seconds in costs.items():
        logger.info("%9.2f core seconds of %s", seconds, stage)
    return tally


def plan(sources: Iterable[Source], settings: Settings, clips_per_shard: int) -> Iterator[ShardTask]:
    """The shards of all sources, each with `clips_per_shard` clips in the order of their names."""
    for source in sources:
        for index, start in enumerate(range(0, len(source.videos), clips_per_shard)):
            yield ShardTask.of(source, index, source.videos[start : start + clips_per_shard], settings)


def _with_progress(results: Iterator[Done], todo: Sequence[ShardTask]) -> Iterator[Done]:
    """Show finished clips and the remaining time, if the output is a terminal."""
    with tqdm(total=sum(len(task.videos) for task in todo), unit="clip", disable=None) as bar:
        for done in results:
            bar.update(len(done.task.videos))
            yield done


def _remove_old(sources: Iterable[Source], tasks: Iterable[ShardTask], output: Address) -> None:
    """Remove shards that earlier runs made of these sources with other clips or settings, and unfinished files."""
    names = {source.name for source in sources}
    current = {name for task in tasks for name in (task.shard, f"{PARTS}/{task.part}")}
    for file in list(output.list()):
        folder, _, name = file.path.rpartition("/")
        ours = folder in ("", PARTS, ATTEMPTS) and name.rpartition("-")[0] in names and file.path not in current
        if ours or (folder in ("", PARTS, ATTEMPTS) and UNFINISHED.fullmatch(name)):
            (output / file.path).remove()


def write_table(tasks: Iterable[ShardTask], output: Address) -> Tally:
    """Join the parts into one table with a row for each clip, and count the rows by outcome."""
    tally = Tally("clips")
    with (output / TABLE).whole() as path, open(path, "wb") as table:
        for task in tasks:
            content = (output / PARTS / task.part).read()
            if content is None:
                raise UnfinishedError(f"the part {task.part} of {output} is missing; run the same command again")
            table.write(content)
            for row in read_rows(content):
                if not row["kept"]:
                    tally.leave_out(row["reason"], row["clip"])
                    continue
                tally.keep()
                if row["remark"]:
                    tally.remark(row["remark"], row["clip"])
    return tally


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that are shared with [`track_videos`]."""
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="folder or address; its name is the source's")
    parser.add_argument("--weights", type=Path, help="folder of a pipeline (default: the bundled one)")
    parser.add_argument("--output", required=True, help="folder or address for the shards")
    parser.add_argument("--lips-only", nargs="*", default=[], metavar="SOURCE", help="sources without moving heads")
    parser.add_argument(
        "--without-sound", nargs="*", default=[], metavar="SOURCE", help="sources whose sound is not their own"
    )


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--source", choices=KINDS, help="kind of the folders (default: told from their files)")
    parser.add_argument("--workers", type=int, help="number of workers, one core each (default: all cores)")
    parser.add_argument("--address", help="a Ray cluster: auto, ray://HOST:PORT, or local to start one here")
    parser.add_argument("--landmarks", help="folder or address to keep landmarks in (default: not kept)")
    parser.add_argument("--speech-features", action="store_true", help="also store features of the audio encoder")
    parser.add_argument("--clips-per-shard", type=int, default=CLIPS_PER_SHARD)
    options = parser.parse_args(arguments)
    if options.clips_per_shard < 1:
        parser.error(f"--clips-per-shard must be at least 1, got {options.clips_per_shard}")
    return options


def run(options: argparse.Namespace, workers: Workers) -> Tally:
    """Check the options, then prepare; raises [`InputError`] if no clip can be kept."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if os.path.isfile(options.output):
        raise InputError(f"--output must be a folder or an address, but {options.output} is a file")
    folders = [Address(str(folder)) for folder in options.folders]
    sources = list_sources(folders, options.source, options.lips_only, options.without_sound)
    weights = (options.weights or bundled_weights()).resolve()
    if not (weights / "face_model").is_dir():
        raise InputError(f"--weights must hold face_model, but {weights} does not; name a pipeline's folder")
    landmarks = None if options.landmarks is None else Address(str(options.landmarks))
    used = ["face_model", *(["audio_encoder"] if options.speech_features else [])]
    mark = files_mark([*(weights / name for name in used), detector_folder(weights)])
    settings = Settings(Address(str(options.output)), weights, mark, landmarks, options.speech_features)
    tally = prepare(sources, settings, workers, options.clips_per_shard)
    logger.info("%s", tally)
    if not tally.kept:
        raise InputError(f"no clip of {', '.join(map(str, folders))} could be tracked; the table says why")
    return tally


def files_mark(folders: Iterable[Path]) -> str:
    """A short hash of the files in the folders; shards made from other files are made again."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in folders for path in folder.iterdir() if path.is_file()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = parse_arguments(arguments)
    run(options, Workers.choose(options.workers, options.address))


if __name__ == "__main__":
    try:
        main()
    except (InputError, UnfinishedError) as error:  # what the user can mend needs no traceback
        sys.exit(f"prepare: {error}")
