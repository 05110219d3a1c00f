"""Order requests over both adapters: the first document of a key wins, whatever races, and is gone after a day."""

import asyncio

from msgspec.structs import replace

from storage.models.order_requests import OrderRequest, hash_of, identity_of
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


async def test_what_is_old_is_dropped_and_may_be_claimed_anew(database: Database) -> None:
    requests = OrderRequests(database)
    old, new = request("old"), replace(request("new"), issued_at=NOW + 1)
    for one in (old, new):
        await requests.claim(one)
    assert await requests.drop_before(NOW + 1) == 1
    assert await requests.get(old.identity) is None
    assert await requests.claim(again := request("old", 7)) is again


def test_identities_do_not_meet() -> None:
    pairs = [
        ("t", "POST", "/a|b", "c"),
        ("t", "POST", "/a", "b|c"),
        ("t", "POST", '/a","b', "c"),
        ("t", "POST", "/a", 'b","c'),
    ]
    assert len({identity_of(*pair) for pair in pairs}) == len(pairs)
