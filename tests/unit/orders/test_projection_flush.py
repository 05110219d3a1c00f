"""When the projection writes: 500 valid records after its last write, or a tenth of a second, whichever comes first."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import pairwise

import pytest

from ops.runtime.metrics import Metrics
from ops.runtime.settings import Settings
from storage.log.memory import MemoryLog
from storage.log.memory_partition import MemoryRecord
from storage.log.port import Message
from storage.log.valid_records import ValidRecords
from storage.models.ownership import Anchor
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, Topics
from streams.app.memory_runner import _REST_SECONDS, MemoryRunner
from streams.orders.projection.orders_processor import FLUSH_RECORDS, OrdersProcessor
from tests.simulation.owner.virtual_time import LoopClock, run
from tests.unit.orders.kept_documents import Fuse, KeptAnchors, KeptDocuments, RecordsOf
from tests.unit.orders.projected_partition import partition

FLUSH_SECONDS = Settings(_env_file=None).market_flush_milliseconds / 1_000
RECORDS = partition(9, steps=1_200)


class NotedAnchors(KeptAnchors):
    """Anchors are written last of all: notes when, and how far the documents are then."""

    def __init__(self) -> None:
        super().__init__(Fuse())
        self.written: asyncio.Queue[tuple[float, int]] = asyncio.Queue()

    async def put_many(self, anchors: Mapping[int, Anchor], /) -> None:
        await super().put_many(anchors)
        if anchors:
            self.written.put_nowait((asyncio.get_running_loop().time(), self.stored[0].upto))


class Place:
    """The projection over a log in this process, as the local profile runs it, in the loop's own time."""

    def __init__(self) -> None:
        clock = LoopClock()
        self.log = MemoryLog(Topics({ORDER_COMMANDS: 1, ORDER_EVENTS: 1}), clock)
        self.kept, self.anchors = KeptDocuments(), NotedAnchors()
        processor = OrdersProcessor(
            models=self.kept.models, anchors=self.anchors, log=self.log, clock=clock, metrics=Metrics()
        )
        self.runner = MemoryRunner(self.log, [processor], clock, flush_seconds=FLUSH_SECONDS)

    async def append(self, records: Sequence[MemoryRecord]) -> None:
        """At the offsets that their epochs name."""
        messages = [Message(one.key or b"", one.value or b"", tuple(one.headers)) for one in records]
        await self.log.append_many(ORDER_EVENTS, messages)


def in_the_place(act: Callable[[Place], Awaitable[None]]) -> None:
    """Run in made-up time while the projection runs."""

    async def main() -> None:
        place, stop = Place(), asyncio.Event()
        running = asyncio.create_task(place.runner.run(stop))
        await place.runner.ready()
        await act(place)
        stop.set()
        await running

    run(main())


def place_of_valid(number: int) -> int:
    """The index of the valid record with that number, counted from 1."""
    judge, found = ValidRecords(), 0
    for index, record in enumerate(RECORDS):
        found += len(judge.take([record]))
        if found == number:
            return index
    raise AssertionError(f"there are {found} valid records only")


def test_a_flush_is_a_tenth_of_a_second_or_500_records() -> None:
    assert (FLUSH_SECONDS, FLUSH_RECORDS) == (0.1, 500)


@pytest.mark.parametrize("rest", [0.0, 0.001, 0.05, 0.079, 0.0799, 0.0999])
def test_what_comes_alone_is_written_within_a_tenth_of_a_second(rest: float) -> None:
    async def act(place: Place) -> None:
        await asyncio.sleep(0.3 + rest)
        came = asyncio.get_running_loop().time()
        await place.append(RECORDS[:5])
        written, upto = await place.anchors.written.get()
        assert upto == 4
        assert 0 <= written - came <= FLUSH_SECONDS + 1e-9

    in_the_place(act)


def test_what_trickles_in_is_written_each_tenth_of_a_second_however_often_something_comes() -> None:
    async def act(place: Place) -> None:
        came: list[float] = []
        for record in RECORDS[:60]:
            came.append(asyncio.get_running_loop().time())
            await place.append([record])
            await asyncio.sleep(0.007)
        moments, upto = [came[0]], -1
        while upto < 59:
            first = upto + 1
            written, upto = await place.anchors.written.get()
            assert written - came[first] <= FLUSH_SECONDS + _REST_SECONDS + 1e-9
            moments.append(written)
        assert [round(after - before, 9) for before, after in pairwise(moments)] == [0.1] * 5

    in_the_place(act)


def test_500_records_are_written_at_once_and_what_is_left_within_a_tenth_of_a_second() -> None:
    async def act(place: Place) -> None:
        await asyncio.sleep(0.301)
        came, end = asyncio.get_running_loop().time(), place_of_valid(2 * FLUSH_RECORDS)
        await place.append(RECORDS[: end + 1])
        at_once, upto = await place.anchors.written.get()
        assert at_once == came
        assert place_of_valid(FLUSH_RECORDS) <= upto < end
        while upto < end:
            written, upto = await place.anchors.written.get()
        assert came < written <= came + FLUSH_SECONDS + 1e-9

    in_the_place(act)


def test_the_500th_valid_record_is_what_makes_it_write_without_being_told() -> None:
    """In made-up time: answers are kept for a day, and the loop's own time is how long the machine has been up."""
    kept, last = KeptDocuments(), place_of_valid(FLUSH_RECORDS)

    async def main() -> None:
        process = OrdersProcessor(
            models=kept.models, anchors=kept.anchors, log=RecordsOf(RECORDS), clock=LoopClock(), metrics=Metrics()
        )
        await process.assign(0, None)
        for record in RECORDS[:last]:
            await process.fold(0, [record])
        assert not any(kept.contents)
        await process.fold(0, [RECORDS[last]])
        assert all(kept.contents)
        assert kept.anchors.stored[0].upto == last

    run(main())
