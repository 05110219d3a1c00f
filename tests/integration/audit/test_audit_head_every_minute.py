"""The head of the audit trail is on the log a minute after an act at the latest, by a worker whose minutes are made up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from ops.processes.job_parts import audit_head_sweep
from ops.processes.platform import Platform
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.metrics import AUDIT_HEAD_TIMESTAMP, Metrics
from ops.runtime.settings import Settings
from storage.audit.heads import Heads
from storage.audit.trail import AuditTrail
from storage.audit.verification import verify
from storage.log.memory import MemoryLog
from storage.log.port import LogUnavailable, Message, Position, Record
from storage.models.audit import Act
from storage.mongo.audit_events import COLLECTION, AuditEvents
from storage.mongo.connect import connect
from storage.mongo.leases import Leases
from storage.sealing import KeyRing
from storage.topics import PLATFORM_EVENTS, Topics
from tests.simulation.owner.virtual_time import LoopClock, run
from workers.sweeps.sweeping import Sweeping

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
RING = KeyRing.parse("one:first-secret-of-the-ring")
ACT = Act("admin", "adm_1", "user.status", "user", "usr_1", None, None, "::1", "1" * 32)


class AwayLog(MemoryLog):
    """A log that takes nothing while it is `away`."""

    away = False

    async def append(self, topic: str, message: Message) -> Position:
        if self.away:
            raise LogUnavailable("away")
        return await super().append(topic, message)


class Office:
    """A platform on the loop's clock, its trail, and workers that come and go."""

    def __init__(self) -> None:
        store = connect("mongomock://", "audit")
        self.database = store.database
        self.clock, self.metrics = LoopClock(START), Metrics()
        topics = Topics()
        self.log = AwayLog(topics, self.clock)
        self.events = AuditEvents(self.database, RING)
        self.trail = AuditTrail(self.events, self.clock, SystemIdentifiers())
        self.platform = Platform(
            settings=Settings(_env_file=None),
            clock=self.clock,
            identifiers=SystemIdentifiers(),
            metrics=self.metrics,
            topics=topics,
            log=self.log,
            store=store,
            key_ring=RING,
        )

    @asynccontextmanager
    async def worker(self, name: str) -> AsyncIterator[None]:
        """A process that sweeps for audit heads alone, and ends in order."""
        leases = Leases(self.database)
        sweeps = [audit_head_sweep(self.platform)]
        sweeping = Sweeping(sweeps, leases, name, clock=self.clock, metrics=self.metrics)
        running = asyncio.create_task(sweeping.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])

    async def published(self) -> list[float]:
        """When each head came to the log, in seconds since the start."""
        bounds = await self.log.bounds(PLATFORM_EVENTS)
        found: list[Record] = []
        for partition, bound in bounds.items():
            async for records in self.log.read(PLATFORM_EVENTS, partition, bound.first, bound.next):
                found += records
        return [record.timestamp / 1_000 - START / SECOND for record in found]


def test_each_act_is_below_a_published_head_within_a_minute() -> None:
    async def main() -> None:
        office = Office()
        async with office.worker("one"):
            for seconds in (1, 29, 29.5, 0.5, 59.9, 130):
                await asyncio.sleep(seconds)
                await office.trail.record(ACT)
            await asyncio.sleep(60)
        acts = [(event.ts - START) / SECOND for event in reversed(await office.events.newest(None, None, 99))]
        published = await office.published()
        assert published == [60, 120, 300]
        for act in acts:
            assert any(0 <= moment - act <= 60 for moment in published), act
        assert max(await Heads(office.log, office.events).published()) == len(acts) == 6

    run(main())


def test_a_minute_in_which_nothing_was_done_publishes_nothing() -> None:
    async def main() -> None:
        office = Office()
        async with office.worker("one"):
            await office.trail.record(ACT)
            await asyncio.sleep(600)
        assert len(await office.published()) == 1

    run(main())


def test_two_workers_publish_as_often_as_one_and_the_second_goes_on_within_a_minute() -> None:
    async def main() -> None:
        office = Office()
        async with AsyncExitStack() as first, AsyncExitStack() as second:
            await first.enter_async_context(office.worker("leaves"))
            await asyncio.sleep(1)
            await second.enter_async_context(office.worker("stays"))
            for _ in range(5):
                await office.trail.record(ACT)
                await asyncio.sleep(60)
            await office.trail.record(ACT)
            await first.aclose()
            await asyncio.sleep(60)
        assert await office.published() == [60, 120, 180, 240, 300, 361]

    run(main())


def test_a_log_that_is_away_gets_the_head_in_the_minute_after_it_is_back() -> None:
    async def main() -> None:
        office = Office()
        office.log.away = True
        gauge = AUDIT_HEAD_TIMESTAMP.name
        async with office.worker("one"):
            await office.trail.record(ACT)
            await asyncio.sleep(150)
            assert await office.published() == []
            assert not office.metrics.registry.get_sample_value(gauge)
            office.log.away = False
            await asyncio.sleep(60)
        assert await office.published() == [180]
        assert office.metrics.registry.get_sample_value(gauge) == START / SECOND + 180

    run(main())


def test_a_tail_that_is_cut_off_after_a_minute_shows() -> None:
    async def main() -> None:
        office = Office()
        async with office.worker("one"):
            for _ in range(3):
                await office.trail.record(ACT)
            await asyncio.sleep(60)
        await office.database[COLLECTION].delete_many({"_id": {"$gte": 3}})
        broken = (await verify(office.events, Heads(office.log, office.events), RING)).broken
        assert broken is not None
        assert broken.seq == 3

    run(main())
