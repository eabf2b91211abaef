"""Shards with speech features of a tiny encoder, and what `train_animation_sampler` needs beside them."""

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.torch import save_file
from tiny import WEIGHTS, tiny_audio_encoder, tiny_sampler
from track_files import write_shards

from dirfa_pipeline import Animation
from dirfa_pipeline.training.held_out import is_validation_speaker
from dirfa_pipeline.training.motion_data import TrackedClip
from dirfa_pipeline.training.tracked_clip import encode_sound, mark_of


FRAMES = 100


def write_toy_weights(folder: Path) -> None:
    """A tiny encoder, its head and the real face model."""
    tiny_audio_encoder().save_pretrained(folder / "audio_encoder")
    shutil.copytree(WEIGHTS / "face_model", folder / "face_model")
    save_file(tiny_sampler().speech_head.state_dict(), folder / "speech_head.safetensors")


def write_toy_shards(folder: Path, count: int, each: int) -> None:
    """Clips of as many speakers, two of whom validate, and their table."""
    encoder = tiny_audio_encoder()
    names = [f"id{number:05d}" for number in range(1000)]
    kept = [name for name in names if is_validation_speaker(name)][:2]
    speakers = [name for name in names if not is_validation_speaker(name)][: count - 2] + kept
    clips = [toy_clip(speaker, seed, encoder) for seed, speaker in enumerate(speakers)]
    write_shards(folder, "toy", clips, each)
    rows = [
        {
            "clip": clip.name, "kept": True, "speaker": clip.speaker, "shard": f"toy-{index // each:06d}.tar",
            "frames": FRAMES, "valid_frames": FRAMES, "teaches": list(clip.teaches),
        }
        for index, clip in enumerate(clips)
    ]  # fmt: skip
    (folder / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def toy_clip(speaker: str, seed: int, encoder) -> TrackedClip:  # type: ignore[no-untyped-def]
    """A face that moves, and noise that swells."""
    rng, time = np.random.default_rng(seed), np.arange(FRAMES) / 25
    blink = np.isin(np.arange(FRAMES) % 40, (20, 21, 22)) * 1.0
    animation = Animation.from_curves(
        FRAMES, jawOpen=0.3 + 0.3 * np.sin((6 + seed % 5) * time), yaw=0.1 * np.sin(time + rng.uniform(0, 6)),
        browInnerUp=0.2 + 0.1 * np.sin(2 * time), eyeBlinkLeft=blink, eyeBlinkRight=blink,
    )  # fmt: skip
    swell = np.repeat(0.5 + 0.5 * np.sin(3 * time + seed), 640)
    audio = (0.2 * swell * rng.standard_normal(640 * FRAMES)).clip(-1, 1).astype(np.float32)
    features = encode_sound(audio, encoder).numpy().astype(np.float16)
    return TrackedClip(
        f"toy/{speaker}", animation.coefficients, np.ones(FRAMES, bool), (0.3 * (1 - blink)).astype(np.float32),
        audio, "toy", speaker, features=features, encoder=mark_of(encoder),
    )  # fmt: skip
