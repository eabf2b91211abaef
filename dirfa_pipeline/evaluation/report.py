"""The report of an evaluation: scores of ours, of real video, of the still photo, and of ours with another sound."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np

from .hearing import likeness
from .measuring import Clip, Settings
from .metrics import frechet_distance
from .rows import METRICS, Metric, format_table
from .scores import (
    Scores,
    all_scores,
    lip_scores,
    mean_scores,
    motion_windows,
    reference_scores,
    sound_scores,
    take_distances,
)
from .theval import THEVAL_NAMES, theval_scores


OURS, REAL, STILL, OTHER = "ours", "real video", "still photo", "other clip's sound"
GROUPS: Final = ("", ", short clips")
THEVAL_SCORES: Final[Mapping[str, Metric]] = {
    f"theval_{name}": Metric("1 - |value - real| / real") for name in (*THEVAL_NAMES, "mean")
}


def real_distances(clips: Sequence[Clip]) -> Scores:
    """Mean distances over all pairs of real clips of one person."""
    real = [(clip.entry.person, clip.real) for clip in clips if clip.real is not None and clip.entry.person]
    pairs = [(a, b) for (name, a), (other, b) in combinations(real, 2) if name == other]
    return mean_scores([take_distances(a.coefficients, b.coefficients, a.face) for a, b in pairs])


def shuffled_scores(clips: Sequence[Clip], index: int) -> Scores:
    """Our video of a clip against the sound, the phones and the face of others in the list."""
    clip, others = clips[index], [*clips[index + 1 :], *clips[:index]]

    def partner(suits: Callable[[Clip], bool]) -> Clip | None:
        return next((other for other in others if suits(other)), None)

    scores: Scores = {}
    if others:
        scores |= sound_scores(clip.ours, others[0].sound)
    if clip.phones and (spoken := partner(lambda other: bool(other.phones))):
        scores |= lip_scores(clip.ours, spoken.phones)
    if clip.real and (seen := partner(lambda other: other.real is not None and other.entry != clip.entry)):
        assert seen.real is not None
        scores |= reference_scores(clip.ours, seen.real)
    return scores


def score_group(clips: Sequence[Clip]) -> dict[str, list[Scores]]:
    """For each row, the scores of each clip."""
    return {
        OURS: [all_scores(clip.ours, clip.sound, clip.phones, clip.real) | clip.extra for clip in clips],
        REAL: [all_scores(clip.real, clip.sound, clip.phones) for clip in clips if clip.real is not None],
        STILL: [all_scores(clip.still, clip.sound, clip.phones, clip.real) for clip in clips],
        OTHER: [shuffled_scores(clips, index) for index in range(len(clips))],
    }


def frechet_distances(clips: Sequence[Clip]) -> Scores:
    """
    Distance of each row's windows to those of all real clips.

    The real row is that of every other clip to the rest: what a perfect score would be for so few clips.
    """
    real = [motion_windows(clip.real) for clip in clips if clip.real is not None]
    if len(real) < 4:  # fewer say too little about real motion
        return {}
    everything = np.concatenate(real)
    rows = {
        OURS: np.concatenate([motion_windows(clip.ours) for clip in clips]),
        STILL: np.concatenate([motion_windows(clip.still) for clip in clips]),
    }
    halves = np.concatenate(real[::2]), np.concatenate(real[1::2])
    distances = {name: frechet_distance(windows, everything) for name, windows in rows.items()}
    return distances | {REAL: frechet_distance(*halves)}


def hearing_scores(clips: Sequence[Clip]) -> dict[str, Scores]:
    """
    For each row, how alike different speeches are: ours with one seed and at diversity 0, and real clips of people.
    """
    real = [clip.real.coefficients for clip in clips if clip.real is not None]
    return {
        OURS: _named("hearing", likeness([clip.same_seed for clip in clips]))
        | _named("centre", likeness([clip.centre for clip in clips])),
        REAL: _named("hearing", likeness(real)),
    }


def _named(kind: str, scores: Scores) -> Scores:
    return {f"{kind}_{name}": value for name, value in scores.items()}


def make_report(clips: Sequence[Clip], settings: Settings, left_out: Sequence[Mapping[str, str]]) -> dict[str, object]:
    """
    The report, ready for JSON: `rows` of medians over clips (of means, where a metric says so), `targets` as
    [low, high] with null for no bound, `meanings`, `theval` with the scores of each row against the real one, how many
    clips were measured, how, the rows of each clip, and the name and reason of each that was left out. Scores that
    cannot be measured are absent.
    """
    rows: dict[str, Scores] = {}
    each: list[dict[str, object]] = []
    for group in GROUPS:
        members = [clip for clip in clips if clip.group == group]
        for name, scores in score_group(members).items():
            rows[name + group] = average_scores(scores)
            shown = [clip for clip in members if name != REAL or clip.real is not None]
            for clip, values in zip(shown, scores, strict=True):
                each.append({"name": clip.entry.name, "row": name, **_in_order(values)})
        for name, distance in frechet_distances(members).items():
            rows[name + group]["frechet_distance"] = distance
        for name, alike in hearing_scores(members).items():
            rows[name + group] |= alike
        rows[REAL + group] |= real_distances(members)
    return {
        "rows": {name: _in_order(row) for name, row in rows.items() if row},
        "targets": {name: [metric.low, metric.high] for name, metric in METRICS.items()},
        "meanings": {name: metric.meaning for name, metric in METRICS.items()},
        "theval": _against_real(rows),
        "counts": {
            group: sum(clip.group == suffix for clip in clips)
            for group, suffix in (("clips", ""), ("short clips", ", short clips"))
        },
        "settings": {"seconds": settings.seconds, "max_size": settings.max_size, "seed": settings.first_seed},
        "clips": each,
        "left_out": list(left_out),
    }


def _against_real(rows: Mapping[str, Scores]) -> dict[str, Scores]:
    """THEval's scores of each row that can be compared with real video."""
    names = [(name + group, REAL + group) for group in GROUPS for name in (OURS, STILL, OTHER)]
    compared = {name: theval_scores(rows[name], rows[real]) for name, real in names}
    return {name: scores for name, scores in compared.items() if scores}


def average_scores(rows: Sequence[Scores]) -> Scores:
    """The median over clips, or the mean where the metric says so."""
    means = {name: value for name, value in mean_scores(rows).items() if METRICS[name].averaged}
    return mean_scores(rows, np.median) | means


def _in_order(scores: Scores) -> Scores:
    return {name: scores[name] for name in METRICS if np.isfinite(scores.get(name, np.nan))}


def format_report(report: Mapping[str, Any]) -> str:
    """The report as text: a table for the long clips, one for the short ones, THEval's scores where there are any."""
    tables = []
    for group in GROUPS:
        names = [name for name in (OURS, REAL, STILL, OTHER) if name + group in report["rows"]]
        if names:
            tables.append(
                format_table({name: report["rows"][name + group] for name in names}, title=group.strip(", "))
            )
        compared = {name: report["theval"][name + group] for name in names if name + group in report["theval"]}
        if compared:
            tables.append(format_table(compared, THEVAL_SCORES, title="THEval's score"))
    return "\n\n".join(tables)
