"""What the log port promises, on both adapters."""

import asyncio
import time
from itertools import groupby

import pytest

from storage.log.port import BATCH_RECORDS, LogUnavailable, Message, Position, PositionLost, TailClosed
from storage.topics import PLATFORM_EVENTS, QUOTES, TRADES


def _messages(key: bytes, count: int) -> list[Message]:
    return [Message(key, b"%d" % number) for number in range(count)]


def _values(records):
    return [int(record.value) for record in records]


async def test_records_of_a_key_keep_their_order_and_offsets_only_grow(platform):
    keys = [*platform.keys_of(TRADES, 0, 2), *platform.keys_of(TRADES, 1, 1)]
    for number in range(30):
        for key in keys:
            await platform.log.append(TRADES, Message(key, b"%d" % number))

    records = await platform.collect(TRADES, {0: 0, 1: 0}, 90)
    for key in keys:
        assert _values(record for record in records if record.key == key) == list(range(30))
    for partition in (0, 1):
        offsets = [record.offset for record in records if record.partition == partition]
        assert offsets == list(range(len(offsets)))


async def test_an_append_tells_where_the_record_stands(platform):
    key = platform.keys_of(TRADES, 2, 1)[0]
    assert await platform.log.append(TRADES, Message(key, b"0")) == Position(2, 0)
    assert await platform.log.append(TRADES, Message(key, b"1")) == Position(2, 1)
    assert (await platform.log.bounds(TRADES))[2] == (0, 2)


async def test_concurrent_appends_of_one_caller_are_in_the_order_they_were_begun(platform):
    key = platform.keys_of(TRADES, 0, 1)[0]
    positions = await asyncio.gather(*(platform.log.append(TRADES, message) for message in _messages(key, 300)))
    assert [position.offset for position in positions] == list(range(300))
    assert _values(await platform.read(TRADES, 0, 0, 300)) == list(range(300))


async def test_keys_values_headers_and_timestamps_come_back_as_they_went_in(platform):
    before = time.time_ns() // 1_000_000
    messages = [
        Message(b"A", b"plain"),
        Message(b"A", b""),
        Message(b"", b"empty key"),
        Message("日本.東証".encode(), b"\x00\xff"),
        Message(b"A", b"h", (("event-id", b"0198"), ("schema", b"trade.1"), ("schema", b""), ("ключ", b"\xfe"))),
    ]
    single = [await platform.log.append(PLATFORM_EVENTS, message) for message in messages]
    batched = await platform.log.append_many(PLATFORM_EVENTS, messages)
    assert [*single, *batched] == [Position(0, offset) for offset in range(10)]

    records = await platform.collect(PLATFORM_EVENTS, {0: 0}, 10)
    assert [(record.key, record.value, tuple(record.headers)) for record in records] == [*messages, *messages]
    assert all(before <= record.timestamp <= time.time_ns() // 1_000_000 for record in records)


async def test_append_many_keeps_the_given_order_over_several_batches_and_partitions(platform):
    keys = [key for partition in range(4) for key in platform.keys_of(QUOTES, partition, 2)]
    messages = [Message(keys[number % 8], b"%d" % number + b" " * 300) for number in range(12_000)]
    positions = await platform.log.append_many(QUOTES, messages)

    records = await platform.collect(QUOTES, dict.fromkeys(range(4), 0), 12_000)
    by_position = {(record.partition, record.offset): record for record in records}
    assert len(by_position) == 12_000
    for message, position in zip(messages, positions, strict=True):
        record = by_position[position]
        assert (record.key, record.value) == (message.key, message.value)
    for partition in range(4):
        values = _values(record for record in records if record.partition == partition)
        assert values == sorted(values)


async def test_append_many_of_nothing_appends_nothing(platform):
    assert await platform.log.append_many(QUOTES, []) == []


async def test_the_adapter_partitions_as_the_topics_say(platform):
    keys = [f"symbol-{number}-ü".encode() for number in range(40)]
    positions = await platform.log.append_many(TRADES, [Message(key, b"x") for key in keys])
    assert [position.partition for position in positions] == [platform.topics.partition(TRADES, key) for key in keys]


async def test_a_message_that_is_too_large_is_refused_and_nothing_else_suffers(platform):
    key = platform.keys_of(TRADES, 0, 1)[0]
    largest = platform.topics[TRADES].message_bytes - len(key)
    too_large = Message(key, b"x" * (largest + 1))
    with pytest.raises(ValueError, match="1,000,001 bytes is too large: topic trades takes 1,000,000"):
        await platform.log.append(TRADES, too_large)
    with pytest.raises(ValueError, match="too large"):
        await platform.log.append_many(TRADES, [Message(key, b"ok"), too_large])

    await platform.log.append(TRADES, Message(key, bytes(range(250)) * (largest // 250)))
    await platform.log.append_many(TRADES, [Message(key, b"y" * largest), Message(key, b"after")])
    sizes = [len(record.value) for record in await platform.read(TRADES, 0, 0, 10)]
    assert sizes == [largest // 250 * 250, largest, 5]


async def test_a_tail_from_any_position_delivers_everything_once_while_appends_go_on(platform):
    key = platform.keys_of(TRADES, 1, 1)[0]
    await platform.log.append_many(TRADES, _messages(key, 500))

    async def keep_appending():
        for first in range(500, 2_000, 100):
            await platform.log.append_many(
                TRADES, [Message(key, b"%d" % number) for number in range(first, first + 60)]
            )
            for number in range(first + 60, first + 100):
                await platform.log.append(TRADES, Message(key, b"%d" % number))

    starts = (0, 1, 250, 499, 500)
    *found, _ = await asyncio.gather(
        *(platform.collect(TRADES, {1: start}, 2_000 - start) for start in starts), keep_appending()
    )
    for start, records in zip(starts, found, strict=True):
        assert _values(records) == list(range(start, 2_000))
        assert [record.offset for record in records] == list(range(start, 2_000))


async def test_a_batch_is_of_one_partition_and_not_larger_than_promised(platform):
    messages = [
        Message(key, b"%d" % number)
        for partition in range(4)
        for key in platform.keys_of(TRADES, partition, 1)
        for number in range(1_500)
    ]
    await platform.log.append_many(TRADES, messages)
    seen = []
    async with platform.log.tail(TRADES, dict.fromkeys(range(4), 0)) as tail:
        while len(seen) < len(messages):
            batch = await tail.batch()
            assert 1 <= len(batch) <= BATCH_RECORDS
            assert len({record.partition for record in batch}) == 1
            assert tail.positions()[batch[0].partition] == batch[-1].offset + 1
            seen += batch
    for partition, records in groupby(
        sorted(seen, key=lambda record: record.partition), lambda record: record.partition
    ):
        assert _values(records) == list(range(1_500)), partition


async def test_a_tail_delivers_only_the_partitions_it_was_given_until_more_are_added(platform):
    keys = [platform.keys_of(TRADES, partition, 1)[0] for partition in range(4)]
    await platform.log.append_many(TRADES, [message for key in keys for message in _messages(key, 50)])
    async with platform.log.tail(TRADES, {1: 10}) as tail:
        first = await platform.take(tail, 40)
        assert {record.partition for record in first} == {1}
        assert tail.positions() == {1: 50}

        waiting = asyncio.create_task(tail.batch())
        await asyncio.sleep(0)
        await tail.add(3, 45)
        added = list(await waiting)
        assert [(record.partition, record.offset) for record in added] == [(3, offset) for offset in range(45, 50)]

        await tail.add(1, 48)
        assert [(record.partition, record.offset) for record in await tail.batch()] == [(1, 48), (1, 49)]
        await platform.log.append(TRADES, Message(keys[1], b"50"))
        assert _values(await tail.batch()) == [50]
        assert tail.positions() == {1: 51, 3: 50}


async def test_a_partition_that_is_added_before_the_tail_is_open_is_delivered(platform):
    keys = [platform.keys_of(TRADES, partition, 1)[0] for partition in range(2)]
    await platform.log.append_many(TRADES, [message for key in keys for message in _messages(key, 5)])
    tail = platform.log.tail(TRADES, {0: 0})
    await tail.add(1, 3)
    async with tail:
        found = await platform.take(tail, 7)
    assert sorted((record.partition, record.offset) for record in found) == [
        *((0, offset) for offset in range(5)),
        (1, 3),
        (1, 4),
    ]


async def test_adding_a_partition_while_records_flow_neither_loses_nor_repeats_any(platform):
    keys = [platform.keys_of(TRADES, partition, 1)[0] for partition in range(4)]
    found = []

    async def keep_appending():
        for number in range(400):
            await platform.log.append_many(TRADES, [Message(key, b"%d" % number) for key in keys])

    async with platform.log.tail(TRADES, {0: 0}) as tail:
        appending = asyncio.create_task(keep_appending())
        for partition in (1, 2, 3):
            found += await platform.take(tail, 30)
            await tail.add(partition, 0)
        found += await platform.take(tail, 1_600 - len(found))
        await appending
    for partition in range(4):
        assert _values(record for record in found if record.partition == partition) == list(range(400))


async def test_two_tails_do_not_disturb_each_other(platform):
    key = platform.keys_of(TRADES, 0, 1)[0]
    await platform.log.append_many(TRADES, _messages(key, 100))
    async with platform.log.tail(TRADES, {0: 0}) as slow:
        async with platform.log.tail(TRADES, {0: 50}) as quick:
            assert _values(await platform.take(quick, 50)) == list(range(50, 100))
        await platform.log.append(TRADES, Message(key, b"100"))
        assert _values(await platform.take(slow, 101)) == list(range(101))


async def test_a_tail_that_is_closed_while_it_waits_ends_with_tail_closed(platform):
    async with platform.log.tail(TRADES, {0: 0}) as tail:
        waiting = asyncio.create_task(tail.batch())
        await asyncio.sleep(0.01)
    with pytest.raises(TailClosed):
        await asyncio.wait_for(waiting, 3)
    with pytest.raises(TailClosed):
        await tail.batch()


async def test_closing_the_log_ends_its_tails_and_refuses_appends(platform):
    async with platform.log.tail(TRADES, {0: 0}) as tail:
        waiting = asyncio.create_task(tail.batch())
        await asyncio.sleep(0.01)
        await platform.log.close()
        with pytest.raises(TailClosed):
            await asyncio.wait_for(waiting, 3)
    with pytest.raises(LogUnavailable):
        await platform.log.append(TRADES, Message(b"A", b"late"))
    with pytest.raises(LogUnavailable):
        await platform.log.append_many(TRADES, [Message(b"A", b"late")])


async def test_a_cancelled_reader_leaves_the_tail_usable(platform):
    key = platform.keys_of(TRADES, 0, 1)[0]
    async with platform.log.tail(TRADES, {0: 0}) as tail:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(tail.batch(), 0.05)
        await platform.log.append(TRADES, Message(key, b"0"))
        assert _values(await tail.batch()) == [0]


async def test_a_range_is_read_up_to_what_is_there_and_ends(platform):
    key = platform.keys_of(TRADES, 0, 1)[0]
    await platform.log.append_many(TRADES, _messages(key, 2_500))
    assert _values(await platform.read(TRADES, 0, 0, 2_500)) == list(range(2_500))
    assert _values(await platform.read(TRADES, 0, 100, 103)) == [100, 101, 102]
    assert _values(await platform.read(TRADES, 0, 2_490, 9_999)) == list(range(2_490, 2_500))
    assert await platform.read(TRADES, 0, 2_500, 2_600) == []
    assert await platform.read(TRADES, 0, 50, 50) == []
    assert await platform.read(TRADES, 1, 0, 10) == []
    with pytest.raises(PositionLost, match="holds offsets 0 to 2499, not 2501"):
        await platform.read(TRADES, 0, 2_501, 2_600)


async def test_a_position_that_is_gone_is_lost_and_the_tail_can_be_moved_on(platform):
    lost, other = (platform.keys_of(TRADES, partition, 1)[0] for partition in (0, 1))
    await platform.log.append_many(TRADES, [*_messages(lost, 10), *_messages(other, 10)])
    await platform.forget_some(TRADES, lost)
    bounds = (await platform.log.bounds(TRADES))[0]
    assert bounds.first >= 5

    with pytest.raises(PositionLost):
        await platform.read(TRADES, 0, 2, 4)
    async with platform.log.tail(TRADES, {0: 2}) as tail:
        with pytest.raises(PositionLost) as caught:
            await tail.batch()
        assert (caught.value.topic, caught.value.partition, caught.value.offset) == (TRADES, 0, 2)
        assert caught.value.bounds == bounds
        await tail.add(0, bounds.next - 1)
        await tail.add(1, 0)
        found = await platform.take(tail, 11)
    assert sorted((record.partition, record.offset) for record in found) == sorted(
        [(0, bounds.next - 1), *((1, offset) for offset in range(10))]
    )


async def test_a_position_beyond_the_end_is_lost_and_the_next_one_is_not(platform):
    key = platform.keys_of(TRADES, 0, 1)[0]
    await platform.log.append_many(TRADES, _messages(key, 3))
    async with platform.log.tail(TRADES, {0: 4}) as tail:
        with pytest.raises(PositionLost, match="holds offsets 0 to 2, not 4"):
            await tail.batch()
    async with platform.log.tail(TRADES, {0: 3}) as tail:
        await platform.log.append(TRADES, Message(key, b"3"))
        assert _values(await tail.batch()) == [3]


async def test_a_partition_that_is_not_there_is_refused(platform):
    with pytest.raises(ValueError, match="trades has partitions 0 to 3, not 4"):
        platform.log.tail(TRADES, {4: 0})
    async with platform.log.tail(TRADES, {0: 0}) as tail:
        with pytest.raises(ValueError, match="not -1"):
            await tail.add(-1, 0)


async def test_bounds_cover_every_partition(platform):
    assert await platform.log.bounds(TRADES) == dict.fromkeys(range(4), (0, 0))
    await platform.log.append_many(TRADES, _messages(platform.keys_of(TRADES, 2, 1)[0], 7))
    assert await platform.log.bounds(TRADES) == {0: (0, 0), 1: (0, 0), 2: (0, 7), 3: (0, 0)}


async def test_ends_of_several_topics_are_asked_for_at_once(platform):
    await platform.log.append_many(TRADES, _messages(platform.keys_of(TRADES, 2, 1)[0], 7))
    ends = await platform.log.ends([TRADES, QUOTES])
    assert ends == {TRADES: {0: 0, 1: 0, 2: 7, 3: 0}, QUOTES: dict.fromkeys(await platform.log.bounds(QUOTES), 0)}


async def test_commits_are_kept_by_group_topic_and_partition(platform):
    assert await platform.log.committed("market", TRADES) == {}
    await platform.log.commit("market", TRADES, {0: 5, 2: 0})
    await platform.log.commit("market", TRADES, {2: 9})
    await platform.log.commit("other", TRADES, {1: 1})
    assert await platform.log.committed("market", TRADES) == {0: 5, 2: 9}
    assert await platform.log.committed("other", TRADES) == {1: 1}
    assert await platform.log.committed("market", QUOTES) == {}
    await platform.log.commit("market", TRADES, {2: 4})
    assert await platform.log.committed("market", TRADES) == {0: 5, 2: 4}
