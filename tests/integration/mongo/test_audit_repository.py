"""Audit events over both adapters: appended by many at once they are one chain without a gap; nothing is kept twice."""

import asyncio
from typing import Any

import pytest

from ops.runtime.clock import ManualClock
from storage.models.audit import AuditEvent
from storage.models.audit_chain import EMPTY, Head, Link, first_broken
from storage.mongo.audit_events import COLLECTION, AuditEvents
from storage.mongo.connect import Store, connect
from storage.mongo.documents import Database
from storage.mongo.migrations import migrate
from storage.sealing import KeyRing

RING = KeyRing.parse("one:first-secret-of-the-ring")
APPENDERS = 20


def event(number: int = 1, **changes: Any) -> AuditEvent:
    fields = {
        "event_id": f"evt_{number}", "seq": 0, "ts": number, "actor_type": "admin", "actor_id": "adm_1",
        "action": "user.status", "target_type": "user", "target_id": "usr_1", "before": {"status": "active", "reason": None},
        "after": None, "ip": "203.0.113.7", "trace_id": "1" * 32, "stage": "recorded", "effect_id": "",
        "prev_hash": "", "hash": "", **changes,
    }  # fmt: skip
    return AuditEvent.model_validate(fields)


async def whole_trail(events: AuditEvents, at_once: int = 7) -> list[Link]:
    links: list[Link] = []
    while found := await events.links(links[-1] if links else None, at_once):
        links += found
    return links


async def test_an_empty_trail(database: Database) -> None:
    events = AuditEvents(database, RING)
    assert await events.head() == EMPTY
    assert await events.newest(None, None, 10) == []
    assert await whole_trail(events) == []


async def test_what_is_appended_is_linked_and_read_again_as_it_was(database: Database) -> None:
    events = AuditEvents(database, RING)
    first, second = await events.append(event(1)), await events.append(event(2))
    assert (first.seq, first.prev_hash, second.seq, second.prev_hash) == (1, "", 2, first.hash)
    assert await AuditEvents(database, RING).head() == Head(2, second.hash)
    assert await events.newest(None, None, 10) == [second, first]
    assert first_broken(await whole_trail(events), RING, {2: second.hash}) is None


async def test_a_stage_of_an_effect_is_kept_once(database: Database) -> None:
    events, elsewhere = AuditEvents(database, RING), AuditEvents(database, RING)
    intended = await events.append(event(1, stage="intended", effect_id="e"))
    assert await elsewhere.append(event(2, stage="intended", effect_id="e")) == intended
    done = await elsewhere.append(event(3, stage="done", effect_id="e"))
    assert await events.of_effect("e", "done") == done
    assert await events.of_effect("e", "recorded") is None
    assert await events.of_effect("", "recorded") is None
    assert (await events.head()).seq == 2


async def test_of_many_tries_of_one_effect_one_is_kept(database: Database) -> None:
    events = [AuditEvents(database, RING) for _ in range(4)]
    tries = [event(number, stage="intended", effect_id="e") for number in range(APPENDERS)]
    kept = await asyncio.gather(*(events[number % 4].append(one) for number, one in enumerate(tries)))
    assert len({one.event_id for one in kept}) == 1
    assert await events[0].head() == Head(1, kept[0].hash)


async def test_the_newest_come_first_and_may_be_filtered(database: Database) -> None:
    events = AuditEvents(database, RING)
    actions = ["user.login", "user.status", "userX", "halt.set", "user"]
    for number, action in enumerate(actions, start=1):
        await events.append(event(number, action=action, actor_type="user" if number == 1 else "admin"))

    async def seqs(*asked: Any) -> list[int]:
        return [one.seq for one in await events.newest(*asked)]

    assert await seqs(None, None, 3) == [5, 4, 3]
    assert await seqs(None, None, 3, 3) == [2, 1]
    assert await seqs(None, "user.", 9) == [2, 1]
    assert await seqs("admin", "user", 9) == [5, 3, 2]
    assert await seqs("user", "halt", 9) == []
    assert await seqs(None, "user.*", 9) == []


async def test_parallel_appenders_make_one_chain_without_a_gap(database: Database) -> None:
    await append_in_parallel([AuditEvents(database, RING) for _ in range(APPENDERS)], database)


@pytest.mark.mongo
async def test_parallel_appenders_with_connections_of_their_own(real_store: Store, mongo_url: str) -> None:
    await migrate(real_store.database, ManualClock())
    stores = [connect(mongo_url, real_store.database.name) for _ in range(4)]
    try:
        own = [AuditEvents(stores[number % 4].database, RING) for number in range(APPENDERS)]
        await append_in_parallel(own, real_store.database)
    finally:
        for store in stores:
            store.close()


async def append_in_parallel(appenders: list[AuditEvents], database: Database) -> None:
    each = 5

    async def append(number: int, events: AuditEvents) -> None:
        for turn in range(each):
            await events.append(event(100 * number + turn))

    await asyncio.gather(*(append(number, events) for number, events in enumerate(appenders)))
    links = await whole_trail(appenders[0])
    assert [link["seq"] for link in links] == list(range(1, each * APPENDERS + 1))
    assert len({link["event_id"] for link in links}) == each * APPENDERS
    assert first_broken(links, RING) is None
    assert await database[COLLECTION].count_documents({}) == each * APPENDERS
