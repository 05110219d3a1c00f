"""A feed runs only while it holds the lease of each of its symbols; over the repository in memory."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ops.runtime.clock import ManualClock
from storage.mongo.connect import connect
from storage.mongo.failures import StoreUnavailable
from storage.mongo.leases import Leases
from streams.feeds.lease import FeedHeldElsewhere, FeedLease, FeedLeaseLost, lease_name

NAMES = (lease_name("XNAS", "AAPL.US"), lease_name("XNAS", "TSLA.US"))


class FailingLeases(Leases):
    """The repository with a database that can be switched off."""

    reachable = True

    async def renew(self, name: str, holder: str, ttl_seconds: float, now: int) -> bool:
        if not self.reachable:
            raise StoreUnavailable("the database does not answer")
        return await super().renew(name, holder, ttl_seconds, now)

    async def release(self, name: str, holder: str) -> bool:
        if not self.reachable:
            raise StoreUnavailable("the database does not answer")
        return await super().release(name, holder)


@pytest.fixture
async def leases() -> AsyncIterator[FailingLeases]:
    store = connect("mongomock://", "test")
    yield FailingLeases(store.database)
    store.close()


class Night:
    """Time that passes when the renewal sleeps; after `turns` sleeps it stands still."""

    def __init__(self, clock: ManualClock, turns: int) -> None:
        self.clock, self.turns = clock, turns
        self.over = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if self.turns == 0:
            self.over.set()
            await asyncio.Event().wait()
        self.turns -= 1
        self.clock.advance(seconds)
        await asyncio.sleep(0)


def lease(leases: Leases, holder: str, clock: ManualClock, turns: int = 0) -> tuple[FeedLease, Night]:
    night = Night(clock, turns)
    return FeedLease(leases, NAMES, holder, clock, lease_seconds=15, sleep=night.sleep), night


async def test_a_second_feed_is_refused_and_reads_the_holder(leases: FailingLeases) -> None:
    clock = ManualClock()
    first, _ = lease(leases, "synthetic feed of process p-1 on host a", clock)
    second, _ = lease(leases, "replay of process p-2", clock)
    began = asyncio.Event()
    finish = asyncio.Event()

    async def publish() -> None:
        began.set()
        await finish.wait()

    async def never() -> None:
        raise AssertionError("a refused feed must not run")

    running = asyncio.create_task(first.run(publish))
    await began.wait()
    with pytest.raises(FeedHeldElsewhere, match=r"AAPL\.US is published by synthetic feed of process p-1 on host a"):
        await second.run(never)
    finish.set()
    await running
    assert await leases.holder(NAMES[0], clock.now()) is None
    await second.run(publish)


async def test_a_refused_feed_keeps_nothing(leases: FailingLeases) -> None:
    clock = ManualClock()
    await leases.acquire(NAMES[1], "other", 15, clock.now())
    mine, _ = lease(leases, "mine", clock)

    async def never() -> None:
        raise AssertionError("a refused feed must not run")

    with pytest.raises(FeedHeldElsewhere, match=r"TSLA\.US is published by other"):
        await mine.run(never)
    assert await leases.holder(NAMES[0], clock.now()) is None


async def test_it_is_renewed_for_as_long_as_the_feed_runs(leases: FailingLeases) -> None:
    clock = ManualClock()
    mine, night = lease(leases, "mine", clock, turns=20)
    began = clock.now()

    async def publish() -> None:
        await night.over.wait()
        assert clock.now() - began == 100_000_000_000
        held = await leases.holder(NAMES[1], clock.now())
        assert held is not None
        assert held.holder == "mine"

    await mine.run(publish)


async def test_a_lease_that_was_taken_stops_the_feed(leases: FailingLeases) -> None:
    clock = ManualClock()
    mine, _ = lease(leases, "mine", clock, turns=3)
    stopped = asyncio.Event()

    async def publish() -> None:
        clock.advance(60)  # a machine that slept
        await leases.acquire(NAMES[0], "the next one", 60, clock.now())
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    with pytest.raises(FeedLeaseLost, match=r"AAPL\.US was taken by the next one"):
        await mine.run(publish)
    assert stopped.is_set()
    held = await leases.holder(NAMES[0], clock.now())
    assert held is not None
    assert held.holder == "the next one"


async def test_a_store_that_stays_away_stops_the_feed_before_the_lease_ends(leases: FailingLeases) -> None:
    clock = ManualClock()
    mine, _ = lease(leases, "mine", clock, turns=100)
    began = clock.now()

    async def publish() -> None:
        leases.reachable = False
        await asyncio.Event().wait()

    with pytest.raises(FeedLeaseLost, match="the database does not answer"):
        await mine.run(publish)
    assert 10 <= (clock.now() - began) / 1e9 < 15


async def test_a_store_that_comes_back_in_time_is_no_harm(leases: FailingLeases) -> None:
    clock = ManualClock()
    night = Night(clock, turns=12)

    async def sleep(seconds: float) -> None:
        leases.reachable = night.turns not in {10, 9, 8}
        await night.sleep(seconds)

    mine = FeedLease(leases, NAMES, "mine", clock, lease_seconds=15, sleep=sleep)
    await mine.run(night.over.wait)
    assert night.over.is_set()


async def test_what_the_feed_raises_comes_through_and_the_lease_is_given_back(leases: FailingLeases) -> None:
    clock = ManualClock()
    mine, _ = lease(leases, "mine", clock)

    async def publish() -> None:
        raise ValueError("line 7 is malformed")

    with pytest.raises(ValueError, match="line 7"):
        await mine.run(publish)
    assert await leases.holder(NAMES[0], clock.now()) is None


async def test_cancelling_it_cancels_the_feed_and_gives_the_lease_back(leases: FailingLeases) -> None:
    clock = ManualClock()
    mine, _ = lease(leases, "mine", clock)
    began, stopped = asyncio.Event(), asyncio.Event()

    async def publish() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    running = asyncio.create_task(mine.run(publish))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stopped.is_set()
    assert await leases.holder(NAMES[0], clock.now()) is None
