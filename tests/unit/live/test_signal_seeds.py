"""Snapshots of risk signals when read model, feed and log are anywhere to each other: behind, ahead, moving meanwhile."""

import asyncio
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.live.order_snapshots import SnapshotBehind
from gateway.live.shard import Shard
from gateway.live.signal_seeds import SignalSeeds
from gateway.live.signals import ActiveSignals
from gateway.live.sources import RISK_SOURCE
from storage.log.memory_partition import MemoryRecord
from storage.log.port import Bounds

OWNERS = ("acc_1", "platform")
Told = tuple[int, int, bool]


class Partition:
    """A log of (owner, signal, whether it is cleared), a feed that reads it from somewhere on, and a model."""

    def __init__(self, told: list[Told], start: int) -> None:
        self.told = told
        start = min(start, len(told))
        self.shard = Shard("risk-signals-0", 0, start)
        self.end = self.modelled = start
        self.steps: list[str] = []
        self.signals = ActiveSignals()
        self.seeds = SignalSeeds(self, self, self.signals)  # type: ignore[arg-type]
        self.feed = SimpleNamespace(source=RISK_SOURCE)

    def value(self, offset: int) -> tuple[str, bytes]:
        owner, number, over = self.told[offset]
        state = "cleared" if over else "raised"
        return OWNERS[owner], msgspec.json.encode({"signal_id": f"s{number}", "state": state})

    def active(self, owner: str, end: int) -> dict[str, int]:
        """signal -> the offset that raised it, of what is active after the records before `end`."""
        found: dict[str, int] = {}
        for offset in range(end):
            name, value = self.value(offset)
            signal = msgspec.json.decode(value)
            if name == owner:
                found.pop(signal["signal_id"], None)
                if signal["state"] == "raised":
                    found[signal["signal_id"]] = offset
        return found

    def read(self, end: int) -> None:
        """The feed reads up to `end`."""
        for offset in range(self.shard.position + 1, end):
            name, value = self.value(offset)
            record = MemoryRecord("risk-signals", 0, offset, 0, name.encode(), value, ())
            frame = RISK_SOURCE.frame(self.shard, record)
            assert frame is not None
            self.shard.position = offset
            self.signals.fold(frame)

    async def step(self) -> None:
        """One of log, feed and model goes on, as the plan says; then all of them come to the end."""
        what = self.steps.pop(0) if self.steps else "all"
        if what in {"log", "all"}:
            self.end = len(self.told) if what == "all" else min(self.end + 1, len(self.told))
        if what in {"feed", "all"}:
            self.read(self.end)
        if what in {"model", "all"}:
            self.modelled = self.end
        if what == "lost":
            self.signals.forget()
        await asyncio.sleep(0)

    async def progress(self, _partition: int) -> int:
        await self.step()
        found = self.modelled - 1
        await self.step()
        return found

    async def of(self, owner: str) -> list[bytes]:
        await self.step()
        found = [self.value(offset)[1] for offset in self.active(owner, self.modelled).values()]
        await self.step()
        return found

    async def bounds(self, _topic: str) -> dict[int, Bounds]:
        await self.step()
        return {0: Bounds(0, self.end)}


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), st.booleans()), max_size=14),
    st.integers(0, 14),
    st.lists(st.sampled_from(("log", "feed", "model", "log", "feed", "model", "lost")), max_size=24),
)
async def test_what_is_active_is_known_as_of_the_feeds_position(told: list[Told], start: int, steps: list[str]) -> None:
    place = Partition(told, start)
    place.steps = list(steps)
    for owner in OWNERS:
        seeding = asyncio.create_task(place.seeds.seed(owner, place.feed, place.shard))  # type: ignore[arg-type]
        while not seeding.done():
            await place.step()
        await seeding
        if place.signals.is_seeded(f"risk@{owner}"):
            _knows(place, owner)
    place.end = len(told)
    while place.shard.position + 1 < len(told):
        place.read(place.shard.position + 2)
        for owner in OWNERS:
            if place.signals.is_seeded(f"risk@{owner}"):
                _knows(place, owner)


def _knows(place: Partition, owner: str) -> None:
    frames = place.signals.of(f"risk@{owner}")
    active = place.active(owner, place.shard.position + 1)
    assert sorted(msgspec.json.decode(frame.value)["signal_id"] for frame in frames) == sorted(active)
    assert all(frame.seq <= place.shard.position for frame in frames)


async def test_an_owner_is_seeded_once() -> None:
    place = Partition([(0, 1, False)], 1)
    await place.seeds.seed("acc_1", place.feed, place.shard)  # type: ignore[arg-type]
    place.told[0] = (0, 2, False)
    await place.seeds.seed("acc_1", place.feed, place.shard)  # type: ignore[arg-type]
    (frame,) = place.signals.of("risk@acc_1")
    assert msgspec.json.decode(frame.value)["signal_id"] == "s1"


async def test_a_model_that_does_not_come_is_behind_and_nothing_is_noted_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.live.signal_seeds.BEHIND_SECONDS", 0.05)
    place = Partition([(0, 1, False)] * 3, 3)
    place.modelled, place.steps = 1, ["log"] * 1_000
    with pytest.raises(SnapshotBehind, match="have not come to 2"):
        await place.seeds.seed("acc_1", place.feed, place.shard)  # type: ignore[arg-type]
    assert not place.signals.is_noted("risk@acc_1")
