"""
Train the large configuration for a few steps: an encoder of wav2vec2-base's size, a sampler of 100 million weights.

    python benchmarks/measure_large.py DATA/video/grid_s1 --work WORK --record

This runs the same commands as for a million clips, with tiny batches and few steps: it trains the encoder (with and
without gradient checkpointing), prepares clips with its features, and trains the sampler on their shards. Nothing is
learned in so few steps, but memory, pace and the whole workflow are real. The encoder's labels are random, because
their quality is not measured here.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from measure_scale import RATE, make_tree
from results import add_option, record
from safetensors import safe_open

from dirfa_pipeline.bundled import bundled_weights
from dirfa_pipeline.models.speech_head import VISEME_NAMES
from dirfa_pipeline.training.corpus_file import save_corpus
from dirfa_pipeline.training.utterance import Utterance


HIDDEN, LAYERS = 768, 12  # wav2vec2-base's
CLIPS, FRAMES = 26, 75  # clips of two people, of whom the first is for validation; frames of each clip
BATCH, SECONDS = 2, 4.0  # crops in a batch of the encoder, and their length
STEPS: Final = 3


def write_corpus(clips: list[Path], path: Path) -> None:
    """Write a corpus of the sound of some clips, with random visemes."""
    rng, utterances = np.random.default_rng(0), []
    for clip in clips:
        convert = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        with av.open(str(clip)) as read:
            samples = np.concatenate(
                [part.to_ndarray()[0] for block in read.decode(audio=0) for part in convert.resample(block)]
            )
        ends = np.arange(0.1, len(samples) / RATE, 0.1)
        segments = [(int(rng.integers(len(VISEME_NAMES))), float(end - 0.1), float(end)) for end in ends]
        utterances.append(Utterance(samples, segments, "somebody"))
    save_corpus(utterances, path)


def run(name: str, module: str, *words: str) -> dict[str, Any]:
    """Run a training command; returns its peak memory, its seconds and the last pace that it logged."""
    began, command = time.monotonic(), [sys.executable, "-m", f"dirfa_pipeline.training.{module}", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(told[-3000:])
    steps = [line.partition(" ")[2] for line in told.splitlines() if re.search(r" step \d+ .* a second", line)]
    found = {
        "name": name, "peak_mib": round(used.ru_maxrss / 1024), "wall_seconds": round(time.monotonic() - began),
        "core_seconds": round(used.ru_utime + used.ru_stime), "steps": steps,
    }  # fmt: skip
    print(json.dumps(found, indent=1), flush=True)
    return found


def weights_of(path: Path, prefix: str = "") -> int:
    """The number of weights in a file of tensors."""
    with safe_open(path, "pt") as tensors:
        names = [name for name in tensors.keys() if name.startswith(prefix)]  # noqa: SIM118
        return sum(int(np.prod(tensors.get_slice(name).get_shape())) for name in names)


def train_encoder(work: Path, checkpointing: bool) -> dict[str, Any]:
    """Train a new encoder for a few steps."""
    name = f"encoder{'-checkpointed' if checkpointing else ''}"
    words = ["--corpus", str(work / "corpus"), "--run", str(work / name), "--output", str(work / "weights")]
    words += ["--steps", str(STEPS), "--batch", str(BATCH), "--seconds", str(SECONDS), "--validate-every", "0"]
    words += ["--hidden", str(HIDDEN), "--layers", str(LAYERS), "--mixed-precision", "bf16"]
    shutil.rmtree(work / name, ignore_errors=True)
    return run(name, "train_audio_encoder", *words, *(["--gradient-checkpointing"] if checkpointing else []))


def train_sampler(work: Path) -> dict[str, Any]:
    """Train lips and motion on shards for a few steps."""
    paths = {"tracks": work / "shards", "weights": work / "weights", "run": work / "run", "output": work / "sampler"}
    paths["speech-head"] = work / "encoder" / "speech_head.safetensors"
    words = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
    words += ["--size", "large", "--stream", "--readers", "1", "--held", "4", "--mixed-precision", "bf16"]
    words += ["--lip-steps", str(STEPS), "--motion-steps", str(STEPS), "--log-every", "1"]
    shutil.rmtree(paths["run"], ignore_errors=True)
    return run("sampler", "train_animation_sampler", *words)


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="folder of clips of people talking, with sound")
    parser.add_argument("--work", type=Path, required=True, help="folder for the output")
    add_option(parser, "large")
    options = parser.parse_args()
    work: Path = options.work
    (work / "corpus").mkdir(parents=True, exist_ok=True)
    sources = sorted(path for path in options.clips.iterdir() if path.suffix in (".mp4", ".mpg"))
    write_corpus(sources[:10], work / "corpus" / "clips.npz")
    found = [train_encoder(work, True), train_encoder(work, False)]
    shutil.copytree(bundled_weights() / "face_model", work / "weights" / "face_model", dirs_exist_ok=True)
    tree = make_tree(sources, work, CLIPS, FRAMES)
    words = [str(tree), "--source", "vox2", "--output", str(work / "shards"), "--workers", "1", "--speech-features"]
    found.append(run("prepare", "prepare", *words, "--weights", str(work / "weights")))
    found.append(train_sampler(work))
    values = {f"{one['name']}.{key}": one[key] for one in found for key in ("peak_mib", "core_seconds")}
    values |= {f"{one['name']}.peak_gib": one["peak_mib"] / 1024 for one in found}
    values["encoder.weights"] = weights_of(work / "weights" / "audio_encoder" / "model.safetensors")
    values["sampler.weights"] = weights_of(work / "sampler" / "diffusion_pytorch_model.safetensors")
    print(json.dumps(values, indent=1))
    record(options.record, values, work / "weights")


if __name__ == "__main__":
    main()
