"""How far the readers of one process are, as its readiness and its heartbeat say it."""

import pytest

from ops.processes.local_lag import LocalLag, Reader
from ops.runtime.clock import ManualClock
from storage.log.port import Message
from storage.models.partition_progress import PartitionProgress
from storage.topics import ORDER_EVENTS
from tests.contract.people_place import memory_platform


@pytest.fixture
async def clock() -> ManualClock:
    return ManualClock(1_000_000_000)


async def test_a_reader_that_hangs_makes_the_process_not_ready_after_half_a_minute(clock: ManualClock) -> None:
    platform = memory_platform(clock)
    await platform.log.start()
    key = b"X"
    number = platform.topics.partition(ORDER_EVENTS, key)
    positions = {number: 0}
    lag = LocalLag(platform, [Reader("bars", ORDER_EVENTS, lambda: positions)])
    assert await lag.is_bounded() == "has not yet seen how far the log reaches"
    await platform.log.append(ORDER_EVENTS, Message(key, b"1"))

    async def looked() -> None:
        await lag.look()
        clock.advance(10)

    for _ in range(3):
        await looked()
        assert (await lag.is_bounded(), await lag.moves()) == (None, None)
    await looked()
    assert await lag.moves() == f"partitions that do not move while their log grows: order-events-{number}"
    assert lag.reads == [PartitionProgress("bars", ORDER_EVENTS, number, 0, 1, 30)]
    positions[number] = 1
    await looked()
    assert await lag.moves() is None
    assert lag.reads == [PartitionProgress("bars", ORDER_EVENTS, number, 1, 1, 0)]
    await platform.log.append_many(ORDER_EVENTS, [Message(key, b"1")] * 50_001)
    await looked()
    assert await lag.is_bounded() == "behind: bars: 50001 records"
