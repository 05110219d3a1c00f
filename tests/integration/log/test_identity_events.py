"""What is told about keys and people is heard by every gateway, on both logs, and telling never fails."""

import asyncio
from collections.abc import Sequence

import pytest

from ops.runtime.clock import ManualClock, SystemClock
from storage.identity_events import IdentityEvent, IdentityEvents, IdentityTail
from storage.log.memory import MemoryLog
from storage.log.port import LogUnavailable, Message, TailClosed
from storage.topics import PLATFORM_EVENTS, Topics


class Ear:
    """What one gateway hears."""

    def __init__(self) -> None:
        self.heard: list[IdentityEvent] = []
        self.moved = asyncio.Event()

    async def on_events(self, events: Sequence[IdentityEvent]) -> None:
        self.heard += events
        self.moved.set()

    async def until(self, wanted: str) -> None:
        async with asyncio.timeout(10):
            while wanted not in {event.identity for event in self.heard}:
                self.moved.clear()
                await self.moved.wait()


async def listening(log, ear: Ear, tell: IdentityEvents) -> asyncio.Task[None]:
    """A tail that has begun to hear: what is told before it stands at the end of the log is not for it."""
    running = asyncio.create_task(IdentityTail(log, ear.on_events).run())
    async with asyncio.timeout(20):
        while not ear.heard:
            await tell.announce("key", "first")
            await asyncio.wait([asyncio.create_task(ear.moved.wait())], timeout=0.2)
    return running


async def test_every_gateway_hears(platform):
    tell, ears = IdentityEvents(platform.log, SystemClock()), [Ear(), Ear()]
    await tell.announce("user", "before anybody listens")
    tails = [await listening(platform.log, ear, tell) for ear in ears]
    await tell.announce("user", "usr_1")
    await platform.log.append(PLATFORM_EVENTS, Message(b"controls", b"not ours", (("schema", b"control.1"),)))
    await platform.log.append(PLATFORM_EVENTS, Message(b"key:x", b"unreadable", (("schema", b"identity-event.1"),)))
    await tell.announce("session", "ses_1")
    for ear in ears:
        await ear.until("ses_1")
        kinds = [(event.kind, event.identity) for event in ear.heard if event.identity != "first"]
        assert kinds == [("user", "usr_1"), ("session", "ses_1")]
    for tail in tails:
        tail.cancel()
    await asyncio.gather(*tails, return_exceptions=True)


async def test_an_event_is_keyed_by_its_entity_and_says_when():
    clock = ManualClock()
    log = MemoryLog(Topics())
    await IdentityEvents(log, clock).announce("admin", "adm_1")
    [[record]] = [batch async for batch in log.read(PLATFORM_EVENTS, 0, 0, 1)]
    assert record.key == b"admin:adm_1"
    assert record.value == b'{"kind":"admin","identity":"adm_1","at":%d}' % clock.now()
    assert dict(record.headers)["event-id"] == b"admin:adm_1@%d" % clock.now()


async def test_a_log_that_is_away_fails_no_request(caplog):
    class Away:
        async def append(self, topic: str, message: Message) -> None:
            raise LogUnavailable("the log is away")

    await IdentityEvents(Away(), ManualClock()).announce("key", "pmk_1")
    assert [(record.levelname, record.entity) for record in caplog.records] == [("WARNING", "key:pmk_1")]


async def test_a_log_that_hangs_holds_nobody_for_more_than_a_second(caplog):
    class Hanging:
        async def append(self, topic: str, message: Message) -> None:
            await asyncio.Event().wait()

    async with asyncio.timeout(5):
        await IdentityEvents(Hanging(), ManualClock()).announce("key", "pmk_1")
    assert caplog.records[0].reason == "no answer"


async def test_a_tail_tries_again_while_the_log_is_away():
    class Sometimes(MemoryLog):
        tries = 0

        async def bounds(self, topic: str):
            self.tries += 1
            if self.tries == 1:
                raise LogUnavailable("away")
            return await super().bounds(topic)

    log, ear = Sometimes(Topics()), Ear()
    running = await listening(log, ear, IdentityEvents(log, SystemClock()))
    assert log.tries == 2
    await log.close()
    with pytest.raises(TailClosed):
        await running
