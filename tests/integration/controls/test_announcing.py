"""Control documents, their announcement and those who follow: over the adapters in this process and the real ones."""

import asyncio
import logging

import pytest

from ops.runtime.clock import ManualClock, SystemClock
from storage.controls.defaults import announce_defaults, bind_tenant
from storage.controls.tail import ControlsTail
from storage.log.port import LogUnavailable, Message, TailClosed
from storage.models.control_records import CONTROLS_KEY, decode_announcement
from storage.models.controls import ConnectorState, Fault, Halt
from storage.mongo.controls import COLLECTION
from storage.reference import ReferenceData
from storage.reference_data.builtin import load_builtin
from storage.topics import PLATFORM_EVENTS
from tests.integration.controls.place import Place

HALT = Halt("hlt_1", "symbol", "AAPL.US", "halted", "a test")
LIFTED = Halt("hlt_1", "symbol", "AAPL.US", "halted", "a test", lifted=True)


async def until(version: int, tail: ControlsTail) -> None:
    """Wait until a tail has read up to a version by itself."""
    async with asyncio.timeout(10):
        while tail.version < version:  # noqa: ASYNC110  (nothing to await: it follows by itself)
            await asyncio.sleep(0.005)


async def test_revisions_count_from_one_and_the_same_again_is_no_change(place: Place) -> None:
    documents = place.documents
    [first] = await documents.put([HALT], 10)
    [same] = await documents.put([HALT], 20)
    [second] = await documents.put([LIFTED], 30)
    assert [(stored.revision, stored.changed_at, stored.pending) for stored in (first, same, second)] == [
        (1, 10, True),
        (1, 10, True),
        (2, 30, True),
    ]
    assert [stored.document for stored in await documents.all()] == [LIFTED]
    assert await documents.of_kind("halt") == await documents.all()
    assert await documents.of_kind("fault") == []
    assert await documents.get("halt|hlt_1") == second
    assert await documents.get("halt|hlt_2") is None


async def test_writers_at_the_same_time_get_revisions_of_their_own(place: Place) -> None:
    states = [ConnectorState("sim-a", "down", str(number)) for number in range(8)]
    stored = await asyncio.gather(*(place.documents.put([state], 1) for state in states))
    assert sorted(control.revision for [control] in stored) == list(range(1, 9))
    [standing] = await place.documents.all()
    assert standing in [control for [control] in stored]
    assert standing.revision == 8


async def test_a_change_is_stored_announced_and_marked(place: Place) -> None:
    version = await place.announcer().change([HALT, Fault("sim-a", "down")])
    assert version == 1
    batches = [batch async for batch in place.platform.log.read(PLATFORM_EVENTS, 0, 0, 9)]
    records = [record for batch in batches for record in batch]
    announced = [decode_announcement(record.value) for record in records]
    assert [(record.key, dict(record.headers)["schema"]) for record in records] == [(CONTROLS_KEY, b"control.1")] * 2
    assert [(found.revision, found.document) for found in announced] == [(1, HALT), (1, Fault("sim-a", "down"))]
    assert not any(stored.pending for stored in await place.documents.all())
    assert await place.announcer().change([HALT]) == 1  # says what stands already
    assert (await place.platform.log.bounds(PLATFORM_EVENTS))[0].next == 2


async def test_what_its_announcer_left_is_announced_by_another_after_half_a_second(place: Place) -> None:
    tail = await place.tail()
    clock = ManualClock(SystemClock().now())
    announcer, other = place.announcer(clock), place.announcer(clock)
    await announcer.store([HALT])
    assert await other.announce_left() == 0  # its own announcer is still at it
    clock.advance(0.6)
    assert await other.announce_left() == 1
    assert await other.announce_left() == 0
    await until(0, tail)
    assert tail.current.halted == {("symbol", "AAPL.US"): "halted"}


async def test_run_announces_what_was_left(place: Place) -> None:
    tail = await place.tail()
    await place.documents.put([HALT], SystemClock().now())
    running = asyncio.create_task(place.announcer().run())
    await until(0, tail)
    running.cancel()
    assert tail.current.halts == {"hlt_1": HALT}


async def test_a_newer_revision_stays_pending_when_an_older_one_is_marked(place: Place) -> None:
    old = await place.documents.put([HALT], 1)
    await place.documents.put([LIFTED], 2)
    await place.documents.mark_announced(old)
    assert [stored.revision for stored in await place.documents.unannounced(3)] == [2]


async def test_the_tail_begins_with_the_documents_and_follows_by_itself(place: Place) -> None:
    announcer = place.announcer()
    await announcer.change([HALT])
    await place.documents.put([Fault("sim-b", "refuse")], SystemClock().now())  # not announced by anybody yet
    tail = await place.tail()
    assert (tail.version, tail.current.halts, tail.faults) == (0, {"hlt_1": HALT}, {"sim-b": "refuse"})
    version = await announcer.change([LIFTED])
    await until(version, tail)
    assert (tail.version, tail.current.version, tail.current.halts) == (version, version, {})


async def test_each_catch_up_reaches_the_end_of_now(place: Place) -> None:
    tail, announcer = await place.tail(), place.announcer()
    assert tail.version == -1
    for number in range(5):
        version = await announcer.change([Fault("sim-a", "down" if number % 2 else "refuse")])
        await asyncio.gather(*(tail.catch_up() for _ in range(4)))
        assert tail.version == version
        assert tail.faults == {"sim-a": "down" if number % 2 else "refuse"}


async def test_an_announcement_that_cannot_be_read_stops_nobody(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    tail = await place.tail()
    await place.platform.log.append(PLATFORM_EVENTS, Message(CONTROLS_KEY, b'{"revision":1,"document":{"type":"new"}}'))
    await place.platform.log.append(PLATFORM_EVENTS, Message(b"tenant", b"another event of the platform"))
    await place.platform.store.database[COLLECTION].insert_one(
        {"_id": "new|1", "kind": "new", "revision": 1, "changed_at": 0, "pending": False, "document": {"type": "new"}}
    )
    with caplog.at_level(logging.ERROR):
        await tail.catch_up()
    assert (tail.version, tail.unreadable, tail.failure.done()) == (1, 1, False)
    assert "NO EFFECT" in caplog.text
    assert "new|1" in caplog.text
    await place.announcer().change([HALT])
    await tail.catch_up()
    assert tail.current.halts == {"hlt_1": HALT}


async def test_a_tail_whose_log_is_closed_says_so(place: Place) -> None:
    tail = await place.tail()
    await until(await place.announcer().change([HALT]), tail)  # so it is at work
    await place.platform.log.close()
    with pytest.raises(TailClosed):
        await asyncio.wait_for(tail.failure, 10)
    with pytest.raises((TailClosed, LogUnavailable)):
        await asyncio.wait_for(tail.run(), 10)


async def test_defaults_follow_reference_data_and_leave_connectors_as_they_are(place: Place) -> None:
    announcer, reference = place.announcer(), load_builtin()
    tail = await place.tail()
    first = await announce_defaults(announcer, reference)
    assert await announce_defaults(announcer, reference) == first  # nothing has changed, nothing is announced
    await announcer.change([ConnectorState("sim-b", "down", "by hand")])
    apple = reference.instruments["AAPL.US"]
    changed = [apple.model_copy(update={"lot_size": "10", "min_quantity": "10"})]
    fewer = ReferenceData.of(
        [*changed, *(one for one in reference.instruments.values() if one.symbol not in ("AAPL.US", "ES.CME"))],
        reference.calendars.values(),
    )
    version = await announce_defaults(announcer, fewer)
    await bind_tenant(announcer, "ten_1", fewer)
    await tail.catch_up()
    assert version == first + 3  # the connector, Apple, and the future that is no longer there
    assert tail.current.instruments["AAPL.US"].lot_size == 10
    assert set(tail.current.instruments) == set(fewer.instruments)
    assert tail.current.connectors["sim-b"].status == "down"
    assert tail.current.bindings["ten_1", "XNAS"].connector == "sim-a"
