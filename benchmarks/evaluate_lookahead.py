"""
Measure what a short lookahead costs: how well a stream recognises speech that the encoder was not trained on.

    python benchmarks/evaluate_lookahead.py --data DATA --weights weights/dirfa-base [--lookahead 0.24 0.4 0.8]

Recordings, labels and tolerances are those of evaluate_audio_encoder.py, without noise and with a third of `l2`.
Prints, for complete windows and for each lookahead: frame accuracy over visemes; recall and precision of p, b, m where
the closure gate is half shut; and recall of silence.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from evaluate_audio_encoder import closure_events, count_matches, held_out_recordings
from results import add_option, record
from transformers import Wav2Vec2Model

from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.media.audio import FEATURES_PER_FRAME, WHOLE_GRID
from dirfa_pipeline.media.audio_stream import encoder_inputs, live_grid
from dirfa_pipeline.media.prosody import NUM_PROSODY
from dirfa_pipeline.models.animation_sampler import AnimationSampler
from dirfa_pipeline.models.speech_features import encoder_field, speech_features
from dirfa_pipeline.models.speech_stream import SpeechStream
from dirfa_pipeline.training.speech_alignment import align_recording
from dirfa_pipeline.training.speech_corpus import frame_labels
from dirfa_pipeline.training.utterance import Utterance


@torch.no_grad()
def read(wave: np.ndarray, encoder: Wav2Vec2Model, sampler: AnimationSampler, lookahead: float | None) -> np.ndarray:
    """Posteriors `(features, visemes + 1)` for a float waveform at 16 kHz."""
    field, final = encoder_field(encoder), []
    if lookahead is None:
        for samples, keep in encoder_inputs([wave], WHOLE_GRID, field):
            final.append(speech_features(encoder, samples, "cpu")[keep])
    else:
        stream = SpeechStream(encoder, "cpu")
        grid = live_grid(FEATURES_PER_FRAME * round(lookahead * ANIMATION_FPS), stream.past)
        for samples, keep in encoder_inputs([wave], grid, field):
            final.append(stream.push(samples, keep)[0])
    return sampler.speech(torch.cat(final)[:, :-NUM_PROSODY]).numpy()


def score(
    utterances: list[Utterance], encoder: Wav2Vec2Model, sampler: AnimationSampler, lookahead: float | None
) -> dict[str, float]:
    """All scores of one set."""
    gate = (sampler.config.closure_low + sampler.config.closure_high) / 2
    right = total = silent = heard_silent = 0
    events = np.zeros(4, int)
    for utterance in utterances:
        wave = utterance.samples.astype(np.float32) / 32768
        speech = read(wave, encoder, sampler, lookahead)
        classes = np.array([segment[0] for segment in utterance.segments], np.int8)
        times = np.array([segment[1:] for segment in utterance.segments], np.float32)
        labels, closure = frame_labels(classes, times, (np.arange(len(speech)) + 0.5) * 0.02)
        inside = np.arange(len(speech)) * 0.02 < len(wave) / 16_000
        guess = speech[:, :-1].argmax(1)
        right, total = right + int((guess == labels)[inside].sum()), total + int(inside.sum())
        silent += int((labels == 0).sum())
        heard_silent += int(((guess == 0) & (labels == 0)).sum())
        real, found = closure_events(closure >= 1.0), closure_events(speech[:, -1] > gate)
        events += [count_matches(real, found), len(real), count_matches(found, real), len(found)]
    return {
        "accuracy": right / total, "recall": events[0] / max(events[1], 1),
        "precision": events[2] / max(events[3], 1), "silence": heard_silent / max(silent, 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--lookahead", type=float, nargs="+", default=[0.24, 0.4, 0.8])
    add_option(parser, "lookahead")
    options = parser.parse_args()
    torch.set_num_threads(1)
    encoder = Wav2Vec2Model.from_pretrained(options.weights / "audio_encoder", dtype=torch.float32).eval()
    sampler = AnimationSampler.from_pretrained(options.weights / "animation_sampler").eval()
    lexicon = options.data / "speech" / "speechocean762" / "lexicon.txt"
    sets: dict[str, list[Utterance]] = {}
    for index, (name, recording) in enumerate(held_out_recordings(options.data)):
        if name == "l2" and index % 3:
            continue
        utterance = align_recording(recording, lexicon)
        if isinstance(utterance, Utterance):
            sets.setdefault(name, []).append(utterance)
        else:
            print(f"left out: {utterance.name}, {utterance.reason}")
    values: dict[str, float] = {}
    for lookahead in (None, *options.lookahead):
        for name, utterances in sets.items():
            scores = score(utterances, encoder, sampler, lookahead)
            title = "whole windows" if lookahead is None else f"{lookahead:.2f} s"
            print(f"{title:14s}{name:7s}n={len(utterances):3d}  ", end="")
            print("  ".join(f"{key} {value:.3f}" for key, value in scores.items()), flush=True)
            if name == "native":
                row = "whole" if lookahead is None else f"{lookahead:g}"
                values |= {f"{row}.{key}": 100.0 * value for key, value in scores.items()}
    record(options.record, values, options.weights)


if __name__ == "__main__":
    main()
