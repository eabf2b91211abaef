"""
Measure how much of the requested motion rendered frames show, and how far faces in videos move.

    python benchmarks/measure_shown.py PHOTO_OR_VIDEO... [--beside VIDEO...] [--filmed VIDEO...]

Photos are rendered with the head turning steadily and with raised brows, and landmarks are detected in the frames. The
rows of photos have the slope of the detected angles over the requested ones, and the rise of the brows relative to
that of the model's landmarks; 1 means all of the motion. Videos are tracked as in `dirfa evaluate`. Their rows have
the motion of head (degrees), mouth, lips, chin, lids (inter-ocular distances) and brows (hundredths of it), how the
opening of the lips correlates with the chin, what of the brows' motion is slower than two seconds, and how the opening
of the eyes between blinks correlates with the brows. The last rows have the means, and those of the videos after
`--beside`, which are others of the same people and sounds, and after `--filmed`, which are films of any people.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from results import add_option, record
from scipy.signal import butter, sosfiltfilt

from dirfa_pipeline import DirfaPipeline
from dirfa_pipeline.animation.animation import Animation
from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.evaluation.scores import motion_scores
from dirfa_pipeline.evaluation.tracking import Track, track_frames, track_video
from dirfa_pipeline.face.landmarks import INNER_MIDDLE
from dirfa_pipeline.face.measures import brow_height, eye_openness, inter_ocular_distance, lip_aperture


STEPS = 12  # frames of each movement
TURNS = {"yaw": 0.2, "pitch": 0.15, "roll": 0.15}  # radians to either side
RAISED = 0.8  # weight of the brows in the last frame
ENDS = 3  # frames at each end between which the height of the brows is compared
SCORES = (
    "yaw_std", "pitch_std", "roll_std", "angular_speed", "angular_speed_peak", "aperture_std", "aperture_low",
    "mouth_width_std", "upper_lip_std", "chin_std", "lower_lip_std", "opening_by_chin", "lid_std", "lid_std_awake",
    "brow_std", "brow_slow_std", "brow_lids", "blinks", "blinking", "jitter_rigid", "jitter_lips",
)  # fmt: skip
VIDEOS = (".mp4", ".mov", ".webm")
SLOW = 0.5  # Hz: what is slower is a mood, what is faster goes with a word
NOSE_FOOT, CHIN_TIP = 2, 152  # landmarks
BLINK, SHUT = 0.7, 0.45  # of the usual opening: eyes that are less open blink, or are shut


def shown(pipe: DirfaPipeline, path: Path) -> dict[str, float]:
    """The shares of the requested motion that the frames of a photo show."""
    portrait = pipe.prepare_portrait(str(path), 512)

    def find(animation: Animation) -> Track:
        return track_frames(pipe.render(portrait, animation), animation.fps, pipe.face_model)

    shares = {}
    for index, (name, most) in enumerate(TURNS.items()):
        asked = np.linspace(-most, most, STEPS)
        found = find(Animation.from_curves(STEPS).replace(**{name: asked})).rotations[:, index]
        shares[name] = float(np.polyfit(asked, found, 1)[0])
    raised = np.linspace(0.0, RAISED, STEPS)
    animation = Animation.from_curves(STEPS, browInnerUp=raised, browOuterUpLeft=raised, browOuterUpRight=raised)
    rises = [rise(brow_height(points)) for points in (
        find(animation).landmarks, portrait.face.vertices(animation.coefficients),
    )]  # fmt: skip
    return shares | {"brows": rises[0] / rises[1]}


def moods(track: Track) -> dict[str, float]:
    """What of a video's brows is slow, and how the eyes go along with them."""
    heights, openness = 100.0 * brow_height(track.landmarks), eye_openness(track.landmarks)
    slow = sosfiltfilt(butter(2, SLOW, fs=ANIMATION_FPS, output="sos"), heights)
    awake = openness > BLINK * np.median(openness)
    shut = openness < SHUT * np.median(openness)
    minutes = len(shut) / ANIMATION_FPS / 60.0
    blinks = {"blinks": float((shut[1:] & ~shut[:-1]).sum() / minutes), "blinking": 100.0 * float((~awake).mean())}
    return blinks | {
        "brow_slow_std": float(slow.std()),
        "brow_lids": float(np.corrcoef(heights[awake], openness[awake])[0, 1]),
    }


def lips(track: Track) -> dict[str, float]:
    """
    How far the upper lip, the chin and the lower lip move: from the nose, and from the chin. How far the chin tells
    the opening: real lips part over a jaw that stays, too.
    """
    points, unit = track.landmarks[..., :2], inter_ocular_distance(track.landmarks)
    upper, lower = INNER_MIDDLE
    pairs = {"upper_lip": (NOSE_FOOT, upper), "chin": (NOSE_FOOT, CHIN_TIP), "lower_lip": (lower, CHIN_TIP)}
    ways = {
        name: np.linalg.norm(points[:, one] - points[:, other], axis=-1) / unit for name, (one, other) in pairs.items()
    }
    tells = np.corrcoef(ways["chin"], lip_aperture(track.landmarks))[0, 1]
    return {f"{name}_std": float(way.std()) for name, way in ways.items()} | {"opening_by_chin": float(tells)}


def rise(heights: np.ndarray) -> float:
    """The rise from the first frames to the last ones."""
    return float(heights[-ENDS:].mean() - heights[:ENDS].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--beside", nargs="*", type=Path, default=[], help="videos to compare them with")
    parser.add_argument("--filmed", nargs="*", type=Path, default=[], help="films of people, for the same")
    parser.add_argument("--weights", default="weights/dirfa-base")
    parser.add_argument("--seconds", type=float, default=15.0, help="seconds of each video")
    add_option(parser, "shown")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipe = DirfaPipeline.from_pretrained(options.weights)
    means: dict[str, float] = {}
    for name, files in (("ours", options.files), ("beside", options.beside), ("filmed", options.filmed)):
        films = []
        for path in files:
            if path.suffix.lower() in VIDEOS:
                track = track_video(path, options.seconds, pipe.face_model)
                scores = motion_scores(track) | moods(track) | lips(track)
                films.append({score: scores[score] for score in SCORES})
            row = films[-1] if path.suffix.lower() in VIDEOS else shown(pipe, path)
            print(f"{path.parent.name}/{path.name}:", *(f"{score} {value:.3f}" for score, value in row.items()))
        if films:
            mean = {score: float(np.nanmean([row[score] for row in films])) for score in SCORES}
            print(f"mean, {name}:", *(f"{score} {value:.3f}" for score, value in mean.items()))
            means |= {f"{name}.{score}": value for score, value in mean.items()}
    record(options.record, means, options.weights)


if __name__ == "__main__":
    main()
