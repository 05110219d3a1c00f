"""Heartbeats and log identities over both adapters."""

import asyncio

import pytest

from storage.models.operations import Heartbeat
from storage.mongo.documents import Database
from storage.mongo.heartbeats import Heartbeats
from storage.mongo.log_identities import LogIdentities

BEAT = Heartbeat(
    process_id="market-host-17",
    role="market",
    version="0.1.0",
    host="host",
    started_at=1_700_000_000_000_000_000,
    beat_at=1_700_000_001_000_000_000,
    ready=True,
    partitions={"trades": [0, 3]},
    lag={"trades-0": 12},
    rates={"records.in": 1234.5},
    details={"epoch": None, "nested": {"a.b": [1, "x"]}},
)


def beat(**changes: object) -> Heartbeat:
    """The example with changes."""
    return BEAT.model_copy(update=changes)


@pytest.fixture
def heartbeats(database: Database) -> Heartbeats:
    return Heartbeats(database)


@pytest.fixture
def identities(database: Database) -> LogIdentities:
    return LogIdentities(database)


async def test_a_heartbeat_comes_back_and_replaces_the_one_before(heartbeats: Heartbeats) -> None:
    await heartbeats.beat(BEAT)
    assert await heartbeats.all(0) == [BEAT]
    later = beat(beat_at=BEAT.beat_at + 1, ready=False, partitions={}, lag={})
    await heartbeats.beat(later)
    await heartbeats.beat(later)
    assert await heartbeats.all(0) == [later]


async def test_only_those_that_beat_since_are_shown(heartbeats: Heartbeats) -> None:
    for number in range(4):
        await heartbeats.beat(beat(process_id=f"p{number}", beat_at=100 + number))
    assert [each.process_id for each in await heartbeats.all(102)] == ["p2", "p3"]
    assert await heartbeats.all(104) == []


async def test_ended_and_silent_processes_are_forgotten(heartbeats: Heartbeats) -> None:
    for number in range(4):
        await heartbeats.beat(beat(process_id=f"p{number}", beat_at=100 + number))
    await heartbeats.remove("p3")
    await heartbeats.remove("p9")
    assert await heartbeats.remove_silent(102) == 2
    assert [each.process_id for each in await heartbeats.all(0)] == ["p2"]


async def test_the_first_log_identity_stands(identities: LogIdentities) -> None:
    assert await identities.get_all() == {}
    assert await identities.put_if_absent("trades", "log-a") == "log-a"
    assert await identities.put_if_absent("trades", "log-b") == "log-a"
    assert await identities.put_if_absent("quotes", "log-c") == "log-c"
    assert await identities.get_all() == {"trades": "log-a", "quotes": "log-c"}


async def test_of_many_log_identities_at_once_all_hear_the_one_that_stands(identities: LogIdentities) -> None:
    heard = await asyncio.gather(*(identities.put_if_absent("trades", f"log-{number}") for number in range(10)))
    assert set(heard) == set((await identities.get_all()).values())
