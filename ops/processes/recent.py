"""What a process counted and timed in the last minute, read off its own metrics at most once a second."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from ops.runtime.clock import Clock
from ops.runtime.figures import COUNTS, LATENCIES, LEVELS, WINDOW_SECONDS, Shown
from ops.runtime.metrics import Metrics
from ops.runtime.readings import buckets_of, numbers_of
from storage.models.recent_figures import RecentFigures

Key = TypeVar("Key", str, float)
LOOK_SECONDS: Final = 1.0
_KEPT_SECONDS: Final = 5.0
"""Readings are kept so far apart: the window is that much longer than a minute at most."""
Buckets = list[tuple[float, int]]


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    counts: dict[str, dict[str, int]]
    buckets: dict[str, Buckets]


class Recent:
    """The figures of one process. Reading them costs half a millisecond where 80 operations are counted."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics, self._clock = metrics, clock
        self._kept: deque[_Reading] = deque([self._read()])
        self._looked_at = self._kept[0].at
        self._figures = RecentFigures()

    def figures(self) -> RecentFigures:
        """Those of the last minute (since the start, where that is less), at most a second old."""
        if self._clock.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._figures = self._look()
        return self._figures

    def _look(self) -> RecentFigures:
        now = self._read()
        self._looked_at = now.at
        while len(self._kept) > 1 and now.at - self._kept[1].at >= WINDOW_SECONDS:
            self._kept.popleft()
        figures = _between(self._kept[0], now, self._levels())
        if now.at - self._kept[-1].at >= _KEPT_SECONDS:
            self._kept.append(now)
        return figures

    def _read(self) -> _Reading:
        counts = {name: self._count(shown) for name, shown in COUNTS.items()}
        buckets: dict[str, Buckets] = {}
        for name, shown in LATENCIES.items():
            for label, found in buckets_of(self._metrics.histogram(shown.spec), shown.label_of).items():
                buckets[f"{name}_{label}" if label else name] = found
        return _Reading(self._clock.monotonic(), counts, buckets)

    def _count(self, shown: Shown) -> dict[str, int]:
        numbers = numbers_of(self._metrics.counter(shown.spec), shown.label_of)
        return {label: int(value) for label, value in numbers.items()}

    def _levels(self) -> dict[str, list[tuple[str, float]]]:
        found = {}
        for name, shown in LEVELS.items():
            numbers = numbers_of(self._metrics.gauge(shown.spec), shown.label_of)
            if levels := sorted((label, value) for label, value in numbers.items() if value):
                found[name] = levels
        return found


def _between(before: _Reading, now: _Reading, levels: dict[str, list[tuple[str, float]]]) -> RecentFigures:
    counts = {name: _grown(before.counts[name], counted.items()) for name, counted in now.counts.items()}
    latencies = {name: _grown(dict(before.buckets.get(name, ())), buckets) for name, buckets in now.buckets.items()}
    return RecentFigures(
        seconds=round(now.at - before.at, 3),
        counts={name: sorted(grown) for name, grown in counts.items() if grown},
        latencies={name: grown for name, grown in latencies.items() if grown},
        levels=levels,
    )


def _grown(before: Mapping[Key, int], now: Iterable[tuple[Key, int]]) -> list[tuple[Key, int]]:
    """By how much, where it has."""
    return [(key, count - before.get(key, 0)) for key, count in now if count > before.get(key, 0)]
