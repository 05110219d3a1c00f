"""What the log promises an owner that appends under one claim, on both adapters."""

import asyncio

import pytest

from storage.log.port import AppendUnknown, Message
from storage.topics import ORDER_EVENTS


def _messages(first: int, count: int) -> list[Message]:
    return [Message(b"claim", b"%d" % number, (("epoch", b"0"),)) for number in range(first, first + count)]


async def test_pipelined_appends_stand_in_the_order_in_which_they_were_begun(platform):
    writer = await platform.log.writer(ORDER_EVENTS, 2)
    begun = [writer.append(_messages(first, 7)) for first in range(0, 700, 7)]
    offsets = [offset for acknowledged in await asyncio.gather(*begun) for offset in acknowledged]
    assert offsets == list(range(700))
    records = await platform.read(ORDER_EVENTS, 2, 0, 700)
    assert [int(record.value) for record in records] == list(range(700))
    assert (records[5].key, tuple(record_headers := records[5].headers)) == (b"claim", (("epoch", b"0"),)), (
        record_headers
    )


async def test_the_partition_is_the_writers_own_whatever_the_key(platform):
    for partition in range(4):
        writer = await platform.log.writer(ORDER_EVENTS, partition)
        assert await writer.append(_messages(0, 1)) == [0]
    assert {
        partition: bounds.next for partition, bounds in (await platform.log.bounds(ORDER_EVENTS)).items()
    } == dict.fromkeys(range(4), 1)


async def test_a_gap_in_the_offsets_shows_that_another_writes(platform):
    mine, other = [await platform.log.writer(ORDER_EVENTS, 0) for _ in range(2)]
    assert await mine.append(_messages(0, 2)) == [0, 1]
    assert await other.append(_messages(0, 1)) == [2]
    assert await mine.append(_messages(2, 2)) == [3, 4]


async def test_more_than_one_batch_of_large_messages_keeps_its_order(platform):
    writer = await platform.log.writer(ORDER_EVENTS, 1)
    large = [Message(b"k", b"%d" % number + bytes(range(256)) * 400) for number in range(12)]
    assert await writer.append(large) == list(range(12))
    assert [record.value for record in await platform.read(ORDER_EVENTS, 1, 0, 12)] == [each.value for each in large]


async def test_nothing_to_append_and_too_much_to_append(platform):
    writer = await platform.log.writer(ORDER_EVENTS, 0)
    assert await writer.append([]) == []
    with pytest.raises(ValueError, match="too large"):
        writer.append([*_messages(0, 1), Message(b"k", b"x" * 1_000_001)])
    assert await writer.append(_messages(0, 1)) == [0]
    with pytest.raises(ValueError, match="partitions 0 to 3, not 9"):
        await platform.log.writer(ORDER_EVENTS, 9)


async def test_a_closed_writer_appends_nothing_more(platform):
    writer = await platform.log.writer(ORDER_EVENTS, 0)
    await writer.append(_messages(0, 1))
    await writer.close()
    await writer.close()
    with pytest.raises(AppendUnknown, match="closed"):
        await writer.append(_messages(1, 1))
    assert (await platform.log.bounds(ORDER_EVENTS))[0].next == 1


async def test_what_was_under_way_when_it_closed_is_unknown_or_acknowledged_and_never_hangs(platform):
    writer = await platform.log.writer(ORDER_EVENTS, 0)
    begun = [writer.append(_messages(number, 1)) for number in range(50)]
    await writer.close()
    results = await asyncio.wait_for(asyncio.gather(*begun, return_exceptions=True), 10)
    acknowledged = [result[0] for result in results if isinstance(result, list)]
    assert acknowledged == list(range(len(acknowledged)))
    assert all(isinstance(result, AppendUnknown) for result in results[len(acknowledged) :])
