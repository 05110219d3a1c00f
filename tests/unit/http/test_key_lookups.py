"""Look-ups of keys: who waits shares a query, and strangers who try key after key do not make the store busy."""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

from gateway.http.key_lookups import REST_SECONDS, KeyLookups
from tests.simulation.owner.virtual_time import run

QUERY_SECONDS = 0.002


@dataclass
class Keys:
    """Knows one key; notes when it was asked for which, in the loop's time."""

    asked: list[tuple[float, list[str]]] = field(default_factory=list)

    async def read(self, key_ids: list[str]) -> dict[str, str]:
        self.asked.append((asyncio.get_running_loop().time(), sorted(key_ids)))
        await asyncio.sleep(QUERY_SECONDS)
        return {key_id: "found" for key_id in key_ids if key_id == "ours"}


def test_a_key_after_a_rest_is_asked_for_at_once() -> None:
    async def main() -> None:
        keys = Keys()
        lookups = KeyLookups[str](keys.read)
        assert await lookups.find("ours") == "found"
        await asyncio.sleep(REST_SECONDS)
        asked_at = asyncio.get_running_loop().time()
        assert await lookups.find("unknown") is None
        assert asyncio.get_running_loop().time() == asked_at + QUERY_SECONDS
        assert [key_ids for _, key_ids in keys.asked] == [["ours"], ["unknown"]]

    run(main())


def test_strangers_who_try_a_key_each_millisecond_share_twenty_queries_a_second() -> None:
    async def main() -> None:
        keys = Keys()
        lookups = KeyLookups[str](keys.read)
        strangers = []
        for number in range(1_000):
            strangers.append(asyncio.create_task(lookups.find(f"unknown-{number}")))
            await asyncio.sleep(0.001)
        assert await asyncio.gather(*strangers) == [None] * 1_000
        assert sorted(key_id for _, key_ids in keys.asked for key_id in key_ids) == sorted(
            f"unknown-{number}" for number in range(1_000)
        )
        assert 20 <= len(keys.asked) <= 22
        began = [at for at, _ in keys.asked]
        assert all(later - at >= REST_SECONDS - 1e-9 for at, later in pairwise(began))

    run(main())


def test_a_key_waits_for_strangers_no_longer_than_a_rest() -> None:
    async def main() -> None:
        keys = Keys()
        lookups = KeyLookups[str](keys.read)
        await lookups.find("unknown")
        asked_at = asyncio.get_running_loop().time()
        found = await asyncio.gather(*(lookups.find(key_id) for key_id in ("another", "ours", "one more")))
        assert found == [None, "found", None]
        assert asyncio.get_running_loop().time() <= asked_at + REST_SECONDS + QUERY_SECONDS

    run(main())


def test_what_a_waiting_request_learns_was_read_after_it_asked() -> None:
    """A key that is made while strangers' query is on its way is found by the next one."""

    async def main() -> None:
        made: set[str] = set()

        async def read(key_ids: list[str]) -> dict[str, str]:
            there = set(made)
            await asyncio.sleep(QUERY_SECONDS)
            return {key_id: "found" for key_id in key_ids if key_id in there}

        lookups = KeyLookups[str](read)
        stranger = asyncio.create_task(lookups.find("new"))
        await asyncio.sleep(QUERY_SECONDS / 2)
        made.add("new")
        assert await lookups.find("new") == "found"
        assert await stranger is None

    run(main())
