"""The metrics of a server, in Prometheus' format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


DELAY_BUCKETS: Final = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0)  # seconds

HELP: Final = {
    "sessions": ("gauge", "open conversations"),
    "waiting": ("gauge", "visitors waiting for a place"),
    "sessions_total": ("counter", "conversations opened"),
    "refused_total": ("counter", "visitors and requests refused because all places were taken"),
    "frames_total": ("counter", "frames sent"),
    "frames_skipped_total": ("counter", "frames that the server was too slow to draw"),
    "frames_unread_total": ("counter", "frames drawn but not sent because the network or the visitor was slow"),
    "faults_total": ("counter", "malformed messages"),
    "generated_total": ("counter", "videos made"),
}


@dataclass
class Metrics:
    """The counters of a server; `values` has the names of [`HELP`] as keys."""

    values: dict[str, int] = field(default_factory=lambda: dict.fromkeys(HELP, 0))
    delays: list[int] = field(default_factory=lambda: [0] * (len(DELAY_BUCKETS) + 1))
    delay_sum: float = 0.0

    def add(self, name: str, amount: int = 1) -> None:
        """Count."""
        self.values[name] += amount

    def saw_delay(self, seconds: float) -> None:
        """Record the delay from a frame's moment until the visitor reported it shown or, in a call, it was sent."""
        self.delay_sum += seconds
        self.delays[sum(seconds > bound for bound in DELAY_BUCKETS)] += 1

    def text(self, running: Mapping[str, int]) -> str:
        """All metrics in Prometheus' text format; `running` holds the counts of open conversations."""
        lines = []
        for name, (kind, meaning) in HELP.items():
            lines += [f"# HELP dirfa_{name} {meaning}", f"# TYPE dirfa_{name} {kind}"]
            lines.append(f"dirfa_{name} {self.values[name] + running.get(name, 0)}")
        lines += ["# HELP dirfa_delay_seconds time from a frame's moment until it was shown or, in calls, sent"]
        lines += ["# TYPE dirfa_delay_seconds histogram"]
        count = 0
        for bound, seen in zip((*DELAY_BUCKETS, "+Inf"), self.delays, strict=True):
            count += seen
            lines.append(f'dirfa_delay_seconds_bucket{{le="{bound}"}} {count}')
        lines += [f"dirfa_delay_seconds_sum {self.delay_sum:.6f}", f"dirfa_delay_seconds_count {count}"]
        return "\n".join(lines) + "\n"
