"""Who lives, what nobody reads, what stands: out of heartbeats alone."""

from typing import Any

import pytest

from ops.processes import order_parts, venue_parts
from ops.processes.market_processors import market_processors
from ops.processes.projection_parts import projection_processors
from ops.processes.roles import MARKET_GROUP, PROJECTION_GROUP, ROLES
from ops.runtime.clock import ManualClock
from storage.models.fleet import READS, Unread, is_alive, reads, stalled_partitions, unread
from storage.models.operations import Heartbeat
from storage.models.partition_progress import PartitionProgress
from storage.stalled_partitions import StalledPartition, StallsInHeartbeats
from storage.topics import ORDER_COMMANDS, Topics
from tests.contract.people_place import memory_platform
from tests.integration.orders.trading_place import REFERENCE

SECOND = 1_000_000_000
TOPICS = Topics(dict.fromkeys(("order-commands", "order-events"), 3))
ALL = {topic: list(range(TOPICS[topic].partitions)) for topics in READS.values() for topic in topics}


def beat(role: str, now: int, *progress: PartitionProgress, name: str = "", **changes: Any) -> Heartbeat:
    fields: dict[str, Any] = {
        "process_id": name or role,
        "role": role,
        "version": "1",
        "host": "h",
        "started_at": 0,
        "beat_at": now,
        "ready": True,
        "progress": list(progress),
    }
    return Heartbeat(**{**fields, **changes})


def at(partition: int, position: int, end: int, standing: int = 0) -> PartitionProgress:
    return PartitionProgress("orders", ORDER_COMMANDS, partition, position, end, standing)


def test_a_process_is_alive_for_five_seconds_after_its_beat() -> None:
    assert is_alive(beat("market", 0), 5 * SECOND)
    assert not is_alive(beat("market", 0), 5 * SECOND + 1)


def test_nothing_is_unread_where_one_process_reads_everything() -> None:
    assert unread([beat("local", 0, partitions=ALL)], TOPICS, 0) == []


def test_without_processes_everything_is_unread() -> None:
    found = unread([], TOPICS, 0)
    assert {(gap.role, gap.topic) for gap in found} == {
        (role, topic) for role, topics in READS.items() for topic in topics
    }
    assert Unread("orders", ORDER_COMMANDS, (0, 1, 2)) in found


def test_partitions_of_processes_that_are_gone_or_of_another_role_are_unread() -> None:
    beats = [
        beat("orders", 9 * SECOND, name="a", partitions={ORDER_COMMANDS: [0]}),
        beat("orders", 0, name="b", partitions={ORDER_COMMANDS: [1, 2]}),
        beat("venues", 9 * SECOND, partitions={ORDER_COMMANDS: [2]}),
    ]
    assert [gap for gap in unread(beats, TOPICS, 9 * SECOND) if gap.role == "orders"] == [
        Unread("orders", ORDER_COMMANDS, (1, 2))
    ]


def test_of_two_that_tell_of_a_partition_the_one_that_is_further_is_right() -> None:
    beats = [beat("orders", 0, at(0, 7, 9), name="a"), beat("orders", 0, at(0, 5, 9, 40), at(1, 1, 1), name="b")]
    assert reads(beats, 0) == [at(0, 7, 9), at(1, 1, 1)]
    assert stalled_partitions(beats, 0) == []
    assert stalled_partitions(beats[1:], 0) == [at(0, 5, 9, 40)]
    assert stalled_partitions(beats[1:], 6 * SECOND) == []


def test_roles_that_run_are_roles_whose_reads_are_known() -> None:
    assert READS.keys() == ROLES.keys()


class Beats:
    def __init__(self) -> None:
        self.now: list[Heartbeat] = []

    async def all(self, since: int) -> list[Heartbeat]:
        return [one for one in self.now if one.beat_at >= since]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000 * SECOND)


async def test_what_stands_is_told_with_how_long(clock: ManualClock) -> None:
    beats = Beats()
    beats.now = [beat("local", clock.now(), at(0, 5, 9, 31), at(1, 5, 9, 29), partitions=ALL)]
    told = await StallsInHeartbeats(beats, TOPICS, clock).look()
    assert told == [StalledPartition("orders", ORDER_COMMANDS, 0, 5, 9, 31, "stands")]


async def test_what_nobody_reads_is_told_after_half_a_minute_with_where_it_was_left(clock: ManualClock) -> None:
    beats, topics = Beats(), {topic: held for topic, held in ALL.items() if topic != ORDER_COMMANDS}
    stalls = StallsInHeartbeats(beats, TOPICS, clock)
    beats.now = [beat("local", clock.now(), at(2, 5, 9), partitions=ALL)]
    assert await stalls.look() == []
    for _ in range(7):
        beats.now = [beat("local", clock.now(), partitions={**topics, ORDER_COMMANDS: [0, 1]})]
        told = await stalls.look()
        clock.advance(5)
    assert told == [StalledPartition("orders", ORDER_COMMANDS, 2, 5, 9, 30, "unread")]


async def test_a_take_over_is_no_stall(clock: ManualClock) -> None:
    beats = Beats()
    stalls = StallsInHeartbeats(beats, TOPICS, clock)
    for _ in range(4):
        assert await stalls.look() == []
        clock.advance(7)
        beats.now = [beat("local", clock.now(), partitions=ALL)]
        assert await stalls.look() == []
        beats.now = []


def test_each_role_reads_what_the_table_says_in_a_group_of_its_name(clock: ManualClock) -> None:
    platform = memory_platform(clock)
    processors = {
        "market": market_processors(platform, lambda: REFERENCE),
        "projection": projection_processors(platform),
    }
    for role, made in processors.items():
        assert {one.topic for one in made} == set(READS[role])  # type: ignore[index]
    assert (MARKET_GROUP, PROJECTION_GROUP) == ("market", "projection")
    assert (order_parts.GROUP, venue_parts.GROUP) == ("orders", "venues")
