"""The topics: what carries what, keyed by what, in how many partitions, kept for how long."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from storage.partitioner import partition_of_key

QUOTES: Final = "quotes"
QUOTE_STATES: Final = "quote-states"
TRADES: Final = "trades"
BARS: Final = "bars"
ORDER_COMMANDS: Final = "order-commands"
ORDER_EVENTS: Final = "order-events"
VENUE_REQUESTS: Final = "venue-requests"
VENUE_REPORTS: Final = "venue-reports"
RISK_SIGNALS: Final = "risk-signals"
PLATFORM_EVENTS: Final = "platform-events"
DEAD_LETTERS: Final = "dead-letters"

PLATFORM_KEY: Final = b"platform"
FOREVER: Final = -1


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic. `retention_ms` is -1 for ever; `memory_records` bounds a partition of the memory log (None: no bound).

    `message_bytes` is the most that key, value and headers of one message may come to.
    """

    name: str
    key: str
    schema: str
    partitions: int
    retention_ms: int
    compacted: bool = False
    memory_records: int | None = None
    message_bytes: int = 1_000_000


_MARKET_DATA_RECORDS: Final = 50_000
_VENUE_RECORDS: Final = 50_000
"""Health checks of connectors go through their topics without end, for as long as a process runs."""
DEFAULT_TOPICS: Final[tuple[TopicSpec, ...]] = (
    TopicSpec(QUOTES, "symbol", "quote.1", 8, FOREVER, memory_records=_MARKET_DATA_RECORDS),
    TopicSpec(QUOTE_STATES, "symbol", "quote-state.1", 8, FOREVER, compacted=True, memory_records=_MARKET_DATA_RECORDS),
    TopicSpec(TRADES, "symbol", "trade.1", 8, FOREVER, memory_records=_MARKET_DATA_RECORDS),
    TopicSpec(BARS, "symbol", "bar.1", 8, FOREVER, memory_records=_MARKET_DATA_RECORDS),
    TopicSpec(ORDER_COMMANDS, "account", "order-command.1", 8, FOREVER),
    TopicSpec(ORDER_EVENTS, "account", "order-record.1", 8, FOREVER),
    TopicSpec(VENUE_REQUESTS, "symbol", "venue-request.1", 8, FOREVER, memory_records=_VENUE_RECORDS),
    TopicSpec(VENUE_REPORTS, "symbol", "venue-report.1", 8, FOREVER, memory_records=_VENUE_RECORDS),
    TopicSpec(RISK_SIGNALS, "account", "risk-signal.1", 8, FOREVER),
    TopicSpec(PLATFORM_EVENTS, "entity", "platform-event.1", 1, FOREVER),
    # A dead letter carries the bytes of another topic's message as base64, so it may be larger than any of them.
    TopicSpec(DEAD_LETTERS, "source topic", "dead-letter.1", 1, FOREVER, message_bytes=3_000_000),
)
OWNED_TOPICS: Final = frozenset((ORDER_COMMANDS, ORDER_EVENTS, VENUE_REQUESTS, VENUE_REPORTS))
"""Kept for ever: a broker knows nothing of the owners' floors, and what it deletes after one is lost to a take-over."""
EQUAL_COUNTS: Final[tuple[tuple[str, ...], ...]] = (
    (ORDER_COMMANDS, ORDER_EVENTS),
    (QUOTES, QUOTE_STATES, VENUE_REQUESTS, VENUE_REPORTS),
)


class Topics:
    """The topics of one platform: the defaults with partition counts and retention (ms, -1 for ever) overridden by name.

    `prefix` goes before the names of topics and consumer groups on a broker that several platforms share; the memory
    log needs none. Raises `ValueError`, naming the topic, for an unknown name, a count below 1, a retention that is
    neither positive nor -1, one at all for a topic that has owners, or counts that must be equal and are not.
    """

    def __init__(
        self,
        partitions: Mapping[str, int] | None = None,
        retention_ms: Mapping[str, int] | None = None,
        prefix: str = "",
    ) -> None:
        counts, retentions = dict(partitions or {}), dict(retention_ms or {})
        specs = {
            spec.name: replace(
                spec,
                partitions=counts.pop(spec.name, spec.partitions),
                retention_ms=retentions.pop(spec.name, spec.retention_ms),
            )
            for spec in DEFAULT_TOPICS
        }
        if unknown := sorted({*counts, *retentions}):
            raise ValueError(f"no such topic: {', '.join(unknown)}; there are {', '.join(specs)}")
        self.prefix = prefix
        self._specs = specs
        _check(specs)

    def __getitem__(self, name: str) -> TopicSpec:
        return self._specs[name]

    def __iter__(self) -> Iterator[TopicSpec]:
        return iter(self._specs.values())

    def partition(self, topic: str, key: bytes) -> int:
        """The partition of `topic` that records of `key` stand in, the same on both adapters."""
        return partition_of_key(key, self._specs[topic].partitions)

    def on_broker(self, name: str) -> str:
        """What a topic or a consumer group of ours is called on the broker."""
        return self.prefix + name


def _check(specs: Mapping[str, TopicSpec]) -> None:
    for spec in specs.values():
        if spec.partitions < 1:
            raise ValueError(f"topic {spec.name} needs at least 1 partition, not {spec.partitions}")
        if spec.retention_ms != FOREVER and spec.retention_ms < 1:
            raise ValueError(f"topic {spec.name}: retention is in ms, or -1 for ever, not {spec.retention_ms}")
        if spec.retention_ms != FOREVER and spec.name in OWNED_TOPICS:
            raise ValueError(
                f"topic {spec.name} must be kept for ever (-1): a take-over reads what a retention would delete"
            )
    for names in EQUAL_COUNTS:
        counts = {name: specs[name].partitions for name in names}
        if len(set(counts.values())) > 1:
            raise ValueError(f"these topics must have equally many partitions: {counts}")
