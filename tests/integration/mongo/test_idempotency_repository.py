"""Idempotency records over both adapters: the first insert wins, every change is guarded by what was read before it."""

import asyncio

import pytest
from msgspec.structs import replace

from storage.models.idempotency import IdempotencyRecord, KeptAnswer
from storage.mongo.documents import Database
from storage.mongo.idempotency import IdempotencyRecords

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
PLAIN = KeptAnswer(200, "ok", b'{"success":true}', None, (("x-a", "b"),), "1" * 32, "ja-JP")
SEALED = KeptAnswer(200, "ok", None, "v1.one.abc", (), "1" * 32, "en-US")


def record(number: int = 1, identity: str = "id", **changes: object) -> IdempotencyRecord:
    first = IdempotencyRecord(
        identity=identity,
        body_hash="h1.one.00",
        effect_id=f"effect{number}",
        holder=f"holder{number}",
        tries=1,
        lease_until=NOW + 10 * SECOND,
        created_at=NOW,
    )
    return replace(first, **changes)


@pytest.fixture
def records(database: Database) -> IdempotencyRecords:
    return IdempotencyRecords(database)


async def test_the_first_one_is_kept_as_it_is(records: IdempotencyRecords) -> None:
    assert await records.get("id") is None
    assert await records.insert(record())
    assert not await records.insert(record(2))
    assert await records.get("id") == record()


async def test_of_many_at_once_one_wins(database: Database) -> None:
    gateways = [IdempotencyRecords(database) for _ in range(3)]
    won = await asyncio.gather(*(gateways[number % 3].insert(record(number)) for number in range(30)))
    assert sum(won) == 1
    assert await gateways[0].get("id") == record(won.index(True))


@pytest.mark.parametrize("answer", [PLAIN, SEALED])
async def test_an_answer_is_kept_once(records: IdempotencyRecords, answer: KeptAnswer) -> None:
    await records.insert(record())
    assert await records.finish("id", "effect1", answer)
    assert not await records.finish("id", "effect1", replace(answer, status=404))
    assert await records.get("id") == record(state="done", answer=answer)


async def test_an_answer_of_another_effect_is_not_taken(records: IdempotencyRecords) -> None:
    await records.insert(record())
    assert not await records.finish("id", "effect2", PLAIN)
    assert not await records.finish("other", "effect1", PLAIN)
    assert await records.get("id") == record()


async def test_one_takes_over(database: Database) -> None:
    gateways = [IdempotencyRecords(database) for _ in range(2)]
    await gateways[0].insert(record())
    others = [record(1, holder=f"other{number}", tries=2, lease_until=NOW + 20 * SECOND) for number in range(20)]
    won = await asyncio.gather(*(gateways[n % 2].replace(record(), other) for n, other in enumerate(others)))
    assert sum(won) == 1
    assert await gateways[0].get("id") == others[won.index(True)]


async def test_nobody_takes_over_what_has_changed(records: IdempotencyRecords) -> None:
    await records.insert(record())
    await records.finish("id", "effect1", PLAIN)
    assert not await records.replace(record(), record(2))
    assert await records.replace(record(state="done", answer=PLAIN), record(2))
    assert await records.get("id") == record(2)


async def test_released_is_free_at_once_under_the_same_effect(records: IdempotencyRecords) -> None:
    await records.insert(record())
    assert await records.release(record())
    assert await records.get("id") == record(lease_until=0)
    assert await records.replace(record(lease_until=0), record(1, holder="other", tries=2))
    assert not await records.release(record())
    assert not await records.forget(record())
    assert await records.finish("id", "effect1", PLAIN)
    assert not await records.release(record(1, holder="other"))
    assert not await records.forget(record(1, holder="other"))


async def test_forgotten_is_gone(records: IdempotencyRecords) -> None:
    await records.insert(record())
    assert await records.forget(record())
    assert not await records.forget(record())
    assert await records.insert(record(2))


async def test_what_is_old_is_dropped(records: IdempotencyRecords) -> None:
    for number, identity in enumerate(("old", "new")):
        await records.insert(record(1, identity, created_at=NOW + number))
    assert await records.drop_before(NOW + 1) == 1
    assert await records.get("old") is None
    assert await records.get("new") is not None
