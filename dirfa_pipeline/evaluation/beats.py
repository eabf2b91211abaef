"""
Does the face move with the speech? Movements at the beats of the sound, and blinks in its pauses.

A movement is band-passed from .15 to 4 Hz; at each of its peaks over one deviation the sound is read, and the mean of
these readings, in deviations of the sound above its own mean, is the score. A face that does not hear scores 0,
whatever it does.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, find_peaks, sosfiltfilt

from .metrics import Array, blink_spans, frame_power


BAND: Final = (0.15, 4.0)  # hertz: slower is posture, faster is tracking noise
SHORTEST: Final = 2.0  # seconds: a shorter curve holds too little of the band
LOUDNESS_WINDOW: Final = 0.064  # seconds
LEAST_POWER: Final = 1e-7  # of full scale squared
REACH: Final = 0.2  # seconds each side of a peak in which the sound counts
PEAK: Final = 1.0  # deviations
QUIET: Final = 25.0  # percent of the frames


@dataclass(frozen=True, eq=False)
class Loudness:
    """Log loudness of a clip and its rise, for each frame: `level` in deviations from its mean, `rise` 0 or more."""

    level: Array
    rise: Array

    def __len__(self) -> int:
        return len(self.level)


def loudness_of(samples: Array, rate: int, count: int, fps: float) -> Loudness:
    """
    Loudness of `count` frames of a mono waveform `(samples,)`.

    The level is log10 of the mean square of 64 ms, the rise what is positive of its standardised gradient.
    """
    level = standardise(np.log10(frame_power(samples, rate, count, fps, LOUDNESS_WINDOW) + LEAST_POWER))
    rise = np.gradient(level) if count > 1 else np.zeros(count)
    return Loudness(level, np.maximum(standardise(rise), 0.0))


def standardise(curve: Array) -> Array:
    """A curve `(frames,)` in deviations from its mean; zeros for one that does not vary."""
    spread = curve.std()
    return (curve - curve.mean()) / spread if spread > 1e-9 else np.zeros(len(curve))


def averaged(curve: Array, fps: float, reach: float = REACH) -> Array:
    """Mean of a curve `(frames,)` over `reach` seconds each side of every frame, less at its ends."""
    window = np.ones(2 * round(reach * fps) + 1)
    counted = np.convolve(np.ones(len(curve)), window)
    half = len(window) // 2
    return (np.convolve(curve, window) / counted)[half : half + len(curve)]


def band_pass(curves: Array, fps: float) -> Array:
    """Curves `(frames, ...)` from .15 to 4 Hz without delay: Butterworth's filter of order 2, both ways."""
    sections = butter(2, BAND, btype="bandpass", fs=fps, output="sos")
    return sosfiltfilt(sections, curves, axis=0)


def movement_peaks(curve: Array, fps: float) -> NDArray[np.intp]:
    """Frames at which a band-passed curve `(frames,)` peaks over one deviation; none for one under 2 s or at rest."""
    if len(curve) < SHORTEST * fps or np.ptp(curve) < 1e-6:
        return np.zeros(0, np.intp)
    return find_peaks(standardise(band_pass(curve, fps)), height=PEAK)[0]


def beat(curve: Array, sound: Array, fps: float) -> float:
    """Mean of a sound track at the peaks of a movement, both `(frames,)`; NaN where there is no peak."""
    length = min(len(curve), len(sound))
    peaks = movement_peaks(curve[:length], fps)
    heard = standardise(averaged(sound[:length], fps))
    return float(heard[peaks].mean()) if len(peaks) and heard.any() else float("nan")


def head_speed(rotations: Array, fps: float) -> Array:
    """Angular speed of the head `(frames,)` in degrees a second, from yaw, pitch and roll in radians `(frames, 3)`."""
    return np.linalg.norm(np.gradient(np.degrees(rotations), axis=0), axis=-1) * fps


def beat_scores(rotations: Array, brows: Array, sound: Loudness, fps: float) -> dict[str, float]:
    """
    How much louder it is where the face moves.

    Args:
        rotations (`np.ndarray` of shape `(frames, 3)`): Yaw, pitch and roll of the head in radians.
        brows (`np.ndarray` of shape `(frames,)`): Height of the brows in the face's own frame.
        sound ([`Loudness`]): Of the same frames; a longer one is cut, and so are the curves.
        fps (`float`): Frames per second.

    Returns:
        `head_beat`, the rise of the loudness where the head is fast; `brow_beat`, the same where the brows are up;
        `nods` and `nods_down`, the loudness where the chin is up and where it is down (real talkers lift it when they
        are loud: .3 up, -.1 down).
    """
    return {
        "head_beat": beat(head_speed(rotations, fps), sound.rise, fps),
        "brow_beat": beat(brows, sound.rise, fps),
        "nods": beat(rotations[:, 1], sound.level, fps),
        "nods_down": beat(-rotations[:, 1], sound.level, fps),
    }


def quiet_blinks(openness: Array, sound: Loudness, fps: float) -> float:
    """Share of the blinks that fall into the quietest quarter of a clip; .25 by chance, NaN without blinks."""
    length = min(len(openness), len(sound))
    level = averaged(sound.level[:length], fps)
    deepest = [start + int(openness[start:stop].argmin()) for start, stop in blink_spans(openness[:length])]
    return float((level[deepest] <= np.percentile(level, QUIET)).mean()) if deepest else float("nan")
