"""What a process has counted and timed in the last minute, as its heartbeat carries it: small, and fit to be added up."""

from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field


class RecentFigures(BaseModel):
    """Figures of the last `seconds`. By name: `counts` how often, for each label; `latencies` how many took at most each bound
    (seconds; not more than the next lower one); `levels` what is now, for each label.

    Pairs, not objects: labels have dots in them, which names of a document's fields must not. What is zero is left out.
    """

    model_config = ConfigDict(frozen=True)

    seconds: float = 0.0
    counts: dict[str, list[tuple[str, int]]] = Field(default_factory=dict)
    latencies: dict[str, list[tuple[float, int]]] = Field(default_factory=dict)
    levels: dict[str, list[tuple[str, float]]] = Field(default_factory=dict)

    def count(self, name: str) -> int:
        """All of a name."""
        return sum(count for _, count in self.counts.get(name, ()))

    def rates(self) -> dict[str, float]:
        """Of each name of `counts` how often a second."""
        if self.seconds <= 0:
            return {}
        return {name: round(self.count(name) / self.seconds, 3) for name in sorted(self.counts)}


def counts_of(figures: Iterable[RecentFigures], name: str) -> Counter[str]:
    """How often in several processes, by label."""
    found: Counter[str] = Counter()
    for one in figures:
        for label, count in one.counts.get(name, ()):
            found[label] += count
    return found


def levels_of(figures: Iterable[RecentFigures], name: str) -> dict[str, float]:
    """What is now in several processes together, by label."""
    found: dict[str, float] = {}
    for one in figures:
        for label, level in one.levels.get(name, ()):
            found[label] = found.get(label, 0.0) + level
    return found


def latencies_of(figures: Iterable[RecentFigures]) -> dict[str, dict[float, int]]:
    """By name, how many of several processes fell under each bound (not cumulated)."""
    found: dict[str, Counter[float]] = {}
    for one in figures:
        for name, buckets in one.latencies.items():
            counted = found.setdefault(name, Counter())
            for bound, count in buckets:
                counted[bound] += count
    return {name: dict(sorted(counted.items())) for name, counted in sorted(found.items())}
