"""Leases over both adapters: one holder at a time, whatever races."""

import asyncio

import pytest

from storage.models.operations import Lease
from storage.mongo.connect import Store, connect
from storage.mongo.documents import Database
from storage.mongo.leases import Leases

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
FEED = "feed BINANCE BTCUSDT.BINANCE"


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database)


async def test_a_free_lease_is_taken_and_names_its_holder(leases: Leases) -> None:
    assert await leases.holder(FEED, NOW) is None
    assert await leases.acquire(FEED, "me", 10, NOW)
    assert await leases.holder(FEED, NOW) == Lease(name=FEED, holder="me", expires_at=NOW + 10 * SECOND)


async def test_another_waits_until_it_has_expired(leases: Leases) -> None:
    await leases.acquire(FEED, "me", 10, NOW)
    assert not await leases.acquire(FEED, "other", 10, NOW + 10 * SECOND - 1)
    assert await leases.holder(FEED, NOW + 10 * SECOND) is None
    assert await leases.acquire(FEED, "other", 10, NOW + 10 * SECOND)
    assert not await leases.acquire(FEED, "me", 10, NOW + 11 * SECOND)


async def test_its_holder_may_take_it_again_and_renew_it(leases: Leases) -> None:
    await leases.acquire(FEED, "me", 10, NOW)
    assert await leases.acquire(FEED, "me", 10, NOW + 5 * SECOND)
    assert await leases.renew(FEED, "me", 2.5, NOW + 6 * SECOND)
    assert await leases.renew(FEED, "me", 2.5, NOW + 6 * SECOND)
    assert await leases.holder(FEED, NOW) == Lease(name=FEED, holder="me", expires_at=NOW + 8_500_000_000)


async def test_one_that_was_lost_cannot_be_renewed_or_released(leases: Leases) -> None:
    await leases.acquire(FEED, "me", 10, NOW)
    await leases.acquire(FEED, "other", 10, NOW + 20 * SECOND)
    assert not await leases.renew(FEED, "me", 10, NOW + 21 * SECOND)
    assert not await leases.release(FEED, "me")
    assert not await leases.renew("unheard of", "me", 10, NOW)
    held = await leases.holder(FEED, NOW + 21 * SECOND)
    assert held is not None
    assert held.holder == "other"


async def test_a_released_one_is_free_at_once(leases: Leases) -> None:
    await leases.acquire(FEED, "me", 10, NOW)
    assert await leases.release(FEED, "me")
    assert not await leases.release(FEED, "me")
    assert await leases.acquire(FEED, "other", 10, NOW)


async def test_leases_of_other_names_are_apart(leases: Leases) -> None:
    assert await leases.acquire("a", "me", 10, NOW)
    assert await leases.acquire("b", "other", 10, NOW)


@pytest.mark.parametrize("seconds", [0, -1, 86_401, 10 * SECOND])
async def test_a_duration_that_cannot_be_seconds_is_refused(leases: Leases, seconds: float) -> None:
    with pytest.raises(ValueError, match="a lease lasts"):
        await leases.acquire(FEED, "me", seconds, NOW)
    with pytest.raises(ValueError, match="a lease lasts"):
        await leases.renew(FEED, "me", seconds, NOW)


async def test_of_many_at_once_one_gets_it(leases: Leases) -> None:
    won = await asyncio.gather(*(leases.acquire(FEED, f"holder {number}", 10, NOW) for number in range(20)))
    assert won.count(True) == 1


@pytest.mark.mongo
async def test_of_many_processes_that_see_it_expired_one_gets_it(
    real_store: Store, mongo_url: str, request: pytest.FixtureRequest
) -> None:
    stores = [connect(mongo_url, real_store.database.name) for _ in range(4)]
    request.addfinalizer(lambda: [store.close() for store in stores])
    now = NOW
    for round_number in range(10):
        now += 11 * SECOND
        holders = [f"holder {number} of round {round_number}" for number in range(12)]
        won = await asyncio.gather(
            *(Leases(stores[n % 4].database).acquire(FEED, holder, 10, now) for n, holder in enumerate(holders))
        )
        assert won.count(True) == 1
        held = await Leases(real_store.database).holder(FEED, now)
        assert held is not None
        assert held.holder == holders[won.index(True)]
