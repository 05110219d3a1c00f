"""The topics: what carries what, keyed by what, in how many partitions, kept for how long."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from storage.log.partitioner import partition_of_key

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
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic. `retention_ms` is -1 for ever; `memory_records` bounds a partition of the memory log (None: no bound)."""

    name: str
    key: str
    schema: str
    partitions: int
    retention_ms: int
    compacted: bool = False
    memory_records: int | None = None


_MARKET_DATA_RECORDS: Final = 50_000
DEFAULT_TOPICS: Final[tuple[TopicSpec, ...]] = (
    TopicSpec(QUOTES, "symbol", "quote.1", 8, FOREVER, memory_records=_MARKET_DATA_RECORDS),
    TopicSpec(QUOTE_STATES, "symbol", "quote-state.1", 8, FOREVER, compacted=True, memory_records=_MARKET_DATA_RECORDS),
    TopicSpec(TRADES, "symbol", "trade.1", 8, FOREVER, memory_records=_MARKET_DATA_RECORDS),
    TopicSpec(BARS, "symbol", "bar.1", 8, FOREVER, memory_records=_MARKET_DATA_RECORDS),
    TopicSpec(ORDER_COMMANDS, "account", "order-command.1", 8, FOREVER),
    TopicSpec(ORDER_EVENTS, "account", "order-record.1", 8, FOREVER),
    TopicSpec(VENUE_REQUESTS, "symbol", "venue-request.1", 8, FOREVER),
    TopicSpec(VENUE_REPORTS, "symbol", "venue-report.1", 8, FOREVER),
    TopicSpec(RISK_SIGNALS, "account", "risk-signal.1", 8, FOREVER),
    TopicSpec(PLATFORM_EVENTS, "entity", "platform-event.1", 1, FOREVER),
    TopicSpec(DEAD_LETTERS, "source topic", "dead-letter.1", 1, FOREVER),
)
EQUAL_COUNTS: Final[tuple[tuple[str, ...], ...]] = (
    (ORDER_COMMANDS, ORDER_EVENTS),
    (QUOTES, QUOTE_STATES, VENUE_REQUESTS, VENUE_REPORTS),
)


class Topics:
    """The topics of one platform: the defaults with partition counts overridden by name.

    Raises `ValueError`, naming the topic, for an unknown name, a count below 1, or counts that must be equal and are not.
    """

    def __init__(self, partitions: Mapping[str, int] | None = None) -> None:
        overrides = dict(partitions or {})
        specs = [replace(spec, partitions=overrides.pop(spec.name, spec.partitions)) for spec in DEFAULT_TOPICS]
        if overrides:
            raise ValueError(f"no such topic: {', '.join(sorted(overrides))}")
        self._specs = {spec.name: spec for spec in specs}
        for spec in specs:
            if spec.partitions < 1:
                raise ValueError(f"topic {spec.name} needs at least 1 partition, not {spec.partitions}")
        for names in EQUAL_COUNTS:
            counts = {name: self._specs[name].partitions for name in names}
            if len(set(counts.values())) > 1:
                raise ValueError(f"these topics must have equally many partitions: {counts}")

    def __getitem__(self, name: str) -> TopicSpec:
        return self._specs[name]

    def __iter__(self) -> Iterator[TopicSpec]:
        return iter(self._specs.values())

    def partition(self, topic: str, key: bytes) -> int:
        """The partition of `topic` that records of `key` stand in, the same on both adapters."""
        return partition_of_key(key, self._specs[topic].partitions)
