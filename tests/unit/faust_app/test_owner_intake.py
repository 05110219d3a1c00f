"""Batches to an owner: in order a partition, none held up by another, and nothing counted before it is acknowledged."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from faust.types import TP

from storage.log.port import Record
from streams.app.batch import Batch
from streams.app.owner_intake import OwnerIntake
from streams.owner.ports import Membership
from tests.unit.faust_app.scripted_broker import records


class SlowOwner:
    """Takes a partition's batch when there is room in it."""

    def __init__(self) -> None:
        self.room = {0: asyncio.Event(), 1: asyncio.Event()}
        self.taken: list[tuple[int, int]] = []
        self.acknowledge: list[Callable[[], object]] = []
        self.breaks = False

    async def assigned(self, partition: int, membership: Membership) -> int:
        return 0

    async def take(self, partition: int, records: Sequence[Record], acknowledge: Callable[[], object]) -> None:
        if self.breaks:
            raise ValueError("no")
        self.taken.append((partition, records[0].offset))
        self.acknowledge.append(acknowledge)
        await self.room[partition].wait()

    async def drain(self) -> None: ...
    async def revoked(self, partition: int) -> None: ...


class Place:
    def __init__(self) -> None:
        self.owner = SlowOwner()
        self.gate: list[tuple[str, int]] = []
        self.committed: list[int] = []
        self.errors: list[BaseException] = []
        self.intake = OwnerIntake("commands", self.owner, self, self.errors.append)

    def hold(self, partition: int) -> None:
        self.gate.append(("hold", partition))

    def release(self, partition: int) -> None:
        self.gate.append(("release", partition))

    async def take(self, partition: int, first: int, last: int, generation: int = 1) -> None:
        held: Any = records(TP("commands", partition), first, last)
        await self.intake.take(Batch(partition, generation, held, lambda: self.committed.append(last + 1)))
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
async def place() -> Place:
    made = Place()
    for partition in (0, 1):
        made.intake.begin(partition, 1, 0)
    return made


async def test_a_partition_without_room_is_held_and_holds_up_no_other(place: Place) -> None:
    place.owner.room[1].set()
    await place.take(0, 0, 9)
    await place.take(0, 10, 19)
    await place.take(1, 0, 4)
    assert place.owner.taken == [(0, 0), (1, 0)]
    assert ("hold", 0) in place.gate
    place.gate.clear()
    place.owner.room[0].set()
    async with asyncio.timeout(5):
        while not place.gate:  # noqa: ASYNC110  (what it does tells nobody)
            await asyncio.sleep(0)
    assert place.owner.taken == [(0, 0), (1, 0), (0, 10)]
    assert place.gate == [("release", 0)]


async def test_only_what_is_acknowledged_counts_and_may_be_committed(place: Place) -> None:
    place.owner.room[0].set()
    await place.take(0, 0, 9)
    assert (place.intake.partitions[0].read, place.intake.partitions[0].durable) == (10, 0)
    assert (place.intake.records, place.committed) == (0, [])
    place.owner.acknowledge[0]()
    assert (place.intake.partitions[0].durable, place.intake.records, place.committed) == (10, 10, [10])


async def test_batches_of_an_assignment_that_has_ended_are_dropped(place: Place) -> None:
    await place.take(0, 0, 9)
    await place.take(0, 10, 19)
    await place.intake.end()
    await place.take(0, 20, 29)
    place.intake.begin(0, 2, 10)
    await place.take(0, 30, 39)
    assert place.owner.taken == [(0, 0)]
    await place.take(0, 10, 19, generation=2)
    assert place.owner.taken == [(0, 0), (0, 10)]
    await place.intake.end()
    assert place.intake.partitions == {}


async def test_what_the_owner_raises_is_told(place: Place) -> None:
    place.owner.breaks = True
    await place.take(0, 0, 9)
    assert [str(error) for error in place.errors] == ["no"]
    await place.intake.end()
