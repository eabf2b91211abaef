"""
Score gates for the closures on the development split: recordings that nothing reported here is measured on.

    python benchmarks/tune_closure_gate.py --data DATA --weights weights/dirfa-base

For each pair of closure probabilities (where the lips begin to shut, where they are shut) prints how often they close
at p, b, m, how often at random times, and the deviation of the opening; for accented readers (test speakers of
speechocean762 that `evaluate_audio_encoder.py` leaves out), GRID's validation clips and the validation clips in the
wild. `closure_low` and `closure_high` of the sampler's configuration are the row that is best over all three.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from evaluate_audio_encoder import read_speech
from transformers import Wav2Vec2Model

from dirfa_pipeline.audio import load_audio
from dirfa_pipeline.evaluation.phones import find_phones
from dirfa_pipeline.metrics import closure_recall
from dirfa_pipeline.models.animation_sampler import AnimationSampler
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.training.held_out import GRID_VALIDATION_CLIPS, VALIDATION_CLIPS
from dirfa_pipeline.training.prepare_speech import grid_text, read_table, recognise
from dirfa_pipeline.training.train_animation_sampler import lip_opening


GATES = ((0.1, 0.3), (0.2, 0.4), (0.25, 0.5), (0.3, 0.55), (0.4, 0.65))
SECONDS = 30


def development_clips(data: Path) -> Iterator[tuple[str, Path, str]]:
    """Name of the set, file and text, empty where only pocketsphinx can tell."""
    folder = data / "speech" / "speechocean762"
    rows = [row for row in read_table(folder / "metadata.tsv") if row["split"] == "test"][12::60]
    for row in rows:
        yield "accented", folder / row["file"], row["text"]
    for path in sorted((data / "video" / "grid_s1").glob("*.mp4"))[-GRID_VALIDATION_CLIPS::2]:
        yield "grid", path, grid_text(path)
    for path in sorted((data / "video" / "in_the_wild").iterdir()):
        if path.stem in VALIDATION_CLIPS:
            yield "wild", path, ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    encoder = Wav2Vec2Model.from_pretrained(options.weights / "audio_encoder", dtype=torch.float32).eval()
    sampler = AnimationSampler.from_pretrained(options.weights / "animation_sampler").eval()
    opening = lip_opening(FaceModel.from_pretrained(options.weights / "face_model"))
    lexicon = options.data / "speech" / "speechocean762" / "lexicon.txt"

    clips = []
    for name, path, text in development_clips(options.data):
        waveform = load_audio(path).mono(16_000)[: SECONDS * 16_000]
        phones = find_phones(waveform, text or recognise((waveform * 32767).astype(np.int16)), lexicon)
        if phones:
            clips.append((name, torch.from_numpy(read_speech(waveform, encoder, sampler))[None], phones))
    for low, high in GATES:
        sampler.register_to_config(closure_low=low, closure_high=high)
        rows: dict[str, list[tuple[float, float, float]]] = {}
        for name, speech, phones in clips:
            with torch.no_grad():
                aperture = (sampler.lips(speech)[0] @ opening).clamp_min(0.0).numpy()
            rows.setdefault(name, []).append((*closure_recall(aperture, 25.0, phones), float(aperture.std())))
        print(f"{low:.2f} to {high:.2f}", end="")
        for name, values in rows.items():
            recall, chance, spread = np.nanmean(values, axis=0)
            print(f"   {name}: closed {recall:.2f}, at random {chance:.2f}, deviation {spread:.3f}", end="")
        print()


if __name__ == "__main__":
    main()
