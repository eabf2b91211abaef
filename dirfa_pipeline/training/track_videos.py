"""
Turn folders of talking videos into shards of tracked clips on this machine, and keep the landmarks.

    python -m dirfa_pipeline.training.track_videos FOLDER... --weights weights/dirfa-base --output TRACKS

This is `prepare` with one worker. Sources named in `--lips-only` are not used to train head, eyes and brows, those
named in `--without-sound` are not used to train lips. `--report` prints the residual and the aperture correlation of
every clip. Landmarks are kept next to the tracks, so that they need not be detected again for a new FaceModel.
"""

import argparse
import logging
from pathlib import Path

from ..workers.addresses import Address
from ..workers.engines import Workers
from .prepare import CLIPS_PER_SHARD, TABLE, add_options, run
from .shard_task import read_rows


logger = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> None:
    """Track every video of the given folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--report", action="store_true", help="print residual and aperture correlation of each clip")
    parser.set_defaults(source=None, speech_features=False, clips_per_shard=CLIPS_PER_SHARD)
    options = parser.parse_args(arguments)
    options.landmarks = Path(options.output).parent / "landmarks"
    run(options, Workers(1))
    if options.report:
        _report(Address(options.output))


def _report(output: Address) -> None:
    """Print how well each clip was tracked."""
    for row in filter(lambda row: row["kept"], read_rows((output / TABLE).read() or b"")):
        quality = row["quality"]
        logger.info(
            "%s  frames %d  valid %.0f%%  lip residual %.2f%%  aperture correlation %.3f", row["clip"], row["frames"],
            100 * row["valid_frames"] / row["frames"], 100 * quality["lip_residual"], quality["aperture_correlation"],
        )  # fmt: skip


if __name__ == "__main__":
    main()
