"""Dead letters: nothing of a record is lost, a refold repeats them exactly, and they can be put back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.log.dead_letters import (
    NotReplayable,
    dead_letter_of,
    letter_in,
    message_of,
    newest,
    replay,
)
from storage.log.memory import MemoryLog
from storage.log.memory_partition import MemoryRecord
from storage.log.port import Message
from storage.models.dead_letters import UNDECODABLE, DeadLetter, decode, encode, stack_hash
from storage.topics import DEAD_LETTERS, QUOTES, TRADES, Topics

TOPICS = Topics()


def _record(offset=7, value=b"\xff{", headers=(("event-id", b"e1"),), topic=TRADES):
    return MemoryRecord(topic, 3, offset, 1_700_000_000_000, b"A.B", value, headers)


def _message(record=None, *, processor="market", reason="late", text="x", ts="2023-11-14T22:13:20Z", topic=TRADES):
    return message_of(dead_letter_of(record or _record(), topic, processor=processor, reason=reason, text=text, ts=ts))


async def _log_with(*messages):
    log = MemoryLog(TOPICS)
    await log.append_many(DEAD_LETTERS, messages)
    return log


@given(
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    headers=st.lists(st.tuples(st.text(), st.none() | st.binary())),
    text=st.text(),
)
def test_every_byte_survives_the_wire(key, value, headers, text):
    letter = DeadLetter(TRADES, 1, 2, key, value, tuple(headers), "late", text, "0" * 16, "bars", "t")
    assert decode(encode(letter)) == letter


def test_a_letter_says_where_the_record_stood_and_why_and_carries_its_trace():
    traced = _record(topic="blue-trades", headers=(("traceparent", b"00-1"), ("event-id", b"e1")))
    message = _message(traced, text="26 h behind")
    letter = decode(message.value)
    assert (letter.topic, letter.partition, letter.offset) == (TRADES, 3, 7)
    assert (letter.reason, letter.text, letter.processor) == ("late", "26 h behind", "market")
    assert (letter.key, letter.value, letter.headers) == (traced.key, traced.value, traced.headers)
    assert message.key == b"trades"
    assert message.headers == (
        ("event-id", letter.event_id.encode()),
        ("schema", b"dead-letter.1"),
        ("traceparent", b"00-1"),
    )


def test_the_event_id_is_of_record_and_processor_alone():
    def event_id(**changed):
        return decode(_message(**changed).value).event_id

    same = {event_id(), event_id(reason="other"), event_id(text="other"), event_id(ts="other")}
    others = {event_id(record=_record(offset=8)), event_id(processor="quotes"), event_id(topic=QUOTES)}
    assert len(same) == 1
    assert len(same | others) == 4


def _fail(depth):
    if depth:
        _fail(depth - 1)
    raise ValueError(f"at {depth}")


def test_a_stack_hash_tells_faults_apart_and_nothing_else():
    def caught(function, *arguments):
        try:
            function(*arguments)
        except (ValueError, KeyError) as error:
            return stack_hash("p", "r", error)

    assert caught(_fail, 1) == caught(_fail, 1)
    assert (
        len({caught(_fail, 1), caught(_fail, 2), caught({}.__getitem__, 1), stack_hash("p", "r"), stack_hash("p", "q")})
        == 5
    )
    assert len(stack_hash("p", "r")) == 16


async def test_the_newest_letters_come_oldest_first_and_filtered():
    messages = [
        _message(
            _record(offset),
            topic=TRADES if offset % 3 else QUOTES,
            processor="market" if offset % 2 else "quotes",
            reason=f"r{offset % 5}",
        )
        for offset in range(2_500)
    ]
    log = await _log_with(*messages)
    assert [found.offset for found in await newest(log, 3)] == [2497, 2498, 2499]
    assert [found.offset for found in await newest(log, 2, topic=QUOTES)] == [2496, 2499]
    assert [found.offset for found in await newest(log, 2, topic=QUOTES, reason="r0", processor="market")] == [
        2445,
        2475,
    ]
    assert len(await newest(log, 9_999, topic=QUOTES)) == 834
    assert await newest(log, 5, reason="none") == []
    assert await newest(MemoryLog(TOPICS), 5) == []


async def test_replay_puts_the_original_bytes_back_and_says_from_where():
    headers = (("event-id", b"e1"), ("replayed-from", b"older"), ("schema", b"trade.1"))
    log = await _log_with(_message(_record(headers=headers)))
    (position,) = await replay(log, [0])
    (batch,) = [batch async for batch in log.read(TRADES, position.partition, position.offset, position.offset + 1)]
    assert (batch[0].key, batch[0].value) == (b"A.B", b"\xff{")
    assert batch[0].headers == (("event-id", b"e1"), ("schema", b"trade.1"), ("replayed-from", b"trades-3@7"))


async def test_what_cannot_be_put_back_is_named_and_nothing_is_appended():
    good = _message()
    tombstone = message_of(
        dead_letter_of(_record(value=None), TRADES, processor="market", reason="late", text="x", ts="t")
    )
    log = await _log_with(good, tombstone, Message(b"trades", b"not json"))
    for offset, says in (
        (1, "dead letter 1 has no value"),
        (2, "record at 2 .* is not a dead letter"),
        (3, "no dead letter 3"),
    ):
        with pytest.raises(NotReplayable, match=says):
            await replay(log, [0, offset])
    assert all(bounds.next == 0 for bounds in (await log.bounds(TRADES)).values())


async def test_a_record_that_is_no_letter_is_listed_as_one():
    log = await _log_with(Message(b"trades", b"not json"))
    (found,) = await newest(log, 1)
    assert (found.letter.reason, found.letter.topic, found.letter.value) == (UNDECODABLE, DEAD_LETTERS, b"not json")
    assert letter_in(_record(value=None)).letter.reason == UNDECODABLE
