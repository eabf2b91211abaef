"""Counts what a command did with its inputs, so that nothing is left out silently."""

from dataclasses import dataclass, field


@dataclass
class Tally:
    """
    Counts the inputs that were kept and, by reason, those left out, with the first example of each.

    Args:
        noun (`str`): What is counted, in the plural.
        verb (`str`, defaults to `"read"`): What was done with all of them, as a past participle.
    """

    noun: str
    verb: str = "read"
    kept: int = 0
    left_out: dict[str, list[str]] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)

    def keep(self) -> None:
        """Count one more input that is used."""
        self.kept += 1

    def leave_out(self, reason: str, name: str) -> None:
        """Count one more input that is not used, under a reason."""
        self.left_out.setdefault(reason, []).append(name)

    def remark(self, remark: str, name: str) -> None:
        """Count something that an input lacks although it is kept."""
        self.remarks.setdefault(remark, []).append(name)

    def __str__(self) -> str:
        """A table with the number of all inputs, of those kept, and a line for each remark and each reason."""
        count = self.kept + sum(map(len, self.left_out.values()))
        lines = [f"{count:7d} {self.noun} {self.verb}", f"{self.kept:7d} kept"]
        for title, table in (("of these: ", self.remarks), ("left out: ", self.left_out)):
            for reason, names in sorted(table.items(), key=lambda item: -len(item[1])):
                lines.append(f"{len(names):7d} {title}{reason} ({names[0]}{', ...' if len(names) > 1 else ''})")
        return "\n".join(lines)
