"""
Measure what a short lookahead costs: how well a stream recognises speech that the encoder was not trained on.

    python benchmarks/evaluate_lookahead.py --data DATA --weights weights/dirfa-base [--lookahead 0.24 0.4 0.8]

Recordings, labels and tolerances are those of evaluate_audio_encoder.py, without noise and with a third of `l2`.
Prints, for complete windows and for each lookahead: frame accuracy over visemes; recall and precision of p, b, m where
the closure gate is half shut; recall of silence; and the correlation of the jaw's opening with that for complete
windows.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from evaluate_audio_encoder import closure_events, count_matches, held_out_recordings
from results import add_option, record
from transformers import Wav2Vec2Model

from dirfa_pipeline.animation.coefficients import LIP_NAMES
from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.media.audio import (
    ENCODER_STRIDE,
    WHOLE_GRID,
    EncoderGrid,
    EncoderWindow,
    encoder_windows,
    num_frames,
    pad_for_encoder,
)
from dirfa_pipeline.media.audio_stream import live_grid
from dirfa_pipeline.models.animation_sampler import AnimationSampler
from dirfa_pipeline.training.speech_alignment import align_recording
from dirfa_pipeline.training.speech_corpus import frame_labels
from dirfa_pipeline.training.utterance import Utterance


BATCH = 32  # windows encoded at a time


@torch.no_grad()
def read_windows(
    wave: np.ndarray, encoder: Wav2Vec2Model, sampler: AnimationSampler, grid: EncoderGrid
) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors `(features, visemes + 1)` and jaw openings `(frames,)` for a float waveform at 16 kHz."""
    num_features = 2 * num_frames(len(wave), 16_000, ANIMATION_FPS)
    padded = torch.from_numpy(pad_for_encoder(wave, num_features // 2))
    windows = list(encoder_windows(num_features, grid))
    read: list[torch.Tensor] = [torch.empty(0)] * len(windows)
    lengths = [window.samples.stop - window.samples.start for window in windows]
    for length in set(lengths):
        alike = [index for index, other in enumerate(lengths) if other == length]
        for start in range(0, len(alike), BATCH):
            group = alike[start : start + BATCH]
            inputs = torch.stack([padded[windows[index].samples] for index in group])
            for index, speech in zip(group, sampler.speech(encoder(inputs).last_hidden_state), strict=True):
                read[index] = speech
    final = torch.cat([speech[window.keep] for window, speech in zip(windows, read, strict=True)])
    if grid == WHOLE_GRID:
        lips = sampler.lips(final[None])[0]
    else:
        lips = torch.cat(list(live_lips(windows, read, final, sampler)))
    return final.numpy(), lips[:, LIP_NAMES.index("jawOpen")].numpy()


def live_lips(
    windows: list[EncoderWindow], read: list[torch.Tensor], final: torch.Tensor, sampler: AnimationSampler
) -> Iterator[torch.Tensor]:
    """Lips as [`AnimationStream`] decides them, from final features of the past and provisional ones of the future."""
    context = 2 * sampler.lip_past
    for window, speech in zip(windows, read, strict=True):
        start = window.samples.start // ENCODER_STRIDE + window.keep.start
        stop = start + window.keep.stop - window.keep.start
        low = max(0, start - context)
        heard = torch.cat([final[low:stop], speech[window.keep.stop :]])
        yield sampler.lips(heard[None])[0, (start - low) // 2 : (stop - low) // 2]


def score(
    utterances: list[Utterance], encoder: Wav2Vec2Model, sampler: AnimationSampler, lookahead: float | None
) -> dict[str, float]:
    """All scores of one set."""
    grid = WHOLE_GRID if lookahead is None else live_grid(round(50 * lookahead))
    gate = (sampler.config.closure_low + sampler.config.closure_high) / 2
    right = total = silent = heard_silent = 0
    events = np.zeros(4, int)
    openings: list[tuple[np.ndarray, np.ndarray]] = []
    for utterance in utterances:
        wave = utterance.samples.astype(np.float32) / 32768
        speech, opening = read_windows(wave, encoder, sampler, grid)
        if lookahead is not None:
            openings.append((opening, read_windows(wave, encoder, sampler, WHOLE_GRID)[1]))
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
    scores = {
        "accuracy": right / total, "recall": events[0] / max(events[1], 1),
        "precision": events[2] / max(events[3], 1), "silence": heard_silent / max(silent, 1),
    }  # fmt: skip
    if openings:
        live, whole = (np.concatenate(parts) for parts in zip(*openings, strict=True))
        scores["correlation"] = float(np.corrcoef(live, whole)[0, 1])
    return scores


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
    values = {}
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
