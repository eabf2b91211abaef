"""
Measure the effect of controls on rendered frames, in which landmarks are detected again.

    python benchmarks/evaluate_controls.py held_out.tsv --data DATA [--references CLIP...] [--clips 4] [--json S.json]

Closures: recall of p, b and m with each expression preset, for the first English clips of the list that have a text.
References: correlation of yaw, pitch and roll of a photo that borrows a clip's motion with the clip's own track. The
face is cut out of the photo and scaled up, because landmarks of small faces jitter. Landmarks jitter by a fifth of a
degree, so clips that hardly move correlate less.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from results import add_option, record

from dirfa_pipeline import Animation, Controls, DirfaPipeline, load_audio
from dirfa_pipeline.animation.coefficients import COEFFICIENT_NAMES
from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.capture.pictures import read_image
from dirfa_pipeline.direction.borrowed_motion import JOIN
from dirfa_pipeline.direction.expressions import PRESETS
from dirfa_pipeline.evaluation.clip_list import ClipEntry, read_clip_list
from dirfa_pipeline.evaluation.measuring import Settings, phones_of
from dirfa_pipeline.evaluation.metrics import closure_recall
from dirfa_pipeline.evaluation.tracking import cut_out_face, photo_from_video, track_frames, track_video
from dirfa_pipeline.face.measures import lip_aperture
from dirfa_pipeline.media.audio import AudioClip
from dirfa_pipeline.models.face_renderer import PreparedPortrait


ANGLES = {name: COEFFICIENT_NAMES.index(name) for name in ("yaw", "pitch", "roll")}
PHOTO_SIDE = 640  # pixels


def preset_recalls(pipe: DirfaPipeline, entry: ClipEntry, settings: Settings, seed: int) -> dict[str, float]:
    """Closure recall of one clip with each preset; empty if no phones can be aligned."""
    recording = load_audio(entry.audio)
    phones = phones_of(entry, recording, settings)
    if not phones:
        return {}
    end = round(settings.seconds * recording.sampling_rate)
    sound = AudioClip(recording.samples[:, :end], recording.sampling_rate)
    portrait = pipe.prepare_portrait(cut_out_face(photo_of(pipe, entry, settings)), max_size=settings.max_size)
    prepared = pipe.face_renderer.prepare(portrait)
    drawn = pipe.sample_animation(sound, torch.Generator().manual_seed(seed))
    recalls = {}
    for name in PRESETS:
        animation = Controls(expression=name).apply(drawn, pipe.face_model)
        track = track_frames(pipe.render(prepared, animation), ANIMATION_FPS, pipe.face_model)
        recalls[name] = closure_recall(lip_aperture(track.landmarks), ANIMATION_FPS, phones)[0]
    return recalls


def photo_of(pipe: DirfaPipeline, entry: ClipEntry, settings: Settings) -> np.ndarray:
    """The clip's photo, or a frame of its video."""
    if entry.photo is not None:
        return read_image(entry.photo)
    assert entry.video is not None  # checked by read_clip_list
    return photo_from_video(entry.video, track_video(entry.video, settings.seconds, pipe.face_model))


def pose_correlations(pipe: DirfaPipeline, prepared: PreparedPortrait, clip: Path, seconds: float) -> dict[str, float]:
    """
    Correlation of yaw, pitch and roll of a photo that borrows a clip's head motion with the clip's own track, looped
    one and a half times and stretched by a fifth; how far the clip moves, in degrees; and the fastest step at the
    seam, relative to the fastest elsewhere.
    """
    whole = pipe.track(clip)
    reference = Animation(whole.coefficients[: round(seconds * ANIMATION_FPS)], ANIMATION_FPS)
    scores = {}
    for fit, share in (("loop", 1.5), ("stretch", 1.2)):
        still = Animation.from_curves(round(share * len(reference)), ANIMATION_FPS)
        borrowed = Controls(motion_from=reference, motion_fit=fit).apply(still, pipe.face_model).coefficients
        frames = pipe.render(prepared, Animation(borrowed, ANIMATION_FPS))
        seen = track_frames(frames, ANIMATION_FPS, pipe.face_model).coefficients
        for name, column in ANGLES.items():
            scores[f"{fit} {name}"] = float(np.corrcoef(seen[:, column], borrowed[:, column])[0, 1])
        if fit == "loop":
            steps = np.abs(np.diff(borrowed[:, list(ANGLES.values())], axis=0)).max(1)
            own = slice(0, len(reference) - round(JOIN * ANIMATION_FPS))
            scores["seam"] = float(steps[own.stop :].max() / steps[own].max())
    moves = np.degrees(reference.coefficients[:, list(ANGLES.values())].std(0))
    return scores | {f"{name} moves": float(value) for name, value in zip(ANGLES, moves, strict=True)}


def measure(options: argparse.Namespace) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Yield kind, name and measures of one clip after the other."""
    pipe = DirfaPipeline.from_pretrained(options.weights)
    settings = Settings(seconds=options.seconds)
    face = Image.fromarray(cut_out_face(read_image(options.photo)))
    prepared = pipe.face_renderer.prepare(pipe.prepare_portrait(ImageOps.contain(face, (PHOTO_SIDE, PHOTO_SIDE))))
    for clip in options.references:
        yield "pose", clip.stem, pose_correlations(pipe, prepared, clip, options.seconds)
    entries = read_clip_list(options.list, options.data)
    aligned = [entry for entry in entries if entry.text and entry.language.startswith("en")]
    for seed, entry in enumerate(aligned[: options.clips], 1):
        yield "closures", entry.name, preset_recalls(pipe, entry, settings, seed)


def summary(kind: str, rows: Sequence[Mapping[str, float]], means: Mapping[str, float]) -> dict[str, float]:
    """The figures for the documents on presets, or on borrowed motion (`--record borrowed`)."""
    if kind == "closures":
        presets = [value for name, value in means.items() if name != "neutral"]
        return {"closures.neutral": means["neutral"], "closures.least": min(presets), "closures.most": max(presets)}
    found: dict[str, float] = {}
    for fit in ("loop", "stretch"):
        found |= {f"{fit}.{name}": means[f"{fit} {name}"] for name in ANGLES}
        found[f"{fit}.least"] = min(row[f"{fit} {name}"] for row in rows for name in ANGLES)
    return found


def main() -> None:
    """Print a line per clip, and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path, help="list of clips, as for `dirfa evaluate`")
    parser.add_argument("--data", type=Path, help="folder that the list's paths are relative to")
    parser.add_argument("--references", type=Path, nargs="*", default=[], help="videos to borrow head motion from")
    parser.add_argument("--photo", default="dirfa_pipeline/examples/astronaut.jpg", help="photo that borrows it")
    parser.add_argument("--weights", default="dirfa-base")
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--json", type=Path)
    add_option(parser, "presets")
    options = parser.parse_args()
    torch.set_num_threads(1)
    scores: dict[str, dict[str, dict[str, float]]] = {"pose": {}, "closures": {}}
    for kind, name, numbers in measure(options):
        scores[kind][name] = numbers
        print(f"{kind:9s}{name:28s}", *(f"{key} {value:.2f}" for key, value in numbers.items()), flush=True)
    found: dict[str, float] = {}
    for kind, rows in scores.items():
        measured = [row for row in rows.values() if row]
        if measured:
            means = {key: float(np.mean([row[key] for row in measured])) for key in measured[0]}
            print(f"{kind:9s}{'mean':28s}", *(f"{key} {value:.2f}" for key, value in means.items()))
            found |= summary(kind, measured, means)
    record(options.record, found, options.weights)
    if options.json:
        options.json.write_text(json.dumps(scores, indent=1))


if __name__ == "__main__":
    main()
