"""Two owners of one partition over the real log and store: the loser answers nothing, and nothing is done twice."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from ops.runtime.clock import SystemClock
from ops.runtime.identifiers import SystemIdentifiers
from storage.log.kafka import KafkaLog
from storage.log.memory import MemoryLog
from storage.log.port import Log, Message
from storage.log.topics_admin import apply_topics
from storage.log.valid_records import ValidRecords
from storage.mongo.connect import connect
from storage.mongo.ownership import Checkpoints, ClaimHistories, Floors, ReaderAnchors
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, VENUE_REQUESTS, Topics
from streams.owner.owner import Owner
from streams.owner.ports import OwnerOptions, OwnerPorts, OwnerTopics
from streams.owner.relay import Relay
from tests.simulation.owner.ledger import Ask, Happened, Ledger, happened, message_of


class Identities:
    """Log identities in a dictionary."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    async def get_all(self) -> dict[str, str]:
        return dict(self.held)

    async def put_if_absent(self, topic: str, log_id: str) -> str:
        return self.held.setdefault(topic, log_id)

    async def replace(self, topic: str, log_id: str) -> None:
        self.held[topic] = log_id


class NoControls:
    version = 0

    async def catch_up(self) -> None: ...


class Group:
    """Whose the partition is."""

    def __init__(self) -> None:
        self.member: object = None


class Member:
    """One process: what it said, and whether it is still asked for."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self.said: list[Happened] = []

    def acknowledged(self, partition: int, offset: int, event: Happened) -> None:
        self.said.append(event)

    async def still_mine(self) -> bool:
        return self._group.member is self


class Place:
    def __init__(self, log: Log, database) -> None:
        self.log, self.database, self.group = log, database, Group()
        self.done: list[int] = []

    def process(self) -> tuple[Member, Owner]:
        member = Member(self.group)
        ports = OwnerPorts(
            self.log,
            Checkpoints(self.database, ORDER_EVENTS),
            Floors(self.database, ORDER_EVENTS),
            ClaimHistories(self.database, ORDER_EVENTS),
            NoControls(),
            SystemClock(),
            SystemIdentifiers(),
            member,
        )
        options = OwnerOptions(checkpoint_seconds=0.05)
        return member, Owner(Ledger(), ports, OwnerTopics(ORDER_COMMANDS, ORDER_EVENTS), options)

    async def commands(self, first: int, count: int) -> Sequence:
        """Append them; they are read back as a transport would hand them over."""
        asks = [Ask(f"c{number}", f"a{number % 3}", "add", 1) for number in range(first, first + count)]
        await self.log.append_many(ORDER_COMMANDS, [message_of(ask) for ask in asks])
        return await self.read(ORDER_COMMANDS, first)

    async def read(self, topic: str, start: int = 0) -> list:
        end = (await self.log.bounds(topic))[0].next
        return [record async for batch in self.log.read(topic, 0, start, end) for record in batch]

    async def events(self) -> list[Happened]:
        return [happened(record) for record in ValidRecords().take(await self.read(ORDER_EVENTS))]


@pytest.fixture(params=["memory", pytest.param("real", marks=[pytest.mark.kafka, pytest.mark.mongo])])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """A log with one partition a topic, and an empty database."""
    names = dict.fromkeys(
        ("order-commands", "order-events", "quotes", "quote-states", "venue-requests", "venue-reports"), 1
    )
    if request.param == "memory":
        topics, url = Topics(names), "mongomock://"
        log: Log = MemoryLog(topics)
    else:
        topics, url = Topics(names, prefix=f"test-{secrets.token_hex(4)}-"), request.getfixturevalue("mongo_url")
        log = KafkaLog(request.getfixturevalue("kafka_address"), topics)
    store = connect(url, f"test_{secrets.token_hex(6)}")
    await log.start()
    await apply_topics(log, topics, Identities())
    yield Place(log, store.database)
    await store.client.drop_database(store.database.name)
    store.close()
    await log.close()
    if isinstance(log, KafkaLog):
        client = AIOKafkaAdminClient(bootstrap_servers=log.bootstrap)
        await client.start()
        await client.delete_topics([topics.on_broker(spec.name) for spec in topics])
        await client.close()


async def test_a_superseded_owner_says_nothing_and_the_next_goes_on_without_a_gap(place: Place) -> None:
    first, old = place.process()
    second, new = place.process()
    place.group.member = first
    assert await old.assigned(0, first) == 0
    await old.take(0, await place.commands(0, 30), lambda: place.done.append(30))
    await old.drain()
    assert place.done == [30]

    place.group.member = second
    assert await new.assigned(0, second) == 30
    more = await place.commands(30, 20)
    await old.take(0, more, lambda: place.done.append(-1))  # it has not heard that it lost the partition
    await old.drain()
    await new.take(0, more, lambda: place.done.append(50))
    await new.drain()
    assert place.done == [30, 50]
    assert len(first.said) == 30
    assert old.reports() == []
    assert [event.cause for event in await place.events()] == list(range(50))
    assert (await place.events())[30:] == second.said
    await old.revoked(0)
    await new.revoked(0)


async def test_an_owner_that_is_still_asked_for_claims_anew_and_decides_again_what_was_lost(place: Place) -> None:
    first, old = place.process()
    second, woken = place.process()
    place.group.member = first
    await old.assigned(0, first)
    await old.take(0, await place.commands(0, 10), lambda: place.done.append(10))
    await old.drain()
    await woken.assigned(0, second)  # it believes in an assignment of long ago
    await old.take(0, await place.commands(10, 10), lambda: place.done.append(20))
    await asyncio.wait_for(old.drain(), 20)
    assert place.done == [10, 20]
    assert [event.cause for event in await place.events()] == list(range(20))
    assert {event.account: event.total for event in await place.events()} == {"a0": 7, "a1": 7, "a2": 6}
    await woken.revoked(0)
    await old.revoked(0)


async def test_a_take_over_begins_at_the_checkpoints_and_readers_at_any_anchor_agree(place: Place) -> None:
    first, old = place.process()
    floors, claims = Floors(place.database, ORDER_EVENTS), ClaimHistories(place.database, ORDER_EVENTS)
    place.group.member = first
    await old.assigned(0, first)
    await old.take(0, await place.commands(0, 40), lambda: None)
    async with asyncio.timeout(10):
        while (await floors.get(0)).upto < 40:  # noqa: ASYNC110  (a document tells nobody)
            await asyncio.sleep(0.02)
    await old.revoked(0)
    second, new = place.process()
    place.group.member = second
    assert await new.assigned(0, second) == 40
    await new.take(0, await place.commands(40, 5), lambda: None)
    await new.drain()
    events = await place.events()
    assert [event.seq for event in events if event.account == "a0"] == list(range(1, 16))
    async with asyncio.timeout(10):
        while len((await claims.get(0)).claims) < 2:  # noqa: ASYNC110  (a document tells nobody)
            await asyncio.sleep(0.02)
    floor, history, records = await floors.get(0), await claims.get(0), await place.read(ORDER_EVENTS)
    every = [record.offset for record in ValidRecords().take(records)]
    for start in range(len(records)):
        anchor = history.anchor_before(start, floor)
        seen = ValidRecords(anchor).take(records[anchor.upto + 1 :])
        assert [r.offset for r in seen if r.offset >= start] == [offset for offset in every if offset >= start]
    await new.revoked(0)


async def test_a_relay_sends_what_counts_in_order_and_goes_on_where_it_was(place: Place) -> None:
    first, owner = place.process()
    place.group.member = first
    await owner.assigned(0, first)
    await owner.take(0, await place.commands(0, 6), lambda: None)
    await owner.drain()
    writer = await place.log.writer(ORDER_EVENTS, 0)
    [stale] = [record for record in await place.read(ORDER_EVENTS) if record.offset == 3]
    await writer.append([Message(stale.key, b"{}", (("epoch", b"77"),))])
    anchors = ReaderAnchors(place.database, "orders-relay", ORDER_EVENTS)

    async def relay(expected: int) -> None:
        running = asyncio.create_task(
            Relay(
                place.log,
                source=ORDER_EVENTS,
                partition=0,
                target=VENUE_REQUESTS,
                translate=lambda record: [Message(b"S", happened(record).id.encode())],
                anchors=anchors,
                progress_seconds=0.02,
            ).run()
        )
        async with asyncio.timeout(10):
            while (await anchors.get(0)).upto < expected:  # noqa: ASYNC110  (a document tells nobody)
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.wait([running])

    await relay(7)
    await owner.take(0, await place.commands(6, 3), lambda: None)
    await owner.drain()
    await relay((await place.log.bounds(ORDER_EVENTS))[0].next - 1)
    assert [record.value for record in await place.read(VENUE_REQUESTS)] == [b"c%d" % number for number in range(9)]
    await owner.revoked(0)
