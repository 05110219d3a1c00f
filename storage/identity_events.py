"""What changed about who may do what, told on `platform-events`, so that every gateway feels it at once.

An event only makes it sooner: caches read what they hold again each second whatever is told. So telling never fails a
request, and a reader begins at the end of the log.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal

import msgspec

from ops.runtime.clock import Clock
from storage.log.port import AppendUnknown, Log, LogUnavailable, Message, PositionLost, Record
from storage.models.reading import UNREADABLE
from storage.topics import PLATFORM_EVENTS

IdentityKind = Literal["key", "user", "admin", "session", "tenant"]
SCHEMA: Final = b"identity-event.1"
_ANNOUNCE_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 0.5
_log = logging.getLogger(__name__)


class IdentityEvent(msgspec.Struct, frozen=True):
    """Something about the key, person, session or tenant `identity` has changed; the store says what. `at` is ns."""

    kind: IdentityKind
    identity: str
    at: int


OnEvents = Callable[[Sequence[IdentityEvent]], Awaitable[None]]
_decoder: Final = msgspec.json.Decoder(IdentityEvent)


class IdentityEvents:
    """Tells. Call it once what changed is stored."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log, self._clock = log, clock

    async def announce(self, kind: IdentityKind, identity: str) -> None:
        """Append the event. Takes at most a second and never raises: what cannot be told is logged, and felt a second later."""
        event = IdentityEvent(kind, identity, self._clock.now())
        key = f"{kind}:{identity}"
        headers = (("schema", SCHEMA), ("event-id", f"{key}@{event.at}".encode()))
        try:
            async with asyncio.timeout(_ANNOUNCE_SECONDS):
                await self._log.append(PLATFORM_EVENTS, Message(key.encode(), msgspec.json.encode(event), headers))
        except (LogUnavailable, AppendUnknown, TimeoutError) as error:
            _log.warning("a change of identity is not told", extra={"entity": key, "reason": str(error) or "no answer"})


class IdentityTail:
    """Hears what is told from now on. `on_events` gets what came at once, in one call; while it runs others wait."""

    def __init__(self, log: Log, on_events: OnEvents) -> None:
        self._log, self._on_events = log, on_events

    async def run(self) -> None:
        """Listen until cancelled; a log that is away is tried again. Raises `TailClosed` when the log was closed, and what
        `on_events` raises.
        """
        while True:
            try:
                await self._listen()
            except (LogUnavailable, PositionLost) as error:
                _log.warning("changes of identity cannot be heard for now", extra={"reason": str(error)})
                await asyncio.sleep(_RETRY_SECONDS)

    async def _listen(self) -> None:
        ends = {partition: bounds.next for partition, bounds in (await self._log.bounds(PLATFORM_EVENTS)).items()}
        async with self._log.tail(PLATFORM_EVENTS, ends) as tail:
            while True:
                records = await tail.batch()
                events = [event for event in map(_read, records) if event is not None]
                if events:
                    await self._on_events(events)


def _read(record: Record) -> IdentityEvent | None:
    """The event of a record; None for what else there is on the topic, and for one that cannot be read (logged)."""
    if ("schema", SCHEMA) not in record.headers:
        return None
    try:
        return _decoder.decode(record.value or b"")
    except UNREADABLE as error:
        _log.error(
            "the event of identity at %s-%d offset %d cannot be read: %s",
            record.topic, record.partition, record.offset, error,
        )  # fmt: skip
        return None
