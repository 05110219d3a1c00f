"""One look at every process: what the kernel says of it, and what it says of itself."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from ops.bench.cpu import cpu_seconds, resident_bytes
from ops.bench.histograms import Buckets, add_buckets, quantile
from ops.bench.soak.fleet import Fleet, Member, exposition_of
from ops.bench.soak.told import Figures
from ops.runtime.metrics import (
    CONSUMER_LAG,
    FEED_APPEND_DELAY,
    HTTP_DURATION,
    JOB_QUEUE_AGE,
    LOOP_DELAY,
    MAIL_DURATION,
    ORDER_DECISION_DELAY,
    PROCESSOR_DELAY,
    READ_MODEL_DELAY,
    RELAY_DELAY,
    VENUE_DURATION,
    WEBSOCKET_DELAY,
)

DELAYS: Final[Mapping[str, str]] = {
    HTTP_DURATION.name: "request",
    WEBSOCKET_DELAY.name: "log to socket",
    PROCESSOR_DELAY.name: "log to fold",
    ORDER_DECISION_DELAY.name: "request to decision",
    VENUE_DURATION.name: "venue",
    RELAY_DELAY.name: "relay",
    READ_MODEL_DELAY.name: "read model",
    FEED_APPEND_DELAY.name: "feed to log",
    JOB_QUEUE_AGE.name: "job queue",
    MAIL_DURATION.name: "mail",
    LOOP_DELAY.name: "loop",
}
MEMORY, DESCRIPTORS, THREADS, CPU, LAG = "memory MB", "descriptors", "threads", "CPU %", "consumer lag"
_MEGABYTE: Final = 1_000_000


class Sampler:
    """Takes samples of a fleet. Quantiles are of what happened since the sample before."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._buckets: dict[str, dict[str, Buckets]] = {}
        self._cpu: dict[int, tuple[float, float]] = {}

    def sample(self) -> dict[str, Figures]:
        """By process. One that does not answer on its ops port has the kernel's part."""
        return {member.name: self._of(member) for member in self._fleet.members}

    def _of(self, member: Member) -> Figures:
        try:
            figures = self._by_the_kernel(member.pid)
        except OSError:
            return {}  # it has just died: the fleet's next look says so
        exposition = exposition_of(member)
        return figures if exposition is None else figures | self._by_itself(member.name, exposition)

    def _by_the_kernel(self, pid: int) -> Figures:
        now, used = time.monotonic(), cpu_seconds(pid)
        before = self._cpu.get(pid)
        self._cpu[pid] = (now, used)
        figures = {
            MEMORY: resident_bytes(pid) / _MEGABYTE,
            DESCRIPTORS: _entries(f"/proc/{pid}/fd"),
            THREADS: _entries(f"/proc/{pid}/task"),
        }
        return figures if before is None else {**figures, CPU: 100 * (used - before[1]) / (now - before[0])}

    def _by_itself(self, name: str, exposition: str) -> Figures:
        lag: float | None = None
        buckets: dict[str, dict[float, float]] = {}
        for family in text_string_to_metric_families(exposition):
            if family.name == CONSUMER_LAG.name and family.samples:
                lag = sum(sample.value for sample in family.samples)
            elif family.name in DELAYS:
                add_buckets(buckets.setdefault(family.name, {}), family)
        before = self._buckets.get(name, {})
        self._buckets[name] = dict(buckets)
        figures = {} if lag is None else {LAG: lag}
        for metric, found in buckets.items():
            for fraction in (0.5, 0.99):
                seconds = quantile(since(before.get(metric, {}), found), found, fraction)
                if seconds is not None:
                    figures[f"{DELAYS[metric]} p{100 * fraction:.0f} ms"] = 1_000 * seconds
        return figures


def since(before: Buckets, after: Buckets) -> Buckets:
    """The earlier reading; of a process that began anew since then nothing."""
    return {} if any(count > after.get(bound, 0.0) for bound, count in before.items()) else before


def _entries(folder: str) -> float:
    return float(sum(1 for _ in Path(folder).iterdir()))
