"""What the fan-out counts, brought to the metrics catalogue once a second rather than at each message."""

from collections.abc import Mapping

from gateway.live.backlog import Losses
from gateway.live.router import Delivered
from gateway.live.topics import SCOPES
from ops.runtime.clock import Clock, milliseconds
from ops.runtime.metrics import (
    WEBSOCKET_CONFLATED,
    WEBSOCKET_DELAY,
    WEBSOCKET_DELIVERED,
    WEBSOCKET_DROPPED,
    WEBSOCKET_GAPS,
    Metrics,
    MetricSpec,
)


class Statistics:
    """Counts of one process. `metrics` None: they are only counted."""

    def __init__(self, clock: Clock, metrics: Metrics | None) -> None:
        self.losses = Losses()
        self.delivered = Delivered()
        self._clock, self._metrics = clock, metrics
        self._told: dict[tuple[str, str], int] = {}
        for spec in (WEBSOCKET_DELIVERED, WEBSOCKET_CONFLATED, WEBSOCKET_DROPPED, WEBSOCKET_GAPS):
            self._bring(spec, dict.fromkeys(SCOPES, 0))  # a counter that begins at 1 has no increase there

    def delays(self, oldest: Mapping[str, int]) -> None:
        """Observe how long ago the oldest record of each family was appended (ms since the epoch)."""
        if self._metrics is None:
            return
        now = milliseconds(self._clock.now())
        histogram = self._metrics.histogram(WEBSOCKET_DELAY)
        for family, appended_ms in oldest.items():
            histogram.labels(family).observe(max(0, now - appended_ms) / 1000)

    def publish(self) -> None:
        """Bring the counters of the catalogue up to date."""
        self._bring(WEBSOCKET_DELIVERED, self.delivered.messages)
        self._bring(WEBSOCKET_CONFLATED, self.losses.conflated)
        self._bring(WEBSOCKET_DROPPED, self.losses.dropped)
        self._bring(WEBSOCKET_GAPS, self.losses.gaps)

    def _bring(self, spec: MetricSpec, counts: Mapping[str, int]) -> None:
        if self._metrics is None:
            return
        counter = self._metrics.counter(spec)
        for family, count in counts.items():
            key = (spec.name, family)
            counter.labels(family).inc(count - self._told.get(key, 0))
            self._told[key] = count
