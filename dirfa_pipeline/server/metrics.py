"""What a server counts, as Prometheus reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


DELAY_BUCKETS: Final = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0)  # seconds

HELP: Final = {
    "sessions": ("gauge", "conversations that are open"),
    "waiting": ("gauge", "visitors who wait for a place"),
    "sessions_total": ("counter", "conversations that were opened"),
    "refused_total": ("counter", "visitors and requests that were sent away for lack of room"),
    "frames_total": ("counter", "frames that were sent"),
    "frames_skipped_total": ("counter", "frames that this machine was too slow to draw"),
    "frames_unread_total": ("counter", "frames that were drawn and never sent: the network or the visitor was slow"),
    "faults_total": ("counter", "malformed messages"),
    "generated_total": ("counter", "videos that were made"),
}


@dataclass
class Metrics:
    """Counters of one server; `values` by the names of [`HELP`]."""

    values: dict[str, int] = field(default_factory=lambda: dict.fromkeys(HELP, 0))
    delays: list[int] = field(default_factory=lambda: [0] * (len(DELAY_BUCKETS) + 1))
    delay_sum: float = 0.0

    def add(self, name: str, amount: int = 1) -> None:
        """Count."""
        self.values[name] += amount

    def saw_delay(self, seconds: float) -> None:
        """So long after a frame's moment came the message that it was shown; of a call: so late it was sent."""
        self.delay_sum += seconds
        self.delays[sum(seconds > bound for bound in DELAY_BUCKETS)] += 1

    def text(self, running: Mapping[str, int]) -> str:
        """Everything in Prometheus' text format, with what conversations that are not over have added up to."""
        lines = []
        for name, (kind, meaning) in HELP.items():
            lines += [f"# HELP dirfa_{name} {meaning}", f"# TYPE dirfa_{name} {kind}"]
            lines.append(f"dirfa_{name} {self.values[name] + running.get(name, 0)}")
        lines += ["# HELP dirfa_delay_seconds from a frame's moment to when it was shown; in calls, sent"]
        lines += ["# TYPE dirfa_delay_seconds histogram"]
        count = 0
        for bound, seen in zip((*DELAY_BUCKETS, "+Inf"), self.delays, strict=True):
            count += seen
            lines.append(f'dirfa_delay_seconds_bucket{{le="{bound}"}} {count}')
        lines += [f"dirfa_delay_seconds_sum {self.delay_sum:.6f}", f"dirfa_delay_seconds_count {count}"]
        return "\n".join(lines) + "\n"
