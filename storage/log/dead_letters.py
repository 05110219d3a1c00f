"""Dead letters on the log: made from records, listed newest first, put back where they came from."""

from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND, format_timestamp
from storage.log.port import Log, Message, Position, Record
from storage.models.dead_letters import SCHEMA, UNDECODABLE, DeadLetter, decode, encode, stack_hash
from storage.topics import DEAD_LETTERS

REPLAYED_FROM: Final = "replayed-from"
_LOOK_BACK: Final = 1_000


class Letter(NamedTuple):
    """A dead letter and the offset in topic `dead-letters` (partition 0) that it is called by."""

    offset: int
    letter: DeadLetter


class NotReplayable(Exception):
    """A dead letter cannot be put back; the text says which and why."""


def dead_letter_of(
    record: Record, topic: str, *, processor: str, reason: str, text: str, ts: str, error: BaseException | None = None
) -> DeadLetter:
    """The letter for a record of our `topic` (on a shared broker `record.topic` has a prefix). `ts` is RFC 3339 UTC, `error`
    the exception that refused the record, if one did.
    """
    return DeadLetter(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple((name, value) for name, value in record.headers),
        reason=reason,
        text=text,
        stack_hash=stack_hash(processor, reason, error),
        processor=processor,
        ts=ts,
    )


def message_of(letter: DeadLetter) -> Message:
    """What is appended to `dead-letters`: keyed by source topic, with a deterministic event id."""
    headers = [("event-id", letter.event_id.encode()), ("schema", SCHEMA)]
    headers += [(name, value) for name, value in letter.headers if name == "traceparent" and value is not None]
    return Message(letter.topic.encode(), encode(letter), tuple(headers))


def letter_in(record: Record) -> Letter:
    """The letter that a record of `dead-letters` carries. One that is none is shown as a letter itself, not hidden."""
    try:
        return Letter(record.offset, decode(record.value or b""))
    except msgspec.DecodeError as error:
        written = format_timestamp(record.timestamp * NANOSECONDS_PER_MILLISECOND)
        shown = dead_letter_of(
            record, DEAD_LETTERS, processor="-", reason=UNDECODABLE, text=str(error), ts=written, error=error
        )
        return Letter(record.offset, shown)


async def newest(
    log: Log, count: int, *, topic: str | None = None, reason: str | None = None, processor: str | None = None
) -> list[Letter]:
    """The newest `count` letters that fit the filters, oldest first. Reads backwards, no further than it must."""
    bounds = (await log.bounds(DEAD_LETTERS))[0]
    found: deque[Letter] = deque()
    stop = bounds.next
    while stop > bounds.first and len(found) < count:
        start = max(bounds.first, stop - _LOOK_BACK)
        page = [letter for letter in await letters(log, start, stop) if _fits(letter, topic, reason, processor)]
        found.extendleft(reversed(page[-(count - len(found)) :]))
        stop = start
    return list(found)


async def letters(log: Log, start: int, stop: int) -> list[Letter]:
    """The letters at offsets start <= offset < stop. Raises `PositionLost`."""
    return [letter_in(record) async for batch in log.read(DEAD_LETTERS, 0, start, stop) for record in batch]


async def replay(log: Log, offsets: Iterable[int]) -> list[Position]:
    """Append the original bytes of these letters to their source topics again, in the order given; where they stand now.

    Headers stay, and `replayed-from` says where the record stood. Raises `NotReplayable`, before anything is appended,
    for an offset without a letter or a letter that has no bytes to put back.
    """
    messages = [await _original(log, offset) for offset in offsets]
    return [await log.append(topic, message) for topic, message in messages]


async def _original(log: Log, offset: int) -> tuple[str, Message]:
    bounds = (await log.bounds(DEAD_LETTERS))[0]
    if not bounds.first <= offset < bounds.next:
        raise NotReplayable(f"there is no dead letter {offset}: the log holds {bounds.first} to {bounds.next - 1}")
    letter = (await letters(log, offset, offset + 1))[0].letter
    if letter.reason == UNDECODABLE:
        raise NotReplayable(f"the record at {offset} of {DEAD_LETTERS} is not a dead letter: {letter.text}")
    if letter.key is None or letter.value is None:
        raise NotReplayable(f"dead letter {offset} has no {'key' if letter.key is None else 'value'} to put back")
    headers = [(name, value) for name, value in letter.headers if value is not None and name != REPLAYED_FROM]
    source = f"{letter.topic}-{letter.partition}@{letter.offset}"
    return letter.topic, Message(letter.key, letter.value, (*headers, (REPLAYED_FROM, source.encode())))


def _fits(found: Letter, topic: str | None, reason: str | None, processor: str | None) -> bool:
    letter = found.letter
    return (
        (topic is None or letter.topic == topic)
        and (reason is None or letter.reason == reason)
        and (processor is None or letter.processor == processor)
    )
