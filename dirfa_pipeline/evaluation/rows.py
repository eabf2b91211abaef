"""The rows of an evaluation: what each number means and where it should lie, and the table that shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Metric:
    """What a number means, and the range in which it should lie (`None`: no bound)."""

    meaning: str
    low: float | None = None
    high: float | None = None
    digits: int = 2
    averaged: bool = False  # the mean over clips counts, for one clip says little; else the median

    @property
    def wanted(self) -> str:
        """The range in words; empty without bounds."""
        if self.low is None and self.high is None:
            return ""
        if self.high is None:
            return f">= {self.low:g}"
        return f"<= {self.high:g}" if self.low is None else f"{self.low:g} to {self.high:g}"

    def holds(self, value: float) -> bool:
        """Whether a value lies in the range."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


_CURVES: Final = {"yaw": "yaw", "pitch": "pitch", "roll": "roll", "brows": "the brows", "largest": "any; the largest"}


def _likeness(kind: str, meaning: str, high: float) -> dict[str, Metric]:
    """The rows of one kind of likeness; the largest of many has no bound, for slow curves meet by chance."""
    return {
        f"{kind}_{name}": Metric(
            f"{meaning}, absolute correlation of {words}", None, None if name == "largest" else high
        )
        for name, words in _CURVES.items()
    }


METRICS: Final[Mapping[str, Metric]] = {
    "closure_recall": Metric("share of p, b, m at which the lips close within 60 ms (English)", 0.93),
    "closure_chance": Metric("the same share at random times"),
    "closure_gain": Metric("the share less chance", 0.53),
    "open_close_ratio": Metric("aperture at AA AE AO AY over that at p, b, m", 4.0, None, 1),
    "phone_openness": Metric("correlation of the aperture with what the phones ask for, best lag within 5", 0.55),
    "phone_lag_frames": Metric("that lag; for real video it shows whether its own sound is in time", -1, 1, 0),
    "width_ee_oo": Metric("width of the mouth at ee less that at oo, w, inter-ocular distances (IOD)", 0.0, None, 3),
    "width_ss_sh": Metric("width at s and z less that at sh, zh, ch and j, IOD", 0.0, None, 3),
    "aperture_correlation": Metric("correlation with the real face that said it, best lag within 5", 0.55),
    "lag_frames": Metric("that lag; positive is late", -1, 1, 0),
    "lip_distance": Metric("distance of the lips' landmarks from the real ones, % of the IOD"),
    "aperture_mean": Metric("mean aperture, IOD", None, None, 3),
    "aperture_std": Metric("its deviation, IOD", 0.085, 0.11, 3),
    "aperture_low": Metric("its 5th percentile, IOD", None, 0.02, 3),
    "mouth_width_std": Metric("deviation of the mouth's width, IOD", 0.055, 0.09, 3),
    "silence_stillness": Metric("aperture deviation in silences over that in speech", None, 0.15),
    "yaw_std": Metric("deviation of yaw, degrees", 3.5, 5.5, 1),
    "pitch_std": Metric("deviation of pitch, degrees", 2.5, 4.0, 1),
    "roll_std": Metric("deviation of roll, degrees", 2.5, 3.5, 1),
    "angular_speed": Metric("mean speed of the head, degrees a second", 18.0, 23.0, 1),
    "angular_speed_peak": Metric("its 99th percentile over frames", None, 90.0, 0),
    "blinks_a_minute": Metric("dips of the eye aspect ratio under .55 of its usual value", 15.0, 30.0, 1),
    "blink_frames": Metric("length of a blink, frames", 4.0, 7.0, 1),
    "quiet_blinks": Metric("share of blinks in the quietest quarter of the clip; .25 by chance", averaged=True),
    "lid_std": Metric("deviation of the eye aspect ratio", 0.05, 0.07, 3),
    "lid_std_awake": Metric("the same without blinks", None, None, 3),
    "brow_std": Metric("deviation of the brows' height, IOD / 100", 1.8, 4.6),
    "head_beat": Metric("rise of the loudness where the head is fast, deviations", 0.3, averaged=True),
    "brow_beat": Metric("rise of the loudness where the brows are up, deviations", 0.25, averaged=True),
    "nods": Metric("loudness where the chin is up, deviations", 0.15, averaged=True),
    "nods_down": Metric("loudness where the chin is down, deviations", averaged=True),
    "jitter_rigid": Metric("third difference of nose and eye corners, IOD / 1000 / frame^3", None, 25.0, 1),
    "jitter_lips": Metric("the same of the lips", None, 50.0, 1),
    "beat_alignment": Metric("nearness of turns of the head to onsets of syllables, 0 to 1"),
    "frechet_distance": Metric("of windows of 1 s of head, brows, lids, lips to real ones", None, None, 1),
    **_likeness("hearing", "one seed, two speeches (real: two clips)", 0.35),
    **_likeness("centre", "the same at diversity 0", 0.35),
    **_likeness("seeds", "one speech, two seeds", 0.5),
    "diversity_pose": Metric("distance of two seeds (real: two clips of one person), degrees", 4.5, 13.0, 1),
    "diversity_upper_face": Metric("the same of brows and lids, IOD / 100", 1.5, 6.0, 1),
    "diversity_lips": Metric("the same of the lips, IOD / 100", None, 1.9, 1),
    "accent_share": Metric("share of takes with a gesture within .3 s of a strong rise of the loudness", 0.15, 0.8),
    "accent_chance": Metric("the same share at any instant"),
    "accent_size": Metric("correlation of the gesture's size with the rise's height"),
    "accent_mean_size": Metric("the same of the size averaged over the takes, none counting 0", 0.3),
    "likelihood_own": Metric("log-likelihood of real velocities under takes of their own sound, nats", None, None, 3),
    "likelihood_other": Metric("the same under takes of another clip's sound", None, None, 3),
    "likelihood_gain": Metric("the first less the second", 0.0, None, 4),
    "likelihood_error": Metric("standard error of that gain", None, None, 4),
    "identity_mean": Metric("cosine of the embeddings of frames and photo"),
    "identity_min": Metric("the smallest of them"),
    "sharpness": Metric("variance of the Laplacian in the face over that in the photo; noise raises it", 0.6),
    "theval_lip_dynamics": Metric("THEval: deviation of lip distances, pixels of 256 with eyes 64 apart"),
    "theval_brow_dynamics": Metric("THEval: change a frame of the gap of brow and eye, IOD", None, None, 5),
    "theval_silent_lips": Metric("THEval: deviation of the lips' gap in silences (by loudness)", None, None, 4),
    "theval_lip_sync": Metric("THEval: difference of lip gap and volume in speech, each in its range", None, None, 3),
    "theval_head_motion": Metric("our angular speed in place of THEval's head motion, degrees / s", None, None, 1),
}  # fmt: skip


def format_table(
    rows: Mapping[str, Mapping[str, float]], metrics: Mapping[str, Metric] = METRICS, title: str = ""
) -> str:
    """
    Rows of scores as text: a line a metric, a column a row, the wanted range last, `*` where the first row misses it.
    """
    names = list(rows)
    lines = []
    for key, metric in metrics.items():
        values = [rows[name].get(key) for name in names]
        if any(value is not None for value in values):
            cells = [
                "-" if value is None else f"{round(value, metric.digits) + 0.0:.{metric.digits}f}" for value in values
            ]
            missed = values[0] is not None and not metric.holds(values[0])
            lines.append([key, *cells, metric.wanted + ("  *" if missed else "")])
    return format_columns([[title, *names, "wanted"], *lines])


def format_columns(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells as text: the first and the last column flush left, those between flush right."""
    widths = [max(8, *(len(line[column]) for line in lines)) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:-1], strict=True)]
            + [line[-1]]
        ).rstrip()
        for line in lines
    )
