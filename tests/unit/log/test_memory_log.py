"""What only the memory log does: it forgets, it waits for slow readers, it wakes them at once. (The port's promises
are held by tests/integration/log.)
"""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.runtime.clock import ManualClock
from storage.log.memory import MemoryLog
from storage.log.port import Message, PositionLost
from storage.topics import ORDER_EVENTS, PLATFORM_EVENTS, TRADES, Topics

KEEP = Topics()[TRADES].memory_records or 0
ONE = Topics({TRADES: 1})


def _filler(count):
    return [Message(b"A", b"x")] * count


async def test_a_market_data_partition_is_bounded_and_keeps_at_least_what_it_promises():
    log = MemoryLog(ONE)
    for _ in range(8):
        await log.append_many(TRADES, _filler(KEEP // 4))
    bounds = (await log.bounds(TRADES))[0]
    assert bounds.next == 2 * KEEP
    assert KEEP <= bounds.next - bounds.first < KEEP * 1.05


async def test_orders_are_never_forgotten():
    log = MemoryLog(Topics())
    await log.append_many(ORDER_EVENTS, _filler(KEEP + 5_000))
    partition = log._topics.partition(ORDER_EVENTS, b"A")
    assert (await log.bounds(ORDER_EVENTS))[partition] == (0, KEEP + 5_000)


async def test_records_carry_the_clocks_time():
    clock = ManualClock(1_700_000_000_123_456_789)
    log = MemoryLog(Topics(), clock)
    await log.append(PLATFORM_EVENTS, Message(b"a", b"1"))
    clock.advance(2)
    await log.append_many(PLATFORM_EVENTS, [Message(b"a", b"2")])
    times = [record.timestamp async for batch in log.read(PLATFORM_EVENTS, 0, 0, 2) for record in batch]
    assert times == [1_700_000_000_123, 1_700_000_002_123]


async def test_a_fast_writer_waits_for_a_reader_that_is_only_slow():
    log = MemoryLog(ONE)
    seen = 0

    async def write():
        for _ in range(6):
            await log.append_many(TRADES, _filler(KEEP // 2))

    async with log.tail(TRADES, {0: 0}) as tail:
        writing = asyncio.create_task(write())
        while seen < 3 * KEEP:
            records = await tail.batch()
            assert records[0].offset == seen
            seen += len(records)
            assert (await log.bounds(TRADES))[0].next - seen <= KEEP // 2
            for _ in range(20):  # slower than the writer
                await asyncio.sleep(0)
        await writing


async def test_a_reader_that_does_not_move_holds_a_writer_up_only_so_long_and_loses_its_position():
    log = MemoryLog(ONE, patience_seconds=0.02)
    async with log.tail(TRADES, {0: 0}) as stuck, log.tail(TRADES, {0: 0}) as moving:
        writing = asyncio.create_task(log.append_many(TRADES, _filler(2 * KEEP)))
        seen = 0
        while seen < 2 * KEEP:
            seen += len(await moving.batch())
        await writing
        with pytest.raises(PositionLost):
            await stuck.batch()


async def test_several_writers_that_wait_for_one_stuck_reader_all_go_on():
    log = MemoryLog(ONE, patience_seconds=0.02)
    async with log.tail(TRADES, {0: 0}):
        await log.append_many(TRADES, _filler(KEEP // 2))
        written = await asyncio.gather(*(log.append_many(TRADES, _filler(10)) for _ in range(3)))
    assert sum(map(len, written)) == 30


async def test_a_reader_that_leaves_lets_a_waiting_writer_go_on():
    log = MemoryLog(ONE, patience_seconds=60)
    async with log.tail(TRADES, {0: 0}):
        writing = asyncio.create_task(log.append_many(TRADES, _filler(KEEP)))
        for _ in range(KEEP // 100):  # far more turns than the writer needs
            await asyncio.sleep(0)
        assert (await log.bounds(TRADES))[0].next == KEEP // 2
        assert not writing.done()
    assert len(await asyncio.wait_for(writing, 5)) == KEEP


async def test_a_waiting_tail_has_the_record_before_the_append_returns():
    log = MemoryLog(Topics())
    order = []

    async def read():
        async with log.tail(PLATFORM_EVENTS, {0: 0}) as tail:
            for _ in range(3):
                await tail.batch()
                order.append("read")

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    for _ in range(3):
        await log.append(PLATFORM_EVENTS, Message(b"a", b"1"))
        order.append("appended")
    await reading
    assert order == ["read", "appended"] * 3


async def test_what_was_appended_without_a_turn_of_the_loop_comes_as_one_batch():
    log = MemoryLog(Topics())
    async with log.tail(PLATFORM_EVENTS, {0: 0}) as tail:
        reading = asyncio.create_task(tail.batch())
        await asyncio.sleep(0)
        await asyncio.gather(*(log.append(PLATFORM_EVENTS, Message(b"a", b"%d" % number)) for number in range(16)))
        assert len(await reading) == 16


_STEP = st.one_of(
    st.tuples(st.just("append"), st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"e"]), max_size=6)),
    st.tuples(st.just("read"), st.integers(0, 3)),
    st.tuples(st.just("move"), st.tuples(st.integers(0, 2), st.integers(0, 5))),
)


@given(steps=st.lists(_STEP, max_size=40), start=st.sets(st.integers(0, 2)))
async def test_whatever_the_order_of_steps_a_tail_delivers_what_was_appended_from_where_it_stands(steps, start):
    log = MemoryLog(Topics({TRADES: 3}))
    appended = {0: [], 1: [], 2: []}
    expected = dict.fromkeys(start, 0)
    number = 0

    def unread():
        return any(offset < len(appended[partition]) for partition, offset in expected.items())

    async with log.tail(TRADES, expected) as tail:
        for kind, argument in steps:
            if kind == "append":
                messages = [Message(key, b"%d" % (number := number + 1)) for key in argument]
                for message, position in zip(messages, await log.append_many(TRADES, messages), strict=True):
                    assert position.offset == len(appended[position.partition])
                    appended[position.partition].append((message.key, message.value))
            elif kind == "move":
                partition, back = argument
                expected[partition] = max(0, len(appended[partition]) - back)
                await tail.add(partition, expected[partition])
            else:
                for _ in range(argument):
                    if unread():
                        batch = await tail.batch()
                        partition, first = batch[0].partition, expected[batch[0].partition]
                        assert [(record.key, record.value) for record in batch] == appended[partition][first:]
                        assert [record.offset for record in batch] == list(range(first, first + len(batch)))
                        expected[partition] = first + len(batch)
            assert tail.positions() == expected
