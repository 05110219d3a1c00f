"""What a process counted and timed in the last minute, read off its own metrics at most once a second."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from ops.runtime import metrics as catalogue
from ops.runtime.clock import Clock
from ops.runtime.metrics import Metrics, MetricSpec
from ops.runtime.readings import buckets_of, numbers_of
from storage.models.recent_figures import RecentFigures

WINDOW_SECONDS: Final = 60
LOOK_SECONDS: Final = 1.0
_KEPT_SECONDS: Final = 5.0
"""Readings are kept so far apart: the window is that much longer than a minute at most."""
Buckets = dict[float, int]


class Shown(NamedTuple):
    """A metric, and by which of its labels it is told apart (none: as one)."""

    spec: MetricSpec
    labels: tuple[str, ...] = ()


COUNTS: Final[Mapping[str, Shown]] = {
    "requests": Shown(catalogue.HTTP_REQUESTS, ("code",)),
    "rate_limited": Shown(catalogue.RATE_LIMITED, ("limit",)),
    "websocket_delivered": Shown(catalogue.WEBSOCKET_DELIVERED, ("topic",)),
    "websocket_conflated": Shown(catalogue.WEBSOCKET_CONFLATED, ("topic",)),
    "websocket_dropped": Shown(catalogue.WEBSOCKET_DROPPED, ("topic",)),
    "websocket_gaps": Shown(catalogue.WEBSOCKET_GAPS, ("topic",)),
    "websocket_closed": Shown(catalogue.WEBSOCKET_CLOSED, ("code",)),
    "feed_records": Shown(catalogue.FEED_PUBLISHED, ("kind",)),
    "folded": Shown(catalogue.FOLDED, ("processor",)),
    "dead_letters": Shown(catalogue.DEAD_LETTERS_TOTAL, ("reason",)),
    "order_commands": Shown(catalogue.ORDER_COMMANDS_TOTAL, ("command",)),
    "orders": Shown(catalogue.ORDERS_TOTAL, ("outcome",)),
    "fills": Shown(catalogue.FILLS_TOTAL, ("liquidity",)),
    "venue_requests": Shown(catalogue.VENUE_REQUESTS_TOTAL, ("outcome",)),
    "venue_errors": Shown(catalogue.VENUE_ERRORS, ("code",)),
    "jobs": Shown(catalogue.JOBS_TOTAL, ("actor", "outcome")),
    "jobs_enqueued": Shown(catalogue.JOBS_ENQUEUED, ("actor", "outcome")),
    "mails": Shown(catalogue.MAILS_TOTAL, ("outcome",)),
}
"""Counters by the name that they have in a heartbeat."""
LATENCIES: Final[Mapping[str, Shown]] = {
    "venue_to_feed": Shown(catalogue.FEED_DELAY),
    "feed_to_log": Shown(catalogue.FEED_APPEND_DELAY),
    "log_to_fold": Shown(catalogue.PROCESSOR_DELAY),
    "fold": Shown(catalogue.FOLD_DURATION),
    "flush": Shown(catalogue.FLUSH_DURATION),
    "log_to_socket": Shown(catalogue.WEBSOCKET_DELAY, ("topic",)),
    "request": Shown(catalogue.HTTP_DURATION),
    "request_to_decision": Shown(catalogue.ORDER_DECISION_DELAY),
    "deciding": Shown(catalogue.ORDER_DECIDING),
    "decision_to_log": Shown(catalogue.ORDER_RECORD_DELAY),
    "decision_to_relay": Shown(catalogue.RELAY_DELAY, ("target",)),
    "log_to_venue": Shown(catalogue.VENUE_WAIT),
    "venue_request": Shown(catalogue.VENUE_DURATION),
    "venue_to_decision": Shown(catalogue.VENUE_REPORT_DELAY),
    "decision_to_read_model": Shown(catalogue.READ_MODEL_DELAY),
    "job_queue": Shown(catalogue.JOB_QUEUE_AGE),
    "job": Shown(catalogue.JOB_DURATION),
    "mail": Shown(catalogue.MAIL_DURATION),
    "loop_delay": Shown(catalogue.LOOP_DELAY),
}
"""Histograms, each a hop or a stretch of a road; one that is told apart has its label behind the name: `log_to_socket_quotes`."""
LEVELS: Final[Mapping[str, Shown]] = {
    "websocket_connections": Shown(catalogue.WEBSOCKET_CONNECTIONS),
    "websocket_subscriptions": Shown(catalogue.WEBSOCKET_SUBSCRIPTIONS, ("topic",)),
    "symbols_stale": Shown(catalogue.SYMBOLS_STALE),
    "limits_degraded": Shown(catalogue.LIMITS_DEGRADED),
    "keys_degraded": Shown(catalogue.KEYS_DEGRADED),
    "sessions_degraded": Shown(catalogue.SESSIONS_DEGRADED),
}
"""Gauges."""


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    counts: dict[str, Counter[str]]
    buckets: dict[str, Buckets]


class Recent:
    """The figures of one process. Reading them costs about a millisecond where 80 operations are counted."""

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
            for label, found in self._bucket(shown).items():
                buckets[f"{name}_{label}" if label else name] = found
        return _Reading(self._clock.monotonic(), counts, buckets)

    def _count(self, shown: Shown) -> Counter[str]:
        found: Counter[str] = Counter()
        for labels, value in numbers_of(self._metrics.counter(shown.spec)).items():
            found[_label(shown, labels)] += int(value)
        return found

    def _bucket(self, shown: Shown) -> dict[str, Buckets]:
        found: dict[str, Buckets] = {}
        for labels, buckets in buckets_of(self._metrics.histogram(shown.spec)).items():
            counted = found.setdefault(_label(shown, labels), {})
            for bound, count in buckets:
                counted[bound] = counted.get(bound, 0) + count
        return found

    def _levels(self) -> dict[str, list[tuple[str, float]]]:
        found = {}
        for name, shown in LEVELS.items():
            numbers = numbers_of(self._metrics.gauge(shown.spec))
            if levels := [(_label(shown, labels), value) for labels, value in sorted(numbers.items()) if value]:
                found[name] = levels
        return found


def _label(shown: Shown, labels: tuple[str, ...]) -> str:
    """The values of the labels that tell it apart, as one text."""
    return " ".join(value for name, value in zip(shown.spec.labels, labels, strict=True) if name in shown.labels)


def _between(before: _Reading, now: _Reading, levels: dict[str, list[tuple[str, float]]]) -> RecentFigures:
    counts: dict[str, list[tuple[str, int]]] = {}
    for name, counted in now.counts.items():
        if grown := sorted((counted - before.counts[name]).items()):
            counts[name] = grown
    latencies: dict[str, list[tuple[float, int]]] = {}
    for name, buckets in now.buckets.items():
        known = before.buckets.get(name, {})
        if grown_by := [
            (bound, count - known.get(bound, 0)) for bound, count in buckets.items() if count > known.get(bound, 0)
        ]:
            latencies[name] = grown_by
    return RecentFigures(seconds=round(now.at - before.at, 3), counts=counts, latencies=latencies, levels=levels)
