"""A market of two symbols that never close and one that has sessions, and a bars repository that can break."""

from collections.abc import Callable, Sequence

import pytest

from ops.runtime.clock import ManualClock
from storage.log.memory import MemoryLog
from storage.log.port import Message, Position
from storage.models.bars import BarDocument, BarKey
from storage.models.calendars import Calendar, Segment
from storage.models.instruments import Instrument
from storage.reference import ReferenceData
from storage.topics import Topics


class Broken(Exception):
    """What a part raises that was told to break."""


class Fuse:
    """Counts calls of breakable parts and raises in one of them."""

    def __init__(self) -> None:
        self.calls = 0
        self.break_at: int | None = None

    def blown(self) -> bool:
        """Whether this call is the one that breaks."""
        self.calls += 1
        return self.break_at is not None and self.calls == self.break_at


class KeptBars:
    """`BarsRepository` in memory, with the guard of the real one. Broken, it writes the first half and raises."""

    def __init__(self, fuse: Fuse) -> None:
        self.kept: dict[BarKey, BarDocument] = {}
        self.loads = 0
        self._fuse = fuse

    async def write_many(self, documents: Sequence[BarDocument], /) -> None:
        blown = self._fuse.blown()
        for document in documents[: len(documents) // 2] if blown else documents:
            before = self.kept.get(document.key)
            if before is None or _state(document) > _state(before):
                self.kept[document.key] = document
        if blown:
            raise Broken

    async def load(self, keys: Sequence[BarKey], /) -> list[BarDocument]:
        self.loads += 1
        return [self.kept[key] for key in keys if key in self.kept]

    async def ahead_of(self, partition: int, offset: int) -> list[BarDocument]:
        return [bar for bar in self.kept.values() if bar.partition == partition and bar.upto >= offset]

    async def newest(self, partition: int) -> list[BarDocument]:
        found: dict[tuple[str, str], BarDocument] = {}
        for bar in sorted(self.kept.values(), key=lambda bar: bar.start):
            if bar.partition == partition:
                found[bar.symbol, bar.timeframe] = bar
        return list(found.values())


def _state(document: BarDocument) -> tuple[int, int, bool]:
    return document.upto, document.revision, document.final


class BreakableLog(MemoryLog):
    """The memory log; broken, it appends the first half and raises."""

    fuse: Fuse

    async def append_many(self, topic: str, messages: Sequence[Message]) -> list[Position]:
        blown = self.fuse.blown()
        positions = await super().append_many(topic, messages[: len(messages) // 2] if blown else messages)
        if blown:
            raise Broken
        return positions


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def topics() -> Topics:
    return Topics(dict.fromkeys(("trades", "bars", "quotes", "quote-states", "venue-requests", "venue-reports"), 1))


@pytest.fixture
def fuse() -> Fuse:
    return Fuse()


@pytest.fixture
def broken() -> type[Broken]:
    return Broken


@pytest.fixture
def log(topics: Topics, clock: ManualClock, fuse: Fuse) -> BreakableLog:
    log = BreakableLog(topics, clock)
    log.fuse = fuse
    return log


@pytest.fixture
def kept_bars(fuse: Fuse) -> KeptBars:
    return KeptBars(fuse)


def _instrument(symbol: str, calendar: str) -> Instrument:
    return Instrument(
        symbol=symbol, venue="X", asset_class="crypto", calendar=calendar, currency="USD", price_precision=2,
        qty_precision=2, tick_size="0.01", lot_size="0.01", min_quantity="0.01", max_quantity="1000", min_notional="1",
        multiplier="1", initial_margin_rate="0.1", maintenance_margin_rate="0.05", stale_after_seconds=10,
        reference_price="100",
    )  # fmt: skip


@pytest.fixture
def reference() -> Callable[[], ReferenceData]:
    """A.X and B.X never close; S.X is open 10:00-16:00 UTC on every day, with pre-market from 09:00."""
    day = (
        Segment(state="premarket", start_minute=540, end_minute=600),
        Segment(state="open", start_minute=600, end_minute=960),
    )
    calendars = [
        Calendar(name="ALWAYS", timezone="UTC", always_open=True),
        Calendar(name="DAYS", timezone="UTC", weekly=dict.fromkeys(range(7), day)),
    ]
    instruments = [_instrument("A.X", "ALWAYS"), _instrument("B.X", "ALWAYS"), _instrument("S.X", "DAYS")]
    data = ReferenceData.of(instruments, calendars)
    return lambda: data
