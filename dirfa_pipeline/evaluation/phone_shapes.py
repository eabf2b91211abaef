"""Which shape the mouth has at which sound: width at ee and oo, ss and sh, and means of each viseme."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from .metrics import Array, Phone, frame_times


# Spread lips in the first group, rounded or pushed forward in the second.
WIDTH_CONTRASTS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "width_ee_oo": (frozenset({"IY"}), frozenset({"UW", "W"})),
    "width_ss_sh": (frozenset({"S", "Z"}), frozenset({"SH", "ZH", "CH", "JH"})),
}


def at_phones(curve: Array, fps: float, phones: Sequence[Phone]) -> Array:
    """A curve `(frames,)` in the middle of each phone, `(phones,)`; NaN behind its end."""
    instants = frame_times(len(curve), fps)
    return np.interp([phone.centre for phone in phones], instants, curve, right=np.nan)


def width_contrasts(width: Array, fps: float, phones: Sequence[Phone]) -> dict[str, float]:
    """
    Width of the mouth at spread sounds less that at rounded ones, in IOD: `width_ee_oo` (IY less UW and W) and
    `width_ss_sh` (S and Z less SH, ZH, CH and JH). NaN where a clip lacks either.
    """
    here = at_phones(width, fps, phones)

    def mean(names: frozenset[str]) -> float:
        values = here[[phone.name in names for phone in phones]] if len(phones) else here
        values = values[np.isfinite(values)]
        return float(values.mean()) if len(values) else float("nan")

    return {name: mean(wide) - mean(narrow) for name, (wide, narrow) in WIDTH_CONTRASTS.items()}


def viseme_values(
    curve: Array, fps: float, phones: Sequence[Phone], visemes: Mapping[str, tuple[str, ...]]
) -> dict[str, list[float]]:
    """
    What a curve `(frames,)` does at each viseme, less its mean at all phones but silence.

    `visemes` gives those of each phone's name; a phone that is two of them in turn, a diphthong, is left out.
    """
    here = at_phones(curve, fps, phones)
    spoken = np.array([phone.name != "SIL" for phone in phones], bool) & np.isfinite(here)
    values: dict[str, list[float]] = {}
    for phone, value in zip(phones, here - here[spoken].mean() if spoken.any() else here, strict=True):
        classes = visemes.get(phone.name, ())
        if len(classes) == 1 and np.isfinite(value):
            values.setdefault(classes[0], []).append(float(value))
    return values


def viseme_means(clips: Sequence[Mapping[str, Sequence[float]]], least: int = 5) -> dict[str, float]:
    """Mean of each viseme over all clips, of what [`viseme_values`] gave; those heard less often are left out."""
    names = dict.fromkeys(name for clip in clips for name in clip)
    pooled = {name: [value for clip in clips for value in clip.get(name, ())] for name in names}
    return {name: float(np.mean(values)) for name, values in pooled.items() if len(values) >= least}
