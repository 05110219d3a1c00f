"""Relays run from the claim of their partition to its end, and what breaks one ends the owner."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from storage.log.memory import MemoryLog
from storage.log.port import Message, Record
from storage.models.ownership import BEGINNING, Anchor, PartitionReport, claim_headers, record_headers
from storage.mongo.failures import StoreUnavailable, WriteRefused
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, QUOTE_STATES, QUOTES, VENUE_REPORTS, VENUE_REQUESTS, Topics
from streams.owner.ports import Membership
from streams.owner.relay import Relay
from streams.owner.relayed import RelayedOwner

EQUAL = (ORDER_COMMANDS, ORDER_EVENTS, VENUE_REQUESTS, VENUE_REPORTS, QUOTES, QUOTE_STATES)


class Group:
    async def still_mine(self) -> bool:
        return True


class ClaimingOwner:
    """Claims when it is let; remembers what it was told."""

    def __init__(self) -> None:
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.claimed = asyncio.Event()
        self.told: list[str] = []

    async def assigned(self, partition: int, membership: Membership) -> int:
        await self.claimed.wait()
        return 7

    async def take(self, partition: int, records: Sequence[Record], acknowledge: Callable[[], object]) -> None:
        self.told.append(f"take {partition}")

    async def drain(self) -> None:
        self.told.append("drain")

    async def revoked(self, partition: int) -> None:
        self.told.append(f"revoked {partition}")

    def reports(self) -> list[PartitionReport]:
        return [PartitionReport(0, 0, 0)]


class Anchors:
    """In memory; fails for as many times as it is told to."""

    def __init__(self, fails: int = 0) -> None:
        self.fails, self.held = fails, BEGINNING
        self.refused: asyncio.Event | None = None

    async def get(self, partition: int) -> Anchor:
        if self.fails:
            self.fails -= 1
            raise StoreUnavailable("no store answers")
        return self.held

    async def put(self, partition: int, anchor: Anchor) -> bool:
        if self.refused is not None:
            self.refused.set()
            raise WriteRefused("reader_anchors did not take it")
        self.held = anchor
        return True


class Floor:
    """A log with one record that counts, a relay of it, and the relayed owner."""

    def __init__(self, translate: Callable[[Record], Sequence[Message]] | None = None, store_fails: int = 0) -> None:
        self.log = MemoryLog(Topics(dict.fromkeys(EQUAL, 1)))
        self.inner = ClaimingOwner()
        self.begun = 0
        self.anchors = Anchors(store_fails)
        self._translate = translate or (lambda record: [Message(b"v", record.value or b"")])
        self.owner = RelayedOwner(self.inner, self._relays_of, retry_seconds=0.001)

    def _relays_of(self, partition: int) -> list[Relay]:
        self.begun += 1
        relay = Relay(
            self.log,
            source=ORDER_EVENTS,
            partition=partition,
            target=VENUE_REQUESTS,
            translate=self._translate,
            anchors=self.anchors,
            progress_seconds=0.01,
        )
        return [relay]

    async def record(self, value: bytes) -> None:
        writer = await self.log.writer(ORDER_EVENTS, 0)
        [epoch] = await writer.append([Message(b"claim", b"", claim_headers("e"))])
        await writer.append([Message(b"a", value, record_headers(epoch, 0, 1, ()))])

    async def relayed(self) -> Record:
        async with asyncio.timeout(5), self.log.tail(VENUE_REQUESTS, {0: 0}) as tail:
            [record] = await tail.batch()
        return record


async def test_what_counts_is_relayed_from_the_claim_on_and_a_seek_starts_no_second_relay() -> None:
    floor = Floor()
    claiming = asyncio.create_task(floor.owner.assigned(0, Group()))
    await asyncio.sleep(0)
    assert floor.begun == 0
    floor.inner.claimed.set()
    assert await claiming == 7
    await floor.record(b"x")
    assert (await floor.relayed()).value == b"x"
    assert await floor.owner.assigned(0, Group()) == 7
    assert floor.begun == 1
    await floor.owner.revoked(0)
    await floor.record(b"y")
    assert (await floor.log.bounds(VENUE_REQUESTS))[0].next == 1
    assert await floor.owner.assigned(0, Group()) == 7
    assert floor.begun == 2
    await floor.owner.revoked(0)


async def test_a_partition_that_is_revoked_while_it_is_claimed_gets_no_relay() -> None:
    floor = Floor()
    claiming = asyncio.create_task(floor.owner.assigned(0, Group()))
    await asyncio.sleep(0)
    await floor.owner.revoked(0)
    floor.inner.claimed.set()
    assert await claiming == 7
    assert floor.begun == 0


async def test_what_breaks_a_relay_is_the_owners_failure() -> None:
    def broken(record: Record) -> Sequence[Message]:
        raise ValueError(f"offset {record.offset} cannot be relayed")

    floor = Floor(broken)
    floor.inner.claimed.set()
    await floor.owner.assigned(0, Group())
    await floor.record(b"x")
    with pytest.raises(ValueError, match="offset 1 cannot be relayed"):
        await asyncio.wait_for(floor.owner.failure, 5)
    await floor.owner.revoked(0)


async def test_progress_that_cannot_be_stored_at_all_does_not_stay_unheard() -> None:
    floor = Floor()
    refused = floor.anchors.refused = asyncio.Event()
    floor.inner.claimed.set()
    await floor.owner.assigned(0, Group())
    await floor.record(b"x")
    await asyncio.wait_for(refused.wait(), 5)
    await floor.record(b"y")
    with pytest.raises(WriteRefused, match="reader_anchors did not take it"):
        await asyncio.wait_for(floor.owner.failure, 5)
    await floor.owner.revoked(0)


async def test_what_ends_the_owner_is_its_failure_too() -> None:
    floor = Floor()
    floor.inner.failure.set_exception(RuntimeError("the rules are broken"))
    with pytest.raises(RuntimeError, match="the rules are broken"):
        await asyncio.wait_for(floor.owner.failure, 5)


async def test_a_store_that_does_not_answer_is_asked_again() -> None:
    floor = Floor(store_fails=3)
    floor.inner.claimed.set()
    await floor.owner.assigned(0, Group())
    await floor.record(b"x")
    assert (await floor.relayed()).value == b"x"
    assert not floor.owner.failure.done()
    await floor.owner.revoked(0)


async def test_the_rest_goes_to_the_owner_as_it_is() -> None:
    floor = Floor()
    await floor.owner.take(3, [], lambda: None)
    await floor.owner.drain()
    await floor.owner.revoked(3)
    assert floor.inner.told == ["take 3", "drain", "revoked 3"]
    assert floor.owner.reports() == [PartitionReport(0, 0, 0)]
