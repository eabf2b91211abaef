"""
Turn talking videos into shards of animation and sound, by one worker or by thousands.

    python -m dirfa_pipeline.training.prepare --source vox2 VOX --output SHARDS [--workers 8 | --address auto]

A folder of videos, or VoxCeleb2 as it is distributed (`idNNNNN/VIDEO/CLIP.mp4`, its sound inside, in an .m4a by it
or in the same place of a tree named `aac` next to `mp4`), becomes a source of its own name. Folders and the output may
be at any address that fsspec reaches. The work is divided by shards, 200 clips each, in the order of their names, so
that the bytes do not depend on who does it; with `--address` Ray Data spreads them over a cluster, else they go to
processes of this machine.

A second run does what the first has not finished. `SHARDS/clips.jsonl` then has exactly one row a clip: kept, with its
shard, or left out, with the reason.
"""

import argparse
import hashlib
import logging
import os
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
    """Some shards could not be written; the message says how many, why, and that a second run goes on."""


def prepare(
    sources: Sequence[Source], settings: Settings, workers: Workers, clips_per_shard: int = CLIPS_PER_SHARD
) -> Tally:
    """
    Make all shards that are not there yet, and the table of all clips.

    Args:
        sources: What to prepare.
        settings ([`Settings`]): Where and how.
        workers ([`Workers`]): Who does it.
        clips_per_shard (`int`): How the work is divided; the same for all runs into one output.

    Raises:
        UnfinishedError: A shard could not be written.
    """
    tasks = list(plan(sources, settings, clips_per_shard))
    parts = {file.path for file in (settings.output / PARTS).list()}
    todo = [task for task in tasks if task.part not in parts]
    if len(todo) < len(tasks):
        logger.info("%d of %d shards are there already", len(tasks) - len(todo), len(tasks))
    costs: Counter[str] = Counter()
    failures: list[Done] = []
    for done in _with_progress(workers.map(partial(ShardMaker, settings), todo) if todo else iter(()), todo):
        costs.update(done.costs)
        if done.failure:
            failures.append(done)
    if failures:
        clips = sum(len(done.task.videos) for done in failures)
        raise UnfinishedError(
            f"{clips} clips of {len(failures)} among {len(tasks)} shards are not done ({failures[0].failure}); the "
            "others are: see to it and run the same command again"
        )
    _remove_old(sources, tasks, settings.output)
    tally = write_table(tasks, settings.output)
    for stage, seconds in costs.items():
        logger.info("%9.2f core seconds of %s", seconds, stage)
    return tally


def plan(sources: Iterable[Source], settings: Settings, clips_per_shard: int) -> Iterator[ShardTask]:
    """The shards of all sources, each of as many clips in the order of their names."""
    for source in sources:
        for index, start in enumerate(range(0, len(source.videos), clips_per_shard)):
            yield ShardTask.of(source, index, source.videos[start : start + clips_per_shard], settings)


def _with_progress(results: Iterator[Done], todo: Sequence[ShardTask]) -> Iterator[Done]:
    """Show clips done and the time that is left, if somebody looks."""
    with tqdm(total=sum(len(task.videos) for task in todo), unit="clip", disable=None) as bar:
        for done in results:
            bar.update(len(done.task.videos))
            yield done


def _remove_old(sources: Iterable[Source], tasks: Iterable[ShardTask], output: Address) -> None:
    """What earlier runs left of these sources, with other clips or settings, and what was killed half-written."""
    names = {source.name for source in sources}
    current = {name for task in tasks for name in (task.shard, f"{PARTS}/{task.part}")}
    for file in list(output.list()):
        folder, _, name = file.path.rpartition("/")
        ours = folder in ("", PARTS, ATTEMPTS) and name.rpartition("-")[0] in names and file.path not in current
        if ours or (folder in ("", PARTS, ATTEMPTS) and UNFINISHED.fullmatch(name)):
            (output / file.path).remove()


def write_table(tasks: Iterable[ShardTask], output: Address) -> Tally:
    """Join the parts into one table with a row for each clip, and count its rows."""
    tally = Tally("clips")
    with (output / TABLE).whole() as path, open(path, "wb") as table:
        for task in tasks:
            content = (output / PARTS / task.part).read()
            if content is None:
                raise UnfinishedError(f"the part {task.part} of {output} has gone; run the same command again")
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
    """Add what [`track_videos`] takes, too."""
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="folder or address; its name is the source's")
    parser.add_argument("--weights", type=Path, help="a pipeline's folder; the bundled one if left out")
    parser.add_argument("--output", required=True, help="folder or address for the shards")
    parser.add_argument("--lips-only", nargs="*", default=[], metavar="SOURCE", help="these hold their heads still")
    parser.add_argument(
        "--without-sound", nargs="*", default=[], metavar="SOURCE", help="the sound of these is not their own"
    )


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--source", choices=KINDS, help="what the folders are; told from their files if left out")
    parser.add_argument("--workers", type=int, help="how many at once, of one core each (default all cores)")
    parser.add_argument("--address", help="a Ray cluster: auto, ray://HOST:PORT, or local to start one here")
    parser.add_argument("--landmarks", help="folder or address where landmarks are kept; without it they are not")
    parser.add_argument("--speech-features", action="store_true", help="store what the audio encoder hears, too")
    parser.add_argument("--clips-per-shard", type=int, default=CLIPS_PER_SHARD)
    options = parser.parse_args(arguments)
    if options.clips_per_shard < 1:
        parser.error(f"--clips-per-shard must be at least 1, got {options.clips_per_shard}")
    return options


def run(options: argparse.Namespace, workers: Workers) -> Tally:
    """Find mistakes first, then prepare; raises [`InputError`] if not one clip can be kept."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if os.path.isfile(options.output):
        raise InputError(f"--output must be a folder or an address, and {options.output} is a file")
    folders = [Address(str(folder)) for folder in options.folders]
    sources = list_sources(folders, options.source, options.lips_only, options.without_sound)
    weights = (options.weights or bundled_weights()).resolve()
    if not (weights / "face_model").is_dir():
        raise InputError(f"--weights must hold face_model, and {weights} does not; name a pipeline's folder")
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
    """A short name of the files in folders: shards made from other files are made again."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in folders for path in folder.iterdir() if path.is_file()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def main(arguments: list[str] | None = None) -> None:
    """Prepare what the command line names."""
    options = parse_arguments(arguments)
    run(options, Workers.choose(options.workers, options.address))


if __name__ == "__main__":
    main()
