"""
Evaluate the audio encoder on recorded speech that it was not trained on.

    python benchmarks/evaluate_audio_encoder.py --data DATA --weights weights/dirfa-base [--record]

Prints, for each set and noise level: frame accuracy over visemes; recall and precision of p, b, m within 40 ms, for
several gates on the closure output averaged over 80 ms ("raw" is without averaging); and recall of silence. Then, for
clean sound of all sets, it prints how the classes that matter for the lips are confused. The sets are `native` (two
LibriSpeech speakers and one LibriVox reader), `l2` (a sample of the test speakers of speechocean762) and `grid` (six
other GRID speakers). The labels come from pocketsphinx and include its errors: two labellers agree on about .83 of
native frames.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from results import add_option, record
from transformers import Wav2Vec2Model

from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.evaluation.clip_list import grid_sentence
from dirfa_pipeline.media.audio import encoder_windows, num_frames, pad_for_encoder
from dirfa_pipeline.models.animation_sampler import AnimationSampler
from dirfa_pipeline.models.speech_head import VISEME_NAMES
from dirfa_pipeline.training.augment import add_noise, coloured_noise
from dirfa_pipeline.training.recordings import HELD_OUT_LIBRISPEECH, Recording, read_table
from dirfa_pipeline.training.speech_alignment import align_recording
from dirfa_pipeline.training.speech_corpus import frame_labels
from dirfa_pipeline.training.utterance import Utterance


GATES = (0.15, 0.2, 0.25, 0.3, 0.5)
TOLERANCE = 2  # features of 20 ms
CLOSURE_FEATURES = 4  # features to average over: about the length of p, b, m
LIP_CLASSES = {
    "silence": ("silence",),
    "p b m": ("closure",),
    "f v": ("labiodental",),
    "rounded": ("round_close", "round_mid", "round_open"),
    "open": ("open", "open_front"),
    "spread": ("close_front", "near_close", "mid_front"),
}
READ_AS = (*LIP_CLASSES, "other")
CONDITIONS = {"clean": None, "noisy": 10.0}  # signal-to-noise ratios in dB


def held_out_recordings(data: Path) -> Iterator[tuple[str, Recording]]:
    """Yield the name of a set and a recording of it."""
    speech = data / "speech"
    for row in read_table(speech / "librispeech" / "metadata.tsv"):
        if row["speaker"] in HELD_OUT_LIBRISPEECH and row["text"]:
            yield "native", Recording(speech / "librispeech" / row["file"], row["text"], row["speaker"])
    for path in sorted((speech / "samples").glob("sense*.txt")):
        yield "native", Recording(path.with_suffix(".flac"), path.read_text(), "librivox")
    rows = [r for r in read_table(speech / "speechocean762" / "metadata.tsv") if r["split"] == "test"]
    for row in rows[::25]:
        yield "l2", Recording(speech / "speechocean762" / row["file"], row["text"], row["speaker"])
    for path in sorted((data / "video" / "grid_others").glob("??????.mp4")):
        yield "grid", Recording(path, grid_sentence(path.stem), path.stem)


@torch.no_grad()
def read_speech(samples: np.ndarray, encoder: Wav2Vec2Model, sampler: AnimationSampler) -> np.ndarray:
    """Posteriors `(features, visemes + 1)` of a float waveform at 16 kHz."""
    frames = num_frames(len(samples), 16_000, ANIMATION_FPS)
    padded = torch.from_numpy(pad_for_encoder(samples.astype(np.float32), frames))
    features = [encoder(padded[w.samples][None]).last_hidden_state[0, w.keep] for w in encoder_windows(2 * frames)]
    return sampler.speech(torch.cat(features)[None])[0].numpy()


def closure_events(active: np.ndarray) -> list[tuple[int, int]]:
    """Runs of consecutive true features as (first, last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(int), [0]])))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def count_matches(events: list[tuple[int, int]], others: list[tuple[int, int]]) -> int:
    """Count the events that overlap another event within the tolerance."""
    return sum(any(a - TOLERANCE <= d and c <= b + TOLERANCE for c, d in others) for a, b in events)


@dataclass(frozen=True)
class Reading:
    """The encoder's output for an utterance, `(features, visemes + 1)`, with the labels and the closure target."""

    speech: np.ndarray
    labels: np.ndarray
    closure: np.ndarray


def read_utterances(
    utterances: list[Utterance], encoder: Wav2Vec2Model, sampler: AnimationSampler, snr: float | None
) -> list[Reading]:
    """Process one set, with added noise if a signal-to-noise ratio in dB is given."""
    generator = torch.Generator().manual_seed(0)
    readings = []
    for utterance in utterances:
        clean = torch.from_numpy(utterance.samples.astype(np.float32) / 32768)[None]
        wave = clean if snr is None else add_noise(clean, coloured_noise(clean, generator), torch.tensor([snr]))
        speech = read_speech(wave[0].numpy(), encoder, sampler)[: len(clean[0]) // 320]
        classes = np.array([s[0] for s in utterance.segments], np.int8)
        times = np.array([s[1:] for s in utterance.segments], np.float32)
        labels, closure = frame_labels(classes, times, (np.arange(len(speech)) + 0.5) * 0.02)
        readings.append(Reading(speech, labels, closure))
    return readings


def score(readings: list[Reading]) -> dict[str, float]:
    """All scores of one set."""
    labels = np.concatenate([reading.labels for reading in readings])
    guesses = np.concatenate([reading.speech[:, :-1].argmax(1) for reading in readings])
    scores = {
        "accuracy": float((guesses == labels).mean()), "silence": float((guesses == 0)[labels == 0].mean())
    }  # fmt: skip
    for gate in GATES:
        recall, precision = score_closures(readings, gate, CLOSURE_FEATURES)
        scores |= {f"recall@{gate}": recall, f"precision@{gate}": precision}
    scores["raw_recall@0.3"], scores["raw_precision@0.3"] = score_closures(readings, 0.3, 1)
    return scores


def score_closures(readings: list[Reading], gate: float, features: int) -> tuple[float, float]:
    """Recall and precision of p, b, m where the mean over `features` features passes a gate."""
    hits = np.zeros(4, int)
    for reading in readings:
        mean = np.convolve(reading.speech[:, -1], np.full(features, 1.0 / features), mode="same")
        real, found = closure_events(reading.closure >= 1.0), closure_events(mean > gate)
        hits += [count_matches(real, found), len(real), count_matches(found, real), len(found)]
    return hits[0] / max(hits[1], 1), hits[2] / max(hits[3], 1)


def confusions(readings: list[Reading]) -> dict[str, np.ndarray]:
    """Shares of the frames of each class that matters for the lips that are read as each class, and as others."""
    groups = np.full(len(VISEME_NAMES), len(LIP_CLASSES))
    for index, members in enumerate(LIP_CLASSES.values()):
        groups[[VISEME_NAMES.index(name) for name in members]] = index
    labels = groups[np.concatenate([reading.labels for reading in readings])]
    guesses = groups[np.concatenate([reading.speech[:, :-1].argmax(1) for reading in readings])]
    return {
        name: np.bincount(guesses[labels == index], minlength=len(READ_AS)) / max((labels == index).sum(), 1)
        for index, name in enumerate(LIP_CLASSES)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    add_option(parser, "encoder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    encoder = Wav2Vec2Model.from_pretrained(options.weights / "audio_encoder", dtype=torch.float32).eval()
    sampler = AnimationSampler.from_pretrained(options.weights / "animation_sampler")
    sets: dict[str, list[Utterance]] = {}
    lexicon = options.data / "speech" / "speechocean762" / "lexicon.txt"
    for name, recording in held_out_recordings(options.data):
        utterance = align_recording(recording, lexicon)
        if isinstance(utterance, Utterance):
            sets.setdefault(name, []).append(utterance)
        else:
            print(f"left out: {utterance.name}, {utterance.reason}")
    clean: list[Reading] = []
    found: dict[str, float] = {}
    for name, utterances in sets.items():
        found[f"{name}.utterances"] = len(utterances)
        for condition, snr in CONDITIONS.items():
            readings = read_utterances(utterances, encoder, sampler, snr)
            clean += readings if snr is None else []
            scores = score(readings)
            found |= {f"{name}.{condition}.{key}": value for key, value in scores.items()}
            print(f"{name:7s}{condition:6s} n={len(utterances):3d}  ", end="")
            print("  ".join(f"{key} {value:.2f}" for key, value in scores.items()), flush=True)
    print(" " * 9 + "".join(f"{name:>9s}" for name in READ_AS))
    for said, shares in confusions(clean).items():
        print(f"{said:9s}" + "".join(f"{share:9.2f}" for share in shares))
        found |= {f"{said} as {read}": share for read, share in zip(READ_AS, shares, strict=True)}
    record(options.record, found, options.weights)


if __name__ == "__main__":
    main()
