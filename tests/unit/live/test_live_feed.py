"""One feed over a log that loses positions, goes away and comes back; and when the flusher writes."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import pytest

from gateway.live.feed import Feed
from gateway.live.flusher import TICK_SECONDS, Flusher
from gateway.live.frames import Frame
from gateway.live.router import Delivered, Router
from gateway.live.sources import QUOTE_SOURCE, TRADE_SOURCE
from storage.log.memory_partition import MemoryRecord
from storage.log.port import Bounds, LogUnavailable, PositionLost, TailClosed


def record(offset: int, key: bytes = b"A.X", value: bytes | None = b"{}", partition: int = 0) -> MemoryRecord:
    return MemoryRecord("trades", partition, offset, 0, key, value, ())  # type: ignore[arg-type]


class Script:
    """A log whose tail does what a script says: batches of records, or exceptions; then it is closed."""

    def __init__(self, *steps) -> None:
        self.steps = deque(steps)
        self.starts: list[dict[int, int]] = []
        self.added: list[tuple[int, int]] = []
        self.growing = False
        self.opened: Callable[[Script], Awaitable[None]] | None = None

    def tail(self, _topic, start, *, growing):
        self.growing = growing
        self.starts.append(dict(start))
        return self

    async def batch(self):
        if not self.steps:
            raise TailClosed("the end")
        step = self.steps.popleft()
        if isinstance(step, Exception):
            raise step
        return step

    async def add(self, partition, offset):
        self.added.append((partition, offset))

    async def __aenter__(self):
        if self.opened is not None:
            await self.opened(self)
        return self

    async def __aexit__(self, *_):
        return None


class Seen(Router):
    """Remembers what was published."""

    def __init__(self) -> None:
        super().__init__(1_000, lambda _seconds, _ring: None, Delivered())
        self.seen: list[Frame] = []

    def publish(self, frame: Frame) -> None:
        self.seen.append(frame)


def feed_of(log, source=TRADE_SOURCE, ends=None):
    router, lost = Seen(), []
    feed = Feed(
        log, source, router=router, flusher=Flusher(router, lambda _oldest: None),
        lost=lambda shard, family, first, last: lost.append((shard.name, family, first, last)),
        starts={0: 5}, ends=ends or {0: 8},
    )  # fmt: skip
    return feed, router, lost


async def test_reading_sets_position_and_caught_up():
    feed, router, _ = feed_of(Script([record(5), record(6)], [record(7)]))
    assert not feed.caught_up.is_set()
    assert feed.shards[0].position == 4
    await feed.run()
    assert feed.caught_up.is_set()
    assert [frame.seq for frame in router.seen] == [5, 6, 7]
    assert feed.shards[0].position == 7


async def test_a_lost_position_is_told_and_reading_goes_on_at_the_oldest():
    log = Script([record(5)], PositionLost("trades", 0, 6, Bounds(100, 120)), [record(100)])
    feed, router, lost = feed_of(log)
    await feed.run()
    assert lost == [("trades-0", "trades", 6, 99)]
    assert log.added == [(0, 100)]
    assert [frame.seq for frame in router.seen] == [5, 100]
    assert not feed.shards[0].remembers(6)


async def test_a_log_that_became_shorter_is_read_on_from_its_end():
    log = Script([record(5)], PositionLost("trades", 0, 6, Bounds(0, 3)), [record(3)])
    feed, router, lost = feed_of(log)
    await feed.run()
    assert lost == []
    assert log.added == [(0, 3)]
    assert [frame.seq for frame in router.seen] == [5, 3]


async def test_a_log_that_is_away_is_asked_again_from_where_reading_stood():
    log = Script([record(5)], LogUnavailable("gone"), [record(6)])
    feed, router, _ = feed_of(log)
    await feed.run()
    assert log.starts == [{0: 5}, {0: 6}]
    assert [frame.seq for frame in router.seen] == [5, 6]


async def test_what_is_not_above_the_seed_is_remembered_and_not_published():
    feed, router, _ = feed_of(Script([record(5), record(6), record(7)]), source=QUOTE_SOURCE)
    address = QUOTE_SOURCE.address(feed.shards[0], b"A.X")
    assert address is not None
    address.last = Frame(address, 6, "update", b'{"seed":1}')
    await feed.run()
    assert [frame.seq for frame in router.seen] == [7]
    assert [frame.seq for frame in feed.shards[0].since(0, 10)] == [5, 6, 7]


async def test_records_without_a_use_are_counted_and_passed():
    feed, router, _ = feed_of(Script([record(5, value=None), record(6, key=b"\xff"), record(7)]))
    await feed.run()
    assert [frame.seq for frame in router.seen] == [7]
    assert feed.unusable == 2
    assert feed.shards[0].position == 7


async def test_a_partition_can_be_added_under_way():
    log = Script([record(5), record(6), record(7)])
    feed, _, _ = feed_of(log)
    running = asyncio.create_task(feed.run())
    await asyncio.sleep(0)
    await feed.add(3, 10, 12)
    await feed.add(3, 0, 0)
    assert log.added == [(3, 10)]
    await running
    assert not feed.caught_up.is_set(), "the new partition has not been read"


async def test_a_partition_that_is_added_while_the_tail_opens_is_read():
    log = Script([record(5)])
    opening = asyncio.Event()

    async def slowly(_log):
        await opening.wait()

    log.opened = slowly
    feed, _, _ = feed_of(log)
    running = asyncio.create_task(feed.run())
    await asyncio.sleep(0)
    await feed.add(3, 10, 12)
    opening.set()
    await running
    assert log.added == [(3, 10)]


class Counting(Router):
    """Counts flushes of a group that is always dirty."""

    def __init__(self) -> None:
        super().__init__(1_000, lambda _seconds, _ring: None, Delivered())
        self.flushes: list[int] = []
        self.pending = 0

    def flush(self) -> None:
        self.flushes.append(self.pending)
        self.pending = 0


@pytest.fixture
def counting():
    router = Counting()
    router.dirty.append(None)  # type: ignore[arg-type]
    return router


async def test_when_idle_everything_goes_out_in_the_next_turn_of_the_loop(counting):
    delays: list[dict[str, int]] = []
    flusher = Flusher(counting, lambda oldest: delays.append(dict(oldest)))
    flusher.soon("quotes", 100, 1)
    flusher.soon("quotes", 200, 1)
    for _ in range(4):
        await asyncio.sleep(0)
    assert len(counting.flushes) == 1
    assert delays == [{"quotes": 100}]


async def test_batches_that_follow_each_other_are_joined(counting):
    flusher = Flusher(counting, lambda _oldest: None)
    began = asyncio.get_running_loop().time()
    for _ in range(6):
        counting.pending += 1
        flusher.soon("quotes", 0, 1)
        await asyncio.sleep(0)
    took = asyncio.get_running_loop().time() - began
    await asyncio.sleep(0.005)
    assert sum(counting.flushes) == 6
    assert len(counting.flushes) <= 1 + took / TICK_SECONDS, "one, and one more for each millisecond that this took"


async def test_very_many_frames_do_not_wait(counting):
    flusher = Flusher(counting, lambda _oldest: None)
    flusher.soon("quotes", 0, 127)
    assert counting.flushes == []
    flusher.soon("quotes", 0, 1)
    assert len(counting.flushes) == 1


async def test_nothing_is_scheduled_when_nobody_wants_anything(counting):
    counting.dirty.clear()
    flusher = Flusher(counting, lambda _oldest: None)
    flusher.soon("quotes", 0, 500)
    await asyncio.sleep(0.005)
    assert counting.flushes == []
