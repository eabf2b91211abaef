"""Measures of talking faces, as pure functions of landmark tracks and phone times."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray


Array = NDArray[np.floating]

# MediaPipe face-mesh indices.
EYE_CORNERS: Final = ((33, 133), (362, 263))
INNER_LIP_PAIRS: Final = ((82, 87), (13, 14), (312, 317))
EYELIDS: Final = (((159, 145), (158, 153), (160, 144)), ((386, 374), (385, 380), (387, 373)))
RIGID: Final = (6, 168, 197, 195, 5, 4, 1, 33, 133, 362, 263, 10, 151, 9)

CLOSURES: Final = frozenset({"P", "B", "M"})
OPEN_VOWELS: Final = frozenset({"AA", "AE", "AO", "AY"})
CLOSURE_WINDOW: Final = 0.06  # seconds each side of a phone within which the lips may meet


@dataclass(frozen=True)
class Phone:
    """A spoken sound: its ARPAbet name without stress (`"SIL"` for silence), its start and end in seconds."""

    name: str
    start: float
    end: float

    @property
    def centre(self) -> float:
        return 0.5 * (self.start + self.end)


@dataclass(frozen=True)
class LipScores:
    """
    How well the lips follow the sound; apertures are in inter-ocular distances.

    Args:
        closure_recall (`float`): Share of p, b and m at which the lips meet.
        closure_chance (`float`): The same share at random times.
        closed_aperture, open_aperture, silent_aperture (`float`): Mean aperture at p, b, m (minimum around each), at
            open vowels (maximum within each), and in silent gaps.
        std, low (`float`): Standard deviation and 5th percentile of the aperture over the clip.
    """

    closure_recall: float
    closure_chance: float
    closed_aperture: float
    open_aperture: float
    silent_aperture: float
    std: float
    low: float


def inter_ocular_distance(landmarks: Array) -> Array:
    """Distance between the eye centres, `(frames,)`, from landmarks `(frames, 478, >=2)` in pixels."""
    centres = [landmarks[:, list(corners), :2].mean(1) for corners in EYE_CORNERS]
    return np.linalg.norm(centres[1] - centres[0], axis=-1)


def lip_aperture(landmarks: Array) -> Array:
    """Opening between the inner lips in inter-ocular distances, `(frames,)`: mean of three pairs around the middle."""
    gaps = [
        np.linalg.norm(landmarks[:, lower, :2] - landmarks[:, upper, :2], axis=-1) for upper, lower in INNER_LIP_PAIRS
    ]
    return np.mean(gaps, axis=0) / inter_ocular_distance(landmarks)


def eye_openness(landmarks: Array) -> Array:
    """Lid gap over eye width, mean of both eyes, `(frames,)` (eye aspect ratio, Soukupova and Cech, 2016)."""
    ratios = []
    for lids, (outer, inner) in zip(EYELIDS, EYE_CORNERS, strict=True):
        gaps = [np.linalg.norm(landmarks[:, a, :2] - landmarks[:, b, :2], axis=-1) for a, b in lids]
        ratios.append(
            np.mean(gaps, axis=0) / np.linalg.norm(landmarks[:, outer, :2] - landmarks[:, inner, :2], axis=-1)
        )
    return np.mean(ratios, axis=0)


def count_blinks(openness: Array, level: float = 0.55) -> int:
    """Number of dips of the eye openness under `level` times its usual (75th percentile) value."""
    closed = openness < level * np.percentile(openness, 75)
    return int(np.sum(closed[1:] & ~closed[:-1]) + closed[0])


def closed_level(aperture: Array) -> float:
    """Aperture under which this clip's lips count as closed: a tenth of its range above its lowest, at least .02."""
    low, high = np.percentile(aperture, [5, 95])
    return float(max(0.02, low + 0.1 * (high - low)))


def closure_minima(aperture: Array, fps: float, times: Sequence[float]) -> Array:
    """Smallest aperture within 60 ms of each time; frame `i` shows the instant `(i + 0.5) / fps`."""
    instants = (np.arange(len(aperture)) + 0.5) / fps
    reach = CLOSURE_WINDOW + 0.5 / fps
    near = [aperture[np.abs(instants - time) <= reach] for time in times]
    return np.array([values.min() for values in near if len(values)])


def lip_scores(aperture: Array, fps: float, phones: Sequence[Phone]) -> LipScores:
    """Score an aperture curve, `(frames,)` at `fps`, against phones with times."""
    level = closed_level(aperture)
    duration = len(aperture) / fps
    minima = closure_minima(aperture, fps, [p.centre for p in phones if p.name in CLOSURES])
    anywhere = closure_minima(aperture, fps, list(np.arange(0.1, duration - 0.1, 0.02)))
    instants = (np.arange(len(aperture)) + 0.5) / fps

    def within(phone: Phone) -> Array:
        return aperture[(instants >= phone.start) & (instants <= phone.end)]

    vowels = [within(p).max() for p in phones if p.name in OPEN_VOWELS and len(within(p))]
    inner_gaps = [
        Phone(p.name, p.start + 0.1, p.end - 0.1) for p in phones if p.name == "SIL" and p.end - p.start > 0.3
    ]
    silences = [within(p).mean() for p in inner_gaps if len(within(p))]
    return LipScores(
        closure_recall=_mean(minima < level),
        closure_chance=_mean(anywhere < level),
        closed_aperture=_mean(minima),
        open_aperture=_mean(vowels),
        silent_aperture=_mean(silences),
        std=float(np.std(aperture)),
        low=float(np.percentile(aperture, 5)),
    )


def best_lag(curve: Array, reference: Array, max_lag: int = 5) -> tuple[int, float]:
    """Shift in frames (positive: `curve` is late) at which two curves correlate best, and that correlation."""
    length = min(len(curve), len(reference))
    curve, reference = curve[:length], reference[:length]
    scores = {}
    for lag in range(-max_lag, max_lag + 1):
        a = curve[max(lag, 0) : length + min(lag, 0)]
        b = reference[max(-lag, 0) : length + min(-lag, 0)]
        scores[lag] = float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0
    best = max(scores, key=lambda lag: scores[lag])
    return best, scores[best]


def jitter(landmarks: Array, indices: Sequence[int]) -> float:
    """Mean length of the third difference of some landmarks, in thousandths of the inter-ocular distance a frame^3."""
    points = landmarks[:, list(indices), :2] / inter_ocular_distance(landmarks).mean()
    return float(1000 * np.linalg.norm(np.diff(points, n=3, axis=0), axis=-1).mean())


def head_motion(rotations: Array, fps: float) -> dict[str, float]:
    """Spread of yaw, pitch and roll and mean angular speed, in degrees (a second), from radians `(frames, 3)`."""
    degrees = np.degrees(rotations)
    speed = np.linalg.norm(np.diff(degrees, axis=0), axis=-1).mean() * fps if len(degrees) > 1 else 0.0
    spread = dict(zip(("yaw_std", "pitch_std", "roll_std"), map(float, degrees.std(0)), strict=True))
    return spread | {"angular_speed": float(speed)}


def _mean(values: NDArray | Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
