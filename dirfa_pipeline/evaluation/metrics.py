"""
Measures of talking faces, as pure functions of landmark tracks, sound levels and phone times.

Tracks have the shape `(frames, 478, >=2)` in pixels; frame `i` at `fps` shows the instant `(i + 0.5) / fps`. Lengths
are in inter-ocular distances (IOD) unless another unit is named. Where a clip holds nothing to measure (no p, b, m; no
silence) the result is NaN.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..face.measures import inter_ocular_distance


Array = NDArray[np.floating]
RIGID: Final = (6, 168, 197, 195, 5, 4, 1, 33, 133, 362, 263, 10, 151, 9)
CLOSURES: Final = frozenset({"P", "B", "M"})
OPEN_VOWELS: Final = frozenset({"AA", "AE", "AO", "AY"})
CLOSURE_WINDOW: Final = 0.06  # seconds each side of a phone within which the lips may meet
# How far each ARPAbet phone opens the mouth, from shut to wide, after the vowels' height and the consonants' place.
OPENNESS: Final = {
    **dict.fromkeys(("SIL", "P", "B", "M"), 0.0),
    **dict.fromkeys(("F", "V", "W", "UW"), 0.2),
    **dict.fromkeys(
        ("S", "Z", "SH", "ZH", "CH", "JH", "T", "D", "N", "TH", "DH", "L", "R", "Y", "UH", "OY", "OW"), 0.4
    ),
    **dict.fromkeys(("IY", "IH", "ER", "K", "G", "NG", "HH"), 0.5),
    **dict.fromkeys(("EY", "EH", "AH", "AO"), 0.7),
    **dict.fromkeys(("AW", "AE", "AY", "AA"), 1.0),
}
OPENNESS_WIDTH: Final = 0.04  # seconds: standard deviation of the window over which phones blend
BLINK_LEVEL: Final = 0.55  # of the open eye
BLINK_MARGIN: Final = 3  # frames each side of a blink in which the lids still move for it
SILENCE_DEPTH: Final = 30.0  # dB under the loud parts of a clip
SHORTEST_SILENCE: Final = 0.4  # seconds
BEAT_WIDTH: Final = 0.1  # seconds


@dataclass(frozen=True)
class Phone:
    """A spoken sound: its ARPAbet name without stress (`"SIL"` for silence), its start and end in seconds."""

    name: str
    start: float
    end: float

    @property
    def centre(self) -> float:
        return 0.5 * (self.start + self.end)


def frame_times(count: int, fps: float) -> Array:
    """The instants that frames show, `(count,)`, in seconds."""
    return (np.arange(count) + 0.5) / fps


def closed_level(aperture: Array) -> float:
    """Aperture under which this clip's lips count as closed: a tenth of its range above its lowest, at least .02."""
    low, high = np.percentile(aperture, [5, 95])
    return float(max(0.02, low + 0.1 * (high - low)))


def closure_minima(aperture: Array, fps: float, times: Sequence[float]) -> Array:
    """Smallest aperture within 60 ms of each time."""
    instants = frame_times(len(aperture), fps)
    reach = CLOSURE_WINDOW + 0.5 / fps
    near = [aperture[np.abs(instants - time) <= reach] for time in times]
    return np.array([values.min() for values in near if len(values)])


def closure_recall(aperture: Array, fps: float, phones: Sequence[Phone]) -> tuple[float, float]:
    """Share of p, b and m at which the lips close, and the same share at random times."""
    level = closed_level(aperture)
    spoken = closure_minima(aperture, fps, [p.centre for p in phones if p.name in CLOSURES])
    anywhere = closure_minima(aperture, fps, list(np.arange(0.1, len(aperture) / fps - 0.1, 0.02)))
    return _mean(spoken < level), _mean(anywhere < level)


def open_close_ratio(aperture: Array, fps: float, phones: Sequence[Phone]) -> float:
    """Mean aperture at open vowels over that at p, b and m, each taken in the middle of the phone."""
    instants = frame_times(len(aperture), fps)

    def at(names: frozenset[str]) -> float:
        times = [p.centre for p in phones if p.name in names and p.centre < instants[-1]]
        return _mean(np.interp(times, instants, aperture))

    return at(OPEN_VOWELS) / max(at(CLOSURES), 1e-3)


def phone_openness(phones: Sequence[Phone], count: int, fps: float) -> Array:
    """The opening that the phones ask for, `(count,)`: that of each phone, blended over a Gaussian window."""
    step = 0.005
    fine = np.arange(0.0, count / fps + step, step)
    curve = np.zeros(len(fine))
    for phone in phones:
        curve[(fine >= phone.start) & (fine < phone.end)] = OPENNESS.get(phone.name, 0.0)
    reach = np.arange(-4 * OPENNESS_WIDTH, 4 * OPENNESS_WIDTH + step, step)
    window = np.exp(-0.5 * np.square(reach / OPENNESS_WIDTH))
    return np.interp(frame_times(count, fps), fine, np.convolve(curve, window / window.sum(), mode="same"))


def best_lag(curve: Array, reference: Array, max_lag: int = 5) -> tuple[int, float]:
    """Shift in frames (positive: `curve` is late) at which two curves correlate best, and that correlation."""
    length = min(len(curve), len(reference))
    curve, reference = curve[:length], reference[:length]
    scores = {}
    for lag in range(-max_lag, max_lag + 1):
        a = curve[max(lag, 0) : length + min(lag, 0)]
        b = reference[max(-lag, 0) : length + min(-lag, 0)]
        scores[lag] = float(np.corrcoef(a, b)[0, 1]) if min(np.ptp(a), np.ptp(b)) > 1e-6 else 0.0
    best = max(scores, key=lambda lag: (scores[lag], -abs(lag)))
    return best, scores[best]


def frame_power(samples: Array, rate: int, count: int, fps: float, window: float) -> Array:
    """Mean square of the `window` seconds of a waveform around each frame, `(count,)`."""
    power = np.concatenate([[0.0], np.cumsum(np.square(samples.astype(np.float64)))])
    edges = [
        np.clip(np.round((frame_times(count, fps) + shift) * rate).astype(int), 0, len(samples))
        for shift in (-0.5 * window, 0.5 * window)
    ]
    return (power[edges[1]] - power[edges[0]]) / np.maximum(edges[1] - edges[0], 1)


def loudness(samples: Array, rate: int, count: int, fps: float) -> Array:
    """Level of the sound around each frame, `(count,)`, in dB relative to full scale."""
    return 10.0 * np.log10(np.maximum(frame_power(samples, rate, count, fps, 1.0 / fps), 1e-10))


def silent_frames(level: Array, fps: float, margin: float = 0.1) -> NDArray[np.bool_]:
    """
    Frames inside a silence, `(frames,)`, from their loudness in dB.

    A silence is 30 dB under the loud parts of the clip for .4 s or more; `margin` seconds of each end do not count.
    """
    quiet = level < np.percentile(level, 95) - SILENCE_DEPTH
    silent = np.zeros(len(level), bool)
    trim = round(margin * fps)
    for start, stop in runs(quiet):
        if stop - start >= SHORTEST_SILENCE * fps:
            silent[start + trim : stop - trim] = True
    return silent


def silence_stillness(aperture: Array, silent: NDArray[np.bool_]) -> float:
    """Deviation of the aperture in silences, each about its own mean, over that in the rest of the clip."""
    pauses = [aperture[start:stop] - aperture[start:stop].mean() for start, stop in runs(silent)]
    speech = aperture[~silent]
    if not pauses or len(speech) < 2 or speech.std() < 1e-9:
        return float("nan")
    return float(np.concatenate(pauses).std() / speech.std())


def lip_distance(lips: Array, reference: Array) -> float:
    """
    Mean distance of lip landmarks, in percent of the IOD, from shapes `(frames, points, 2)` of [`lip_shape`].

    Each shape is taken relative to its own median over time, so that two persons' lips can be compared.
    """
    length = min(len(lips), len(reference))
    a, b = (shape[:length] - np.median(shape[:length], axis=0) for shape in (lips, reference))
    return float(100.0 * np.linalg.norm(a - b, axis=-1).mean())


def head_motion(rotations: Array, fps: float) -> dict[str, float]:
    """
    Spread of yaw, pitch and roll, and the angular speed's mean and 99th percentile over frames, in degrees (a second),
    from radians `(frames, 3)`.
    """
    degrees = np.degrees(rotations)
    speeds = np.linalg.norm(np.diff(degrees, axis=0), axis=-1) * fps if len(degrees) > 1 else np.zeros(1)
    spread = dict(zip(("yaw_std", "pitch_std", "roll_std"), map(float, degrees.std(0)), strict=True))
    return spread | {"angular_speed": float(speeds.mean()), "angular_speed_peak": float(np.percentile(speeds, 99))}


def blink_spans(openness: Array, level: float = BLINK_LEVEL) -> list[tuple[int, int]]:
    """
    First frame of each blink and the first one after it: a dip of the eye openness under `level` times its usual (75th
    percentile) value.

    A blink lasts while the openness is under the middle between the two.
    """
    usual = np.percentile(openness, 75)
    moving = openness < 0.5 * (1.0 + level) * usual
    return [span for span in runs(moving) if openness[slice(*span)].min() < level * usual]


def blink_lengths(openness: Array, level: float = BLINK_LEVEL) -> list[int]:
    """Length in frames of each blink, see [`blink_spans`]."""
    return [stop - start for start, stop in blink_spans(openness, level)]


def lid_spread(openness: Array, margin: int = BLINK_MARGIN) -> tuple[float, float]:
    """Deviation of the eye openness, and the same without blinks and `margin` frames each side of them."""
    awake = np.ones(len(openness), bool)
    for start, stop in blink_spans(openness):
        awake[max(0, start - margin) : stop + margin] = False
    return float(openness.std()), float(openness[awake].std()) if awake.any() else float("nan")


def count_blinks(openness: Array, level: float = BLINK_LEVEL) -> int:
    """Number of dips of the eye openness under `level` times its usual (75th percentile) value."""
    return len(runs(openness < level * np.percentile(openness, 75)))


def jitter(landmarks: Array, indices: Sequence[int]) -> float:
    """Mean length of the third difference of some landmarks, in thousandths of the IOD a frame^3."""
    points = landmarks[:, list(indices), :2] / inter_ocular_distance(landmarks).mean()
    return float(1000 * np.linalg.norm(np.diff(points, n=3, axis=0), axis=-1).mean())


def rms_distance(first: Array, second: Array) -> float:
    """Root mean square over frames (and points) of the distance of two curves `(frames, ..., dim)`, common length."""
    length = min(len(first), len(second))
    return float(np.sqrt(np.square(first[:length] - second[:length]).sum(-1).mean()))


def speech_beats(level: Array, fps: float) -> Array:
    """Times in seconds at which syllables set in: local maxima of the rise of the loudness by 3 dB or more a frame."""
    floor = np.maximum(level, np.percentile(level, 95) - SILENCE_DEPTH)
    return _peaks(np.diff(floor, prepend=floor[:1]), 3.0, fps)


def motion_beats(rotations: Array, fps: float) -> Array:
    """Times in seconds at which the head turns back or rests: local minima of its angular speed."""
    speed = np.linalg.norm(np.diff(np.degrees(rotations), axis=0, prepend=rotations[:1] * 180 / np.pi), axis=-1)
    smooth = np.convolve(speed, np.ones(3) / 3, mode="same")
    return _peaks(-smooth, -np.inf, fps) if np.ptp(smooth) > 1e-6 else np.zeros(0)


def beat_alignment(motion: Array, speech: Array) -> float:
    """
    Mean over the motion's beats of `exp(-d^2 / 2w^2)`, d the time to the nearest beat of the speech, w .1 s.

    After Siyao et al., "Bailando", 2022.
    """
    if not len(motion) or not len(speech):
        return float("nan")
    nearest = np.abs(motion[:, None] - speech[None]).min(1)
    return float(np.exp(-0.5 * np.square(nearest / BEAT_WIDTH)).mean())


def window_features(signals: Array, length: int = 25, hop: int = 5) -> Array:
    """
    What signals `(frames, dim)` do in windows of time, `(windows, 2 * dim)`: deviation and mean speed of each.
    """
    starts = range(0, len(signals) - length + 1, hop)
    windows = [signals[start : start + length] for start in starts]
    rows = [np.concatenate([w.std(0), np.abs(np.diff(w, axis=0)).mean(0)]) for w in windows]
    return np.array(rows).reshape(len(rows), 2 * signals.shape[1])


def frechet_distance(features: Array, reference: Array) -> float:
    """
    Frechet distance of two sets `(n, dim)` as Gaussians (Heusel et al., 2017), each dimension in units of the
    reference's deviation. NaN for sets of fewer than `dim + 1`.
    """
    dim = reference.shape[1]
    if min(len(features), len(reference)) <= dim:
        return float("nan")
    scale = reference.std(0) + 1e-9
    a, b = features / scale, reference / scale
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # The trace of (A B)^(1/2) by the eigenvalues of A B, which are those of a positive semi-definite matrix.
    eigenvalues = np.linalg.eigvals(cov_a @ cov_b).real.clip(0.0)
    shift = np.square(a.mean(0) - b.mean(0)).sum()
    return float(shift + np.trace(cov_a) + np.trace(cov_b) - 2.0 * np.sqrt(eigenvalues).sum())


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Stretches of consecutive true values as (start, stop)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _peaks(curve: Array, least: float, fps: float) -> Array:
    inner = curve[1:-1]
    found = np.flatnonzero((inner > curve[:-2]) & (inner >= curve[2:]) & (inner >= least)) + 1
    return frame_times(len(curve), fps)[found]


def _mean(values: NDArray | Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
