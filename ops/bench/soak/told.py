"""What the load has seen since the last sample: times by name, answers by code, and what was counted."""

from collections import Counter, defaultdict
from typing import Final

Figures = dict[str, float]
LOAD: Final = "load"
"""What stands in the place of a process for what the clients of a soak saw."""
MACHINE: Final = "machine"
"""And for the machine itself, whose load explains delays and is not judged."""
LOAD_AVERAGE: Final = "load average"


class Told:
    """Filled by the clients of a soak, emptied by each sample; `total` keeps the counts of the whole run."""

    def __init__(self) -> None:
        self.total: Counter[str] = Counter()
        self._times: dict[str, list[int]] = defaultdict(list)

    def took(self, name: str, nanoseconds: int) -> None:
        """Something took that long."""
        self._times[name].append(nanoseconds)

    def count(self, name: str, many: int = 1) -> None:
        """Something happened."""
        self.total[name] += many

    def take(self) -> Figures:
        """`NAME p50 ms` and `NAME p99 ms` of all times since the last call."""
        figures = {}
        for name, times in self._times.items():
            ordered = sorted(times)
            figures[f"{name} p50 ms"] = ordered[len(ordered) // 2] / 1e6
            figures[f"{name} p99 ms"] = ordered[len(ordered) * 99 // 100] / 1e6
        self._times.clear()
        return figures
