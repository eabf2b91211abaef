"""Every score of one tracked face, with the sound, the phones and the real face that belong to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..animation.frame_rate import ANIMATION_FPS
from ..face import measures
from ..face.fit import FaceFit
from ..face.landmarks import BROWS, LEFT_EYE, LIPS, RIGHT_EYE
from ..media.audio import ENCODER_RATE
from . import metrics
from .beats import Loudness, beat_scores, loudness_of, quiet_blinks
from .metrics import Array, Phone
from .phone_shapes import width_contrasts
from .theval import theval_measures
from .tracking import Track


UPPER_FACE: Final = [*BROWS, *LEFT_EYE.upper, *RIGHT_EYE.upper]
VOLUME_WINDOW: Final = 0.05  # seconds

Scores = dict[str, float]


@dataclass(frozen=True, eq=False)
class Sound:
    """A clip's sound for each frame: level in dB, loudness and its rise, and volume (root mean square of 50 ms)."""

    level: Array
    loudness: Loudness
    volume: Array

    def __len__(self) -> int:
        return len(self.level)

    @classmethod
    def of(cls, waveform: Array, count: int) -> "Sound":
        """Measure `count` frames of a waveform `(samples,)` at 16 kHz."""
        return cls(
            metrics.loudness(waveform, ENCODER_RATE, count, ANIMATION_FPS),
            loudness_of(waveform, ENCODER_RATE, count, ANIMATION_FPS),
            np.sqrt(metrics.frame_power(waveform, ENCODER_RATE, count, ANIMATION_FPS, VOLUME_WINDOW)),
        )


def lip_scores(track: Track, phones: Sequence[Phone]) -> Scores:
    """What only the phones can tell."""
    aperture = measures.lip_aperture(track.landmarks)
    recall, chance = metrics.closure_recall(aperture, ANIMATION_FPS, phones)
    lag, correlation = metrics.best_lag(aperture, metrics.phone_openness(phones, len(aperture), ANIMATION_FPS))
    return {
        "closure_recall": recall, "closure_chance": chance, "closure_gain": recall - chance,
        "open_close_ratio": metrics.open_close_ratio(aperture, ANIMATION_FPS, phones),
        "phone_openness": correlation, "phone_lag_frames": float(lag),
    } | width_contrasts(measures.mouth_width(track.landmarks), ANIMATION_FPS, phones)  # fmt: skip


def reference_scores(track: Track, real: Track) -> Scores:
    """How near the lips are to those of the real face."""
    curves = [measures.lip_aperture(one.landmarks) for one in (track, real)]
    shapes = [measures.lip_shape(one.landmarks, LIPS) for one in (track, real)]
    lag, correlation = metrics.best_lag(curves[0], curves[1])
    return {
        "aperture_correlation": correlation, "lag_frames": float(lag),
        "lip_distance": metrics.lip_distance(*shapes),
    }  # fmt: skip


def sound_scores(track: Track, sound: Sound) -> Scores:
    """What the sound's loudness alone can tell, over the frames that both have."""
    length = min(len(track), len(sound))
    track, level = track.cut(length), sound.level[:length]
    aperture, silent = measures.lip_aperture(track.landmarks), metrics.silent_frames(level, ANIMATION_FPS)
    beats = metrics.motion_beats(track.rotations, ANIMATION_FPS), metrics.speech_beats(level, ANIMATION_FPS)
    return {
        "silence_stillness": metrics.silence_stillness(aperture, silent),
        "beat_alignment": metrics.beat_alignment(*beats),
        **beat_scores(track.rotations, track.brows, sound.loudness, ANIMATION_FPS),
        "quiet_blinks": quiet_blinks(measures.eye_openness(track.landmarks), sound.loudness, ANIMATION_FPS),
        **theval_measures(track.landmarks, track.rotations, sound.volume[:length], silent, ANIMATION_FPS),
    }


def motion_scores(track: Track) -> Scores:
    """What needs no sound."""
    aperture, openness = measures.lip_aperture(track.landmarks), measures.eye_openness(track.landmarks)
    blinks = metrics.blink_lengths(openness)
    lid_std, lid_std_awake = metrics.lid_spread(openness)
    return metrics.head_motion(track.rotations, ANIMATION_FPS) | {
        "aperture_mean": float(aperture.mean()), "aperture_std": float(aperture.std()),
        "aperture_low": float(np.percentile(aperture, 5)),
        "mouth_width_std": float(measures.mouth_width(track.landmarks).std()),
        "blinks_a_minute": 60.0 * ANIMATION_FPS * len(blinks) / len(track),
        "blink_frames": float(np.mean(blinks)) if blinks else float("nan"),
        "lid_std": lid_std, "lid_std_awake": lid_std_awake,
        "brow_std": float(100.0 * measures.brow_height(track.landmarks).std()),
        "jitter_rigid": metrics.jitter(track.landmarks, metrics.RIGID),
        "jitter_lips": metrics.jitter(track.landmarks, LIPS),
    }  # fmt: skip


def all_scores(track: Track, sound: Sound, phones: Sequence[Phone], real: Track | None = None) -> Scores:
    """Every score of one track of a clip."""
    scores = motion_scores(track) | sound_scores(track, sound)
    scores |= lip_scores(track, phones) if phones else {}
    return scores | (reference_scores(track, real) if real is not None else {})


def motion_windows(track: Track) -> Array:
    """Features of windows of a second, for the Frechet distance."""
    curves = (measures.brow_height, measures.eye_openness, measures.lip_aperture, measures.mouth_width)
    signals = [np.degrees(track.rotations), *(100.0 * curve(track.landmarks)[:, None] for curve in curves)]
    return metrics.window_features(np.concatenate(signals, axis=1))


def take_distances(first: Array, second: Array, face: FaceFit) -> Scores:
    """Distances of two takes' coefficients, as shown on one face."""
    length = min(len(first), len(second))
    a, b = first[:length], second[:length]
    shapes = [100.0 * face.head_vertices(coefficients)[..., :2] for coefficients in (a, b)]
    return {
        "diversity_pose": metrics.rms_distance(*(np.degrees(one[:, 52:55]) for one in (a, b))),
        "diversity_upper_face": metrics.rms_distance(*(shape[:, UPPER_FACE] for shape in shapes)),
        "diversity_lips": metrics.rms_distance(*(shape[:, list(LIPS)] for shape in shapes)),
    }


def mean_scores(rows: Sequence[Scores], average: Callable[..., float] = np.mean) -> Scores:
    """Average of each score over the rows that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row[name] for row in rows if np.isfinite(row.get(name, np.nan))] for name in names}
    return {name: float(average(values)) for name, values in columns.items() if values}
