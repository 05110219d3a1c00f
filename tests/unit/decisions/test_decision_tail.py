"""The tail of decisions: only valid records of watched accounts, from the log's end, through outages and lost positions."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest

from storage.decisions.decisions import Decisions, DecisionUnknown
from storage.decisions.watch import WATCHED_RECORDS, DecisionsLost, Watch
from storage.log.memory import MemoryLog
from storage.log.port import Bounds, LogUnavailable, Message, Position, PositionLost
from storage.models.order_commands import ArmDeadMan, CancelOrder, decode_command
from storage.models.order_events import CommandTooOld
from storage.models.order_records import Cause, OrderRecord, Used, encode_record
from storage.models.ownership import CLAIM_KEY, ClaimHistory, Floor, claim_headers, record_headers
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, Topics

ACCOUNT = "acc_1"
TOPICS = Topics({"order-commands": 1, "order-events": 1})


class Kept:
    """Claims and floors as they were last stored; `away` raises for as many calls."""

    def __init__(self) -> None:
        self.history, self.floor = ClaimHistory(0), Floor(0)

    async def get(self, partition: int) -> ClaimHistory:
        return self.history


class KeptFloors:
    async def get(self, partition: int) -> Floor:
        return Floor(partition)


class Bench:
    """A log with one partition, and what is appended to it."""

    def __init__(self, log: MemoryLog | None = None) -> None:
        self.log = log or MemoryLog(TOPICS)
        self.kept = Kept()
        self.decisions = Decisions(self.log, TOPICS, self.kept, KeptFloors())
        self.seq = 0

    async def claim(self) -> int:
        return (await self.log.append(ORDER_EVENTS, Message(CLAIM_KEY, b"", claim_headers("c")))).offset

    async def record(self, epoch: int, command_id: str = "cmd", account_id: str = ACCOUNT) -> None:
        self.seq += 1
        record = OrderRecord(
            account_id=account_id,
            seq=self.seq,
            epoch=epoch,
            cause=Cause(ORDER_COMMANDS, 0, command_id),
            ts="2024-01-01T00:00:00Z",
            events=(CommandTooOld(command_id),),
            orders=(),
            positions=(),
            account=None,
            used=Used((), 0),
        )
        headers = record_headers(epoch, 0, 0, ())
        await self.log.append(ORDER_EVENTS, Message(account_id.encode(), encode_record(record), headers))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.decisions.run())
        try:
            async with asyncio.timeout(5):
                await self.decisions.ready()
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


async def taken(watch: Watch, count: int) -> list[str]:
    async with asyncio.timeout(5):
        return [(await anext(watch)).cause.command_id for _ in range(count)]


async def test_shows_what_comes_after_the_watch_was_entered():
    bench = Bench()
    epoch = await bench.claim()
    await bench.record(epoch, "before")
    async with bench.reading():
        with bench.decisions.watch(ACCOUNT) as watch:
            await bench.record(epoch, "other", "acc_2")
            await bench.record(epoch, "mine")
            assert await taken(watch, 1) == ["mine"]


async def test_a_superseded_owner_is_not_believed():
    bench = Bench()
    old = await bench.claim()
    async with bench.reading():
        with bench.decisions.watch(ACCOUNT) as watch:
            new = await bench.claim()
            await bench.record(old, "of the loser")
            await bench.record(new, "of the winner")
            assert await taken(watch, 1) == ["of the winner"]


async def test_the_newest_claim_is_found_from_what_the_owner_kept():
    bench = Bench()
    first = await bench.claim()
    bench.kept.history = ClaimHistory(0, first, (first,))
    second = await bench.claim()
    async with bench.reading():
        with bench.decisions.watch(ACCOUNT) as watch:
            await bench.record(first, "of the loser")
            await bench.record(second, "mine")
            assert await taken(watch, 1) == ["mine"]


async def test_every_watch_of_an_account_gets_all_of_it_and_nothing_once_it_is_left():
    bench = Bench()
    epoch = await bench.claim()
    async with bench.reading():
        with bench.decisions.watch(ACCOUNT) as one, bench.decisions.watch(ACCOUNT) as other:
            for number in range(300):
                await bench.record(epoch, f"cmd-{number}")
            wanted = [f"cmd-{number}" for number in range(300)]
            assert await taken(one, 300) == wanted
            assert await taken(other, 300) == wanted
        await bench.record(epoch, "nobody looks")
        with bench.decisions.watch(ACCOUNT) as later:
            await bench.record(epoch, "later")
            assert await taken(later, 1) == ["later"]


async def test_what_cannot_be_read_is_left_out():
    bench = Bench()
    epoch = await bench.claim()
    async with bench.reading():
        with bench.decisions.watch(ACCOUNT) as watch:
            broken = Message(ACCOUNT.encode(), b"{", record_headers(epoch, 0, 0, ()))
            await bench.log.append(ORDER_EVENTS, broken)
            await bench.record(epoch, "mine")
            assert await taken(watch, 1) == ["mine"]


async def test_a_watch_that_nobody_reads_is_lost_not_endless():
    watch = Watch(ACCOUNT, lambda _: None, lambda _: None)
    record = msgspec.convert({**_PLAIN}, OrderRecord)
    for _ in range(WATCHED_RECORDS + 5):
        watch.offer(record)
    for _ in range(WATCHED_RECORDS):
        await anext(watch)
    with pytest.raises(DecisionsLost, match="not taken"):
        await anext(watch)


class Flaky(MemoryLog):
    """Away for the first `away` looks at its bounds; its tail loses its position once."""

    def __init__(self, away: int = 0, *, loses: bool = False) -> None:
        super().__init__(TOPICS)
        self.away, self.loses = away, loses

    async def bounds(self, topic: str) -> dict[int, Bounds]:
        if self.away:
            self.away -= 1
            raise LogUnavailable("no broker")
        return await super().bounds(topic)

    def tail(self, topic, start):
        tail = super().tail(topic, start)
        if self.loses:
            self.loses = False
            plain = tail.batch

            async def batch():
                records = await plain()
                tail.batch = plain
                raise PositionLost(topic, 0, records[0].offset, Bounds(records[0].offset + 1, records[0].offset + 1))

            tail.batch = batch
        return tail


async def test_a_log_that_is_away_is_asked_again():
    bench = Bench(Flaky(away=1))
    epoch = await bench.claim()
    async with bench.reading():
        with bench.decisions.watch(ACCOUNT) as watch:
            await bench.record(epoch, "mine")
            assert await taken(watch, 1) == ["mine"]


async def test_who_watches_a_partition_whose_records_are_gone_is_told_and_reading_goes_on():
    bench = Bench(Flaky(loses=True))
    epoch = await bench.claim()
    async with bench.reading():
        with bench.decisions.watch(ACCOUNT) as watch:
            await bench.record(epoch, "lost")
            with pytest.raises(DecisionsLost, match="holds offsets"):
                await taken(watch, 1)
        with bench.decisions.watch(ACCOUNT) as watch:
            await bench.record(epoch, "mine")
            assert await taken(watch, 1) == ["mine"]


async def test_a_command_is_published_and_its_record_is_the_answer():
    bench = Bench()
    epoch = await bench.claim()
    command = CancelOrder(command_id="cmd_1", account_id=ACCOUNT, order_id="ord_1")
    async with bench.reading():
        deciding = asyncio.create_task(bench.decisions.decide(command))
        async with bench.log.tail(ORDER_COMMANDS, {0: 0}) as tail:
            [record] = await tail.batch()
        assert decode_command(record.value or b"") == command
        assert dict(record.headers) == {"schema": b"order-command.1", "event-id": b"cmd_1"}
        await bench.record(epoch, "another")
        await bench.record(epoch, "cmd_1")
        assert (await deciding).seq == 2


async def test_without_a_record_it_is_unknown():
    bench = Bench()
    command = CancelOrder(command_id="cmd_1", account_id=ACCOUNT, order_id="ord_1")
    async with bench.reading():
        with pytest.raises(DecisionUnknown, match="nothing was heard"):
            await bench.decisions.decide(command, seconds=0.05)


_PLAIN = {
    "account_id": ACCOUNT, "seq": 1, "epoch": 0, "cause": {"topic": "t", "offset": 0, "command_id": "c"}, "ts": "t",
    "events": [], "orders": [], "positions": [], "account": None, "used": {"quotes": [], "controls_version": 0},
}  # fmt: skip


async def test_dead_man_switches_go_one_way_however_many_they_are() -> None:
    ways: list[str] = []

    class Noting(MemoryLog):
        async def append(self, topic: str, message: Message) -> Position:
            ways.append("single")
            return await super().append(topic, message)

        async def append_many(self, topic: str, messages: Sequence[Message]) -> list[Position]:
            ways.append("batched")
            return await super().append_many(topic, messages)

    decisions = Bench(Noting(TOPICS)).decisions
    arming = ArmDeadMan(
        command_id="cmd_1", account_id=ACCOUNT, issued_at=1, name="ws:1", timeout_ms=5_000, spare_reduce_only=False
    )
    cancel = CancelOrder(command_id="cmd_2", account_id=ACCOUNT, issued_at=1, order_id="ord_1")
    for commands in ([arming], [arming, arming], [cancel]):
        await decisions.publish(commands)
    assert ways == ["batched", "batched", "single"]
