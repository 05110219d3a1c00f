"""A street for tests: a log and a store in memory, a clock set by hand, feeds' quotes, and the venue that comes and goes."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from ops.processes.lifetime import Background
from ops.processes.owned_role import OwnedRole
from ops.processes.platform import Platform
from ops.processes.venue_parts import open_venue
from ops.runtime.clock import ManualClock
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.metrics import Metrics
from ops.runtime.settings import Settings
from ops.runtime.timestamps import format_timestamp, parse_timestamp
from storage.controls.announce import Announcer
from storage.log.memory import MemoryLog
from storage.log.port import Log, Message, Record
from storage.log.valid_records import ValidRecords
from storage.models.calendars import Calendar, Segment
from storage.models.controls import ControlDocument, Fault
from storage.models.instruments import Instrument
from storage.models.venues import ConnectorFault, VenueRecord, decode_record
from storage.mongo.connect import Store, connect
from storage.mongo.controls import ControlDocuments
from storage.reference import ReferenceData
from storage.sealing import KeyRing
from storage.topics import QUOTES, VENUE_REPORTS, Topics
from streams.app.memory_owner_runner import MemoryOwnerRunner
from streams.venues.simulated.rules import Rules

SECOND = 1_000_000_000
BTC, SOL, SHARE = "BTC.X", "SOL.X", "ABC.US"
MORNING = parse_timestamp("2024-03-12T15:00:00Z")  # a Tuesday, 11:00 in New York
QUOTE_GROUP = "market"


def instrument(symbol: str, **changes: Any) -> Instrument:
    """A crypto pair of venue X with `changes`."""
    fields: dict[str, Any] = {
        "symbol": symbol,
        "venue": "X",
        "asset_class": "crypto",
        "calendar": "always",
        "currency": "USD",
        "price_precision": 2,
        "qty_precision": 3,
        "tick_size": "0.01",
        "lot_size": "0.001",
        "min_quantity": "0.001",
        "max_quantity": "1000",
        "min_notional": "0",
        "initial_margin_rate": "0.1",
        "maintenance_margin_rate": "0.05",
        "reference_price": "100",
    }
    return Instrument(**{**fields, **changes})


def _reference() -> ReferenceData:
    segments = (Segment(state="open", start_minute=570, end_minute=960),)
    return ReferenceData.of(
        [
            instrument(BTC),
            instrument(SOL),
            instrument(
                SHARE,
                venue="XNYS",
                asset_class="equity",
                calendar="day",
                lot_size="1",
                min_quantity="1",
                qty_precision=0,
            ),
        ],
        [
            Calendar(name="always", timezone="UTC", always_open=True),
            Calendar(name="day", timezone="America/New_York", weekly=dict.fromkeys(range(5), segments)),
        ],
    )


REFERENCE = _reference()
PARTITIONS = dict.fromkeys(
    (
        "quotes",
        "quote-states",
        "venue-requests",
        "venue-reports",
        "order-commands",
        "order-events",
        "risk-signals",
    ),
    2,
)
TOPICS = Topics(PARTITIONS)


class Street:
    """Everything that outlives a process. Make it inside the running event loop."""

    def __init__(
        self,
        rules: Rules | None = None,
        reference: ReferenceData = REFERENCE,
        log: Log | None = None,
        store: Store | None = None,
        topics: Topics = TOPICS,
    ) -> None:
        self.clock = ManualClock(MORNING)
        self.reference, self.rules, self.topics = reference, rules, topics
        self.log = log or MemoryLog(topics, self.clock)
        self.store = store or connect("mongomock://", "street")
        self.platform = Platform(
            settings=Settings(_env_file=None),
            clock=self.clock,
            identifiers=SystemIdentifiers(),
            metrics=Metrics(),
            topics=self.topics,
            log=self.log,
            store=self.store,
            key_ring=KeyRing.parse("test:" + "0" * 40),
        )
        self.announcer = Announcer(self.log, ControlDocuments(self.store.database), self.clock)
        self.roles: dict[str, OwnedRole] = {}
        self.numbers = count(1)

    @asynccontextmanager
    async def running(self, *openers: Callable[[Background], OwnedRole]) -> AsyncIterator[None]:
        """The roles that `openers` make, owning every partition until the end of the block; then they stop at once."""
        failing = asyncio.Event()
        background = Background(failing)
        runners = []
        for opener in openers:
            role = opener(background)
            self.roles[role.group] = role
            runner = MemoryOwnerRunner(self.log, role.commands, role.owner, role.group)
            background.start(runner.run(asyncio.Event()), role.group)
            runners.append(runner)
        try:
            async with asyncio.timeout(20):
                for runner in runners:
                    await _unless(failing, runner.ready())
            yield
        finally:
            await background.end()
            for role in self.roles.values():
                assert not role.failure.done(), role.failure.exception()

    def venue(self, background: Background) -> OwnedRole:
        """An opener for `running`."""
        return open_venue(self.platform, background, lambda: self.reference, quote_group=QUOTE_GROUP, rules=self.rules)

    async def quote(
        self,
        bid: str = "99",
        ask: str = "101",
        *,
        symbol: str = BTC,
        size: str = "5",
        last: str = "100",
        bids: Sequence[tuple[str, str]] = (),
        asks: Sequence[tuple[str, str]] = (),
        **more: Any,
    ) -> int:
        """Let the feed publish a quote; its offset."""
        now = format_timestamp(self.clock.now())
        value = {
            "symbol": symbol,
            "venue": self.reference.instruments[symbol].venue,
            "last": last,
            "bid": bid,
            "ask": ask,
            "bid_size": size,
            "ask_size": size,
            "session_state": "open",
            "ts": now,
            "ts_in": now,
            **more,
        }
        if bids or asks:
            value |= {"bids": bids, "asks": asks}
        return await self.publish(symbol, json.dumps(value).encode())

    async def publish(self, symbol: str, value: bytes) -> int:
        """Put a record on `quotes`; its offset."""
        return (await self.log.append(QUOTES, Message(symbol.encode(), value))).offset

    async def change(self, *documents: ControlDocument) -> int:
        """Change controls; the version that has them."""
        return await self.announcer.change(documents)

    async def fault(self, connector: str, fault: ConnectorFault) -> None:
        """Have a connector suffer, and wait until the venue obeys."""
        version = await self.change(Fault(connector, fault))
        await self.until(lambda: all(r.controls_version >= version for r in self.roles["venues"].reports()))

    async def until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Wait for what tells nobody."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.002)

    async def until_async(self, look: Callable[[], Awaitable[None]], condition: Callable[[], bool]) -> None:
        """Look again until what was seen fits."""
        async with asyncio.timeout(10):
            await look()
            while not condition():
                await asyncio.sleep(0.005)
                await look()

    async def records_of(self, topic: str) -> list[Record]:
        """All records of a topic that count, partition after partition."""
        found: list[Record] = []
        for number, bounds in (await self.log.bounds(topic)).items():
            judge = ValidRecords()
            async for records in self.log.read(topic, number, 0, bounds.next):
                found += judge.take(records)
        return found

    async def until_count(self, kind: str, number: int) -> None:
        """Wait until the venue has sent so many reports of a kind."""
        counted: list[int] = []

        async def look() -> None:
            reports = [report for record in await self.venue_records() for report in record.reports]
            counted[:] = [sum(report.kind == kind for report in reports)]

        await self.until_async(look, lambda: counted[0] >= number)

    async def venue_records(self) -> list[VenueRecord]:
        """What the venue has decided."""
        return [decode_record(record.value or b"") for record in await self.records_of(VENUE_REPORTS)]

    async def settled(self) -> None:
        """Return when every reader of the log in memory has read all that is there."""
        assert isinstance(self.log, MemoryLog)
        tails = self.log._tails
        ends = {spec.name: await self.log.bounds(spec.name) for spec in self.topics}
        await self.until(
            lambda: all(
                offset >= ends[tail._spec.name][number].next
                for tail in list(tails)
                if tail._open
                for number, offset in tail.positions().items()
            )
        )


async def _unless(failing: asyncio.Event, wanted: Any) -> None:
    waiting, failed = asyncio.ensure_future(wanted), asyncio.create_task(failing.wait())
    await asyncio.wait({waiting, failed}, return_when=asyncio.FIRST_COMPLETED)
    failed.cancel()
    if not waiting.done():
        waiting.cancel()
        raise AssertionError("a role has failed before it was ready")
    await waiting
