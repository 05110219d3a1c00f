"""Order requests over both adapters: the first document of a key wins, whatever races, and is gone after a day."""

import asyncio

from msgspec.structs import replace

from storage.models.order_requests import KEPT_SECONDS, OrderRequest, hash_of, identity_of
from storage.mongo.documents import Database
from storage.mongo.order_requests import OrderRequests

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND


def request(key: str = "key", number: int = 1) -> OrderRequest:
    return OrderRequest(
        identity=identity_of("ten_1", "POST", "/v1/orders", key),
        body_hash=hash_of(b"{}"),
        command_ids=(f"cmd_{number}", ""),
        order_ids=(f"ord_{number}", ""),
        issued_at=NOW,
        valid_until=NOW + 3 * SECOND,
        trace_id="1" * 32,
        language="ja-JP",
    )


async def test_the_first_one_is_kept_as_it_is(database: Database) -> None:
    requests = OrderRequests(database)
    first = request()
    assert await requests.get(first.identity) is None
    assert await requests.claim(first) is first
    assert await requests.claim(request(number=2)) == first
    assert await requests.get(first.identity) == first


async def test_of_many_at_once_one_wins(database: Database) -> None:
    requests = [OrderRequests(database) for _ in range(3)]
    own = [request(number=number) for number in range(30)]
    kept = await asyncio.gather(*(requests[number % 3].claim(one) for number, one in enumerate(own)))
    assert len(set(kept)) == 1
    assert sum(one is mine for one, mine in zip(kept, own, strict=True)) == 1


async def test_those_that_come_together_are_each_kept_or_told_which_one_is(database: Database) -> None:
    requests = OrderRequests(database)
    first = [await requests.claim(request(f"key {number}")) for number in range(0, 250, 50)]
    own = [request(f"key {number}", number=number) for number in range(250)]
    kept = await asyncio.gather(*(requests.claim(one) for one in own))
    assert [one is mine for one, mine in zip(kept, own, strict=True)] == [number % 50 != 0 for number in range(250)]
    assert kept[::50] == first
    assert [await requests.get(one.identity) for one in own] == kept


async def test_who_gives_up_waiting_leaves_the_others_alone(database: Database) -> None:
    requests = OrderRequests(database)
    waiting = [asyncio.create_task(requests.claim(request(f"key {number}"))) for number in range(20)]
    await asyncio.sleep(0)
    for one in waiting[::2]:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert [one.cancelled() for one in waiting] == [number % 2 == 0 for number in range(20)]
    assert all([await requests.get(request(f"key {number}").identity) for number in range(1, 20, 2)])


async def test_what_is_old_is_dropped_and_may_be_claimed_anew(database: Database) -> None:
    requests = OrderRequests(database)
    old, new = request("old"), replace(request("new"), issued_at=NOW + 1)
    for one in (old, new):
        await requests.claim(one)
    assert await requests.drop_before(NOW + 1) == 1
    assert await requests.get(old.identity) is None
    assert await requests.claim(again := request("old", 7)) is again


async def test_after_a_day_a_key_is_free_before_any_sweep(database: Database) -> None:
    requests, day = OrderRequests(database), KEPT_SECONDS * SECOND
    await requests.claim(first := request())
    late = replace(request(number=2), issued_at=first.issued_at + day - 1)
    assert (await requests.claim(late)).command_ids == first.command_ids
    after = replace(request(number=3), issued_at=first.issued_at + day)
    assert await requests.claim(after) is after
    assert await requests.get(first.identity) == after


def test_identities_do_not_meet() -> None:
    pairs = [
        ("t", "POST", "/a|b", "c"),
        ("t", "POST", "/a", "b|c"),
        ("t", "POST", '/a","b', "c"),
        ("t", "POST", "/a", 'b","c'),
    ]
    assert len({identity_of(*pair) for pair in pairs}) == len(pairs)
