"""Connectors that are down: one signal each, raised and cleared once, whatever crashes, repeats or is paused."""

from collections.abc import Iterable, Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.runtime.clock import ManualClock
from storage.log.memory import MemoryLog
from storage.log.port import LogUnavailable, Message, Position
from storage.models.control_records import CONTROLS_KEY, Announcement, announcement_headers, encode_announcement
from storage.models.controls import ConnectorState, ControlDocument, Fault, Halt, identity_of
from storage.models.risk_signals import RiskSignal, encode_signal
from storage.mongo.controls import StoredControl
from storage.topics import PLATFORM_EVENTS, PLATFORM_KEY, RISK_SIGNALS, Topics
from streams.connectors.processor import ConnectorsProcessor
from streams.connectors.signals import told_by

TOPICS = Topics()


class Store:
    """Control documents and active signals: what processors read."""

    def __init__(self) -> None:
        self.controls: dict[str, StoredControl] = {}
        self.active: list[bytes] = []

    async def of_kind(self, kind: str) -> Sequence[StoredControl]:
        return [one for name, one in self.controls.items() if name.startswith(f"{kind}|")]

    async def of(self, owners: Iterable[str]) -> Sequence[bytes]:
        assert list(owners) == ["platform"]
        return self.active

    def down(self) -> set[str]:
        found = set()
        for one in self.controls.values():
            match one.document:
                case ConnectorState(connector, "down") | Fault(connector, "refuse" | "down"):
                    found.add(connector)
                case _:
                    pass
        return found

    def change(self, document: ControlDocument) -> Announcement:
        name = identity_of(document)
        revision = self.controls[name].revision + 1 if name in self.controls else 1
        self.controls[name] = StoredControl(revision, document, 0, pending=True)
        return Announcement(revision, document)


class FailingLog(MemoryLog):
    """Refuses appends of signals, or takes them and says that it did not."""

    def __init__(self) -> None:
        super().__init__(TOPICS)
        self.fails: str | None = None

    async def append_many(self, topic: str, messages: Sequence[Message]) -> list[Position]:
        if topic == RISK_SIGNALS and self.fails == "before":
            raise LogUnavailable("away")
        positions = await super().append_many(topic, messages)
        if topic == RISK_SIGNALS and self.fails == "after":
            raise LogUnavailable("away")
        return positions


class Street:
    """A log, a store and whoever owns the partition."""

    def __init__(self) -> None:
        self.log, self.store = FailingLog(), Store()
        self.read = 0

    def owner(self) -> ConnectorsProcessor:
        return ConnectorsProcessor(
            controls=self.store, signals=self.store, log=self.log, topics=TOPICS, clock=ManualClock()
        )

    async def announce(self, announcement: Announcement) -> None:
        message = Message(CONTROLS_KEY, encode_announcement(announcement), announcement_headers(announcement))
        await self.log.append(PLATFORM_EVENTS, message)

    async def fold(self, owner: ConnectorsProcessor) -> None:
        bounds = (await self.log.bounds(PLATFORM_EVENTS))[0]
        async for records in self.log.read(PLATFORM_EVENTS, 0, self.read, bounds.next):
            await owner.fold(0, records)
        await owner.flush()
        self.read = bounds.next

    async def signals(self) -> list[dict[str, object]]:
        partition = TOPICS.partition(RISK_SIGNALS, PLATFORM_KEY)
        bounds = (await self.log.bounds(RISK_SIGNALS))[partition]
        batches = [batch async for batch in self.log.read(RISK_SIGNALS, partition, 0, bounds.next)]
        return [msgspec.json.decode(record.value or b"") for batch in batches for record in batch]

    async def told(self) -> dict[str, str]:
        return told_by([msgspec.json.encode(one) for one in await self.signals()]).active


async def moved(street: Street, owner: ConnectorsProcessor, document: ControlDocument) -> list[str]:
    """What is said of a change."""
    before = len(await street.signals())
    await street.announce(street.store.change(document))
    await street.fold(owner)
    return [str(one["state"]) for one in (await street.signals())[before:]]


async def test_a_connector_is_down_while_its_state_says_so_or_it_has_a_fault() -> None:
    street = Street()
    owner = street.owner()
    await owner.assign(0, None)
    assert await moved(street, owner, ConnectorState("sim-a", "up")) == []
    assert await moved(street, owner, Halt("h", "platform", "", "halted")) == []
    assert await moved(street, owner, ConnectorState("sim-a", "down", "maintenance")) == ["raised"]
    assert await moved(street, owner, Fault("sim-a", "timeout")) == []
    assert await moved(street, owner, ConnectorState("sim-a", "up")) == []
    assert await moved(street, owner, Fault("sim-b", "refuse")) == ["raised"]
    assert await moved(street, owner, Fault("sim-a", "none")) == ["cleared"]
    assert await moved(street, owner, ConnectorState("sim-a", "down")) == ["raised"]
    told = await street.signals()
    assert told[0]["figures"] == {"connector": "sim-a", "reason": "maintenance"}
    assert (told[0]["code"], told[0]["severity"], told[0]["platform"]) == ("connector.down", "critical", True)
    assert told[2]["signal_id"] == told[0]["signal_id"] != told[3]["signal_id"]


@pytest.mark.parametrize("fails", ["before", "after"])
async def test_a_change_that_a_crash_left_untold_is_told_once_by_the_next_owner(fails: str) -> None:
    street = Street()
    owner = street.owner()
    await owner.assign(0, None)
    street.log.fails = fails
    with pytest.raises(LogUnavailable):
        await moved(street, owner, ConnectorState("sim-a", "down"))
    street.log.fails = None
    for _ in range(2):
        following = street.owner()
        await following.assign(0, 0)
        await street.fold(following)
    assert [one["state"] for one in await street.signals()] == ["raised"]


async def test_a_signal_that_left_the_newest_records_is_known_by_its_document() -> None:
    street = Street()
    earlier = RiskSignal(
        "sig_old", "connector.down", "critical", "raised", {"connector": "sim-a"}, "2026-11-23T05:00:00Z"
    )
    street.store.active = [b"{", encode_signal(earlier)]
    street.store.change(ConnectorState("sim-a", "up"))
    await street.owner().assign(0, None)
    assert [(one["signal_id"], one["state"]) for one in await street.signals()] == [("sig_old", "cleared")]


async def test_a_revoked_partition_is_told_of_no_more() -> None:
    street = Street()
    owner = street.owner()
    await owner.assign(0, None)
    await owner.revoke(0)
    assert await moved(street, owner, ConnectorState("sim-a", "down")) == []


DOCUMENTS = st.sampled_from(
    [ConnectorState(name, status, why) for name in ("a", "b") for status in ("up", "down") for why in ("", "x")]
    + [Fault(name, fault) for name in ("a", "b") for fault in ("none", "refuse", "down")]
)


@settings(deadline=None, max_examples=60)
@given(st.lists(DOCUMENTS, max_size=12), st.randoms(use_true_random=False))
async def test_after_repeats_crashes_and_a_paused_owner_one_signal_stands_for_each_that_is_down(
    documents: list[ControlDocument], random: Random
) -> None:
    street = Street()
    owner, paused = street.owner(), street.owner()
    await paused.assign(0, None)
    await owner.assign(0, None)
    announced: list[Announcement] = []
    for document in documents:
        announced.append(street.store.change(document))
        street.log.fails = random.choice((None, None, "before", "after"))
        try:
            for one in (announced[-1], random.choice(announced)):
                await street.announce(one)
            await street.fold(random.choice((owner, owner, paused)))
        except LogUnavailable:
            owner = street.owner()
            street.log.fails = None
            await owner.assign(0, street.read)
    street.log.fails = None
    last = street.owner()
    await last.assign(0, street.read)
    await street.fold(last)
    assert sorted((await street.told()).values()) == sorted(street.store.down())
