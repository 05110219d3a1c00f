"""How far a replay is, for those who watch it."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.feeds.replay.reading import Reading

_LEFT_OUT = ("corrected", "outside_session", "unmapped", "gaps")


@dataclass(slots=True)
class ReplayProgress:
    """One pass: records that are on the log, and the newest recorded event time among them (ns, 0 before the first)."""

    readings: Sequence[Reading]
    trades: int = 0
    quotes: int = 0
    at: int = 0

    def left_out(self) -> dict[str, int]:
        """Rows by why they were left out, and gaps of books; only what there was."""
        counts = {name: sum(getattr(reading, name) for reading in self.readings) for name in _LEFT_OUT}
        return {name: count for name, count in counts.items() if count}

    def left_out_text(self) -> str:
        """The same for people: ` (corrected: 12)`, or nothing."""
        counts = ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in self.left_out().items())
        return f" ({counts})" if counts else ""
