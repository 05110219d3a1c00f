"""Snapshots of orders when model, feed and log are anywhere to each other: behind, ahead, moving meanwhile."""

import asyncio
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.live.order_snapshots import AccountSnapshot, OrderSnapshots, SnapshotBehind, position_after
from gateway.live.order_values import seq_in, symbols_in
from gateway.live.shard import Shard
from gateway.live.sources import ORDER_SOURCE
from gateway.live.topics import parse_topic
from storage.log.memory_partition import MemoryRecord
from storage.log.port import Bounds

ACCOUNTS = ("acc_1", "acc_2")


class Partition:
    """A log whose records are of two accounts, a feed that reads it when told, and a model that is further or not."""

    def __init__(self, accounts: list[int]) -> None:
        self.records: list[tuple[str, int]] = []
        counts = dict.fromkeys(ACCOUNTS, 0)
        for number in accounts:
            name = ACCOUNTS[number]
            counts[name] += 1
            self.records.append((name, counts[name]))
        self.shard = Shard("order-events-0", 0, 0)
        self.end = self.modelled = 0
        self.steps: list[str] = []
        self.snapshots = OrderSnapshots(self, self)  # type: ignore[arg-type]
        self.feed = SimpleNamespace(source=ORDER_SOURCE)

    def read(self, end: int) -> None:
        """The feed reads up to `end`."""
        for offset in range(self.shard.position + 1, end):
            name, seq = self.records[offset]
            record = MemoryRecord("order-events", 0, offset, 0, name.encode(), b'{"seq":%d}' % seq, ())  # type: ignore[arg-type]
            frame = ORDER_SOURCE.frame(self.shard, record)
            assert frame is not None
            self.shard.position = offset
            self.shard.append(frame)
            self.snapshots.noted.fold(frame)

    async def step(self) -> None:
        """One of log, feed and model goes on, as the plan says; then all of them come to the end."""
        what = self.steps.pop(0) if self.steps else "all"
        if what in {"log", "all"}:
            self.end = len(self.records) if what == "all" else min(self.end + 1, len(self.records))
        if what in {"feed", "all"}:
            self.read(self.end)
        if what in {"model", "all"}:
            self.modelled = self.end
        await asyncio.sleep(0)

    async def progress(self, _partition: int) -> int:
        await self.step()
        found = self.modelled - 1
        await self.step()
        return found

    async def of(self, account_id: str) -> AccountSnapshot | None:
        await self.step()
        seqs = [seq for name, seq in self.records[: self.modelled] if name == account_id]
        await self.step()
        return AccountSnapshot(account_id, seqs[-1], (), (), None) if seqs else None  # type: ignore[arg-type]

    async def bounds(self, _topic: str) -> dict[int, Bounds]:
        await self.step()
        return {0: Bounds(0, self.end)}


@given(
    st.lists(st.integers(0, 1), min_size=1, max_size=30),
    st.lists(st.sampled_from(["log", "feed", "model", "none"]), max_size=40),
    st.integers(0, 10),
)
def test_what_follows_the_snapshot_is_exactly_what_it_does_not_have(accounts, steps, head):
    async def check() -> None:
        partition = Partition(accounts)
        partition.end = min(head, len(accounts))
        partition.read(partition.end)
        partition.steps = list(steps)
        topic = parse_topic("orders.*")
        assert topic is not None
        going = asyncio.create_task(
            partition.snapshots.prepare(topic, "acc_1", partition.feed, partition.shard)  # type: ignore[arg-type]
        )
        while not going.done():
            await partition.step()
        prepared = going.result()
        assert prepared.position <= partition.shard.position
        assert not partition.snapshots.noted._noting, "nothing is noted for nobody"
        follow = [seq for name, seq in partition.records[prepared.position + 1 :] if name == "acc_1"]
        if prepared.frame is None:
            return
        as_of = msgspec.json.decode(prepared.frame.value)["as_of_seq"]
        assert prepared.frame.seq == prepared.position
        assert follow == list(range(as_of + 1, as_of + 1 + len(follow)))
        assert as_of + len(follow) == sum(name == "acc_1" for name, _ in partition.records)

    asyncio.run(check())


def test_records_that_are_missing_between_model_and_feed_are_no_snapshot():
    assert position_after([(7, 4), (9, 5)], 3, 9) == 6
    assert position_after([(7, 4), (9, 5)], 4, 9) == 8
    assert position_after([(7, 4), (9, 5)], 5, 11) == 11
    with pytest.raises(SnapshotBehind):
        position_after([(7, 4), (9, 5)], 2, 9)


def test_what_is_no_order_record_has_no_seq_and_touches_nothing():
    assert seq_in(b"{") is None
    assert seq_in(b'{"seq":"1"}') is None
    assert symbols_in(b"[]") == frozenset()
    assert symbols_in(b'{"orders":[{"symbol":"A.X"}],"positions":[{"symbol":"A.X"},{"symbol":"B.X"}]}') == {
        "A.X",
        "B.X",
    }
