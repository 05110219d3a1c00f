"""The projection over both adapters of the store and the memory log: killed anywhere, its documents are, field by field,
those of a rebuild from the log.
"""

import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from random import Random
from typing import Any

import pytest

from ops.runtime.clock import ManualClock
from ops.runtime.metrics import Metrics
from storage.log.memory import MemoryLog
from storage.log.memory_partition import MemoryRecord
from storage.log.port import Message
from storage.models.ownership import BEGINNING, Anchor
from storage.models.read_models import AccountDocument
from storage.mongo.accounts import Accounts
from storage.mongo.command_answers import CommandAnswers
from storage.mongo.connect import Store, connect
from storage.mongo.documents import Database, Document
from storage.mongo.fills import Fills
from storage.mongo.orders import Orders
from storage.mongo.ownership import ReaderAnchors
from storage.mongo.positions import Positions
from storage.topics import ORDER_EVENTS, Topics
from streams.orders.projection.orders_processor import OrdersProcessor
from streams.orders.projection.read_models import ReadModels
from streams.orders.projection.rebuild import Rebuild
from tests.unit.orders.kept_documents import Fuse, Killed
from tests.unit.orders.projected_partition import partition
from tests.unit.orders.trading_floor import START

COLLECTIONS = ("orders", "positions", "fills", "command_answers", "accounts", "reader_anchors")
ADAPTERS = ["mongomock", pytest.param("mongo", marks=pytest.mark.mongo)]


@pytest.fixture(params=ADAPTERS)
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Store, Store]]:
    """Two empty databases: one for the life, one for the rebuild."""
    url = "mongomock://" if request.param == "mongomock" else request.getfixturevalue("mongo_url")
    both = connect(url, f"test_{secrets.token_hex(6)}"), connect(url, f"test_{secrets.token_hex(6)}")
    try:
        yield both
    finally:
        for store in both:
            await store.client.drop_database(store.database.name)
            store.close()


class Cut:
    """A repository, or the anchors, of a process that may be killed in the middle of any write."""

    def __init__(self, inner: Any, fuse: Fuse) -> None:
        self._inner, self._fuse = inner, fuse

    async def _cut(self, write: Any, items: Sequence[Any]) -> None:
        done = self._fuse.burn(items)
        if done:
            await write(done)
        self._fuse.check()

    async def write(self, items: Sequence[Any], /) -> None:
        await self._cut(self._inner.write, items)

    async def insert(self, items: Sequence[Any], /) -> None:
        await self._cut(self._inner.insert, items)

    async def insert_denied(self, items: Sequence[Any], /) -> None:
        await self._cut(self._inner.insert_denied, items)

    async def put_many(self, anchors: Mapping[int, Anchor], /) -> None:
        async def put(items: Sequence[tuple[int, Anchor]]) -> None:
            await self._inner.put_many(dict(items))

        await self._cut(put, list(anchors.items()))

    async def get(self, number: int) -> Anchor:
        found: Anchor = await self._inner.get(number)
        return found

    async def get_many(self, account_ids: Iterable[str], /) -> dict[str, AccountDocument]:
        found: dict[str, AccountDocument] = await self._inner.get_many(account_ids)
        return found

    async def remove_expired(self, now: int) -> int:
        removed: int = await self._inner.remove_expired(now)
        return removed

    async def delete_all(self) -> int:
        removed: int = await self._inner.delete_all()
        return removed


def models_of(database: Database, fuse: Fuse) -> ReadModels:
    """The real repositories, with a fuse."""
    return ReadModels(
        orders=Cut(Orders(database), fuse),
        positions=Cut(Positions(database), fuse),
        fills=Cut(Fills(database), fuse),
        answers=Cut(CommandAnswers(database), fuse),
        accounts=Cut(Accounts(database), fuse),
    )


async def log_of(records: Sequence[MemoryRecord]) -> MemoryLog:
    """A log whose only partition has these records at their offsets."""
    log = MemoryLog(Topics({"order-commands": 1, ORDER_EVENTS: 1}))
    await log.append_many(ORDER_EVENTS, [Message(one.key, one.value, one.headers) for one in records])
    return log


async def live_through(log: MemoryLog, database: Database, random: Random, kills: int) -> None:
    """Processes one after the other, each killed at some write, the last one not; commits follow flushes, mostly."""
    end = (await log.bounds(ORDER_EVENTS))[0].next
    committed: int | None = None
    for number in range(kills + 1):
        fuse = Fuse()
        if number < kills:
            fuse.writes, fuse.part = random.randint(0, 12), random.randint(0, 3)
        anchors = Cut(ReaderAnchors(database, "projection", ORDER_EVENTS), fuse)
        process = OrdersProcessor(
            models=models_of(database, fuse), anchors=anchors, log=log, clock=ManualClock(START), metrics=Metrics()
        )
        try:
            await process.assign(0, committed)
            at = committed or 0
            while at < end:
                stop = min(at + random.choice((3, 20, 90)), end)
                async for records in log.read(ORDER_EVENTS, 0, at, stop):
                    await process.fold(0, records)
                at = stop
                await process.flush()
                if random.random() < 0.7:
                    committed = at
        except Killed:
            continue


async def contents(database: Database) -> dict[str, list[Document]]:
    """Every document of the read models."""
    return {name: [one async for one in database[name].find({}).sort("_id", 1)] for name in COLLECTIONS}


@pytest.mark.parametrize("seed", [3, 11, 27])
async def test_killed_anywhere_the_documents_are_those_of_a_rebuild(stores: tuple[Store, Store], seed: int) -> None:
    lived, rebuilt = (store.database for store in stores)
    records = partition(seed, steps=350)
    log = await log_of(records)
    await live_through(log, lived, Random(seed), kills=15)  # noqa: S311
    anchors = ReaderAnchors(rebuilt, "projection", ORDER_EVENTS)
    rebuild = Rebuild(models=models_of(rebuilt, Fuse()), anchors=anchors, log=log, clock=ManualClock(START))
    assert await rebuild.clear() == 0
    assert await rebuild.partition(0, BEGINNING, len(records)) > 100
    found = await contents(lived)
    assert found == await contents(rebuilt)
    assert all(found.values())
    removed = await rebuild.clear()
    assert removed == sum(len(found[name]) for name in COLLECTIONS if name != "reader_anchors")
    assert not any((await contents(rebuilt)).values())


async def test_a_rebuild_that_is_cut_off_is_finished_by_the_next_start(stores: tuple[Store, Store]) -> None:
    lived, whole = (store.database for store in stores)
    records = partition(8, steps=350)
    log = await log_of(records)
    await live_through(log, lived, Random(8), kills=0)  # noqa: S311
    before = await contents(lived)
    fuse = Fuse()
    anchors = ReaderAnchors(lived, "projection", ORDER_EVENTS)
    rebuild = Rebuild(models=models_of(lived, fuse), anchors=anchors, log=log, clock=ManualClock(START))
    await rebuild.clear()
    fuse.writes, fuse.part = 1, 2
    with pytest.raises(Killed):
        await rebuild.partition(0, BEGINNING, len(records))
    process = OrdersProcessor(
        models=models_of(lived, Fuse()), anchors=anchors, log=log, clock=ManualClock(START), metrics=Metrics()
    )
    await process.assign(0, len(records))
    await process.flush()
    assert await contents(lived) == before
    assert await contents(whole) == {name: [] for name in COLLECTIONS}
