"""The whole road of an order as a subscriber sees it: core, projection and gateways, in memory and on the real services."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from ops.processes.asking import decisions_of
from ops.processes.live_parts import account_snapshots, cancel_on_disconnect, order_owners
from ops.processes.projection_parts import projection_processors
from storage.models.order_commands import CancelOrder
from storage.models.tenants import ALL_SCOPES
from storage.mongo.accounts import Accounts
from storage.mongo.log_identities import LogIdentities
from storage.mongo.orders import Orders
from streams.app.memory_runner import MemoryRunner
from tests.integration.live.conftest import World
from tests.integration.live.order_log import seqs
from tests.integration.orders.conftest import place  # noqa: F401  (a fixture)
from tests.integration.orders.trading_place import ACCOUNT, until


@asynccontextmanager
async def road(place) -> AsyncIterator["Road"]:  # noqa: F811
    """Projection and decisions over a place, and a world of gateways; the core comes and goes."""
    platform = place.platform
    world = World(place.log, platform.topics)
    world.log_ids = await LogIdentities(place.store.database).get_all()
    world.keys.add("pmk_all", ALL_SCOPES, account=ACCOUNT)
    decisions, stop = decisions_of(platform), asyncio.Event()
    runner = MemoryRunner(platform.log, projection_processors(platform), platform.clock, flush_seconds=0.05)
    tasks = [asyncio.create_task(decisions.run()), asyncio.create_task(runner.run(stop))]
    try:
        yield Road(place, world, decisions)
    finally:
        stop.set()
        tasks[0].cancel()
        with suppress(asyncio.CancelledError):
            await tasks[0]
        await tasks[1]


class Road:
    """A place with gateways."""

    def __init__(self, place, world, decisions) -> None:  # noqa: F811
        self.place, self.world, self.decisions = place, world, decisions

    @asynccontextmanager
    async def client(self):
        """A client on a gateway of its own, which ends with it."""
        async with self.gateway() as gateway, gateway.client() as client:
            yield client

    def gateway(self):
        platform = self.place.platform
        return self.world.gateway(
            switches=cancel_on_disconnect(platform, self.decisions),
            order_owners=order_owners(platform),
            accounts=account_snapshots(platform),
        )

    async def decide(self, command):
        return await self.decisions.decide(command, 20)


async def has_reached(place, seq: int) -> bool:  # noqa: F811
    """The projection has folded the record."""
    return await Accounts(place.store.database).as_of(ACCOUNT) >= seq


async def test_every_record_of_an_account_arrives_once_over_owners_and_gateways_that_come_and_go(place):  # noqa: F811
    async with road(place) as there:
        async with place.core(), there.client() as client:
            await client.subscribe("orders.*")
            await place.open_account()
            assert seqs(await client.take(2)) == [1, 2]
            await there.decide(place.order(1))
            await until(lambda: has_reached(place, 3))
            entry = (await client.subscribe("orders.*"))["orders.*"]
            *_, snapshot = await client.until(lambda message: message.get("type") == "snapshot")
            assert snapshot["data"]["as_of_seq"] == 3
            stored = await Orders(place.store.database).open_of(ACCOUNT)
            assert snapshot["data"]["orders"] == [msgspec.json.decode(msgspec.json.encode(order)) for order in stored]
            assert snapshot["data"]["account"]["open_orders"] == 1
        async with place.core():
            await there.decide(place.order(2))
        async with place.core(), there.client() as client:
            resume = {"orders.*": {name: entry[name] for name in ("log_id", "positions")}}
            assert (await client.subscribe("orders.*", resume=resume))["orders.*"]["recovered"] is True
            await there.decide(place.order(3))
            found = await client.until(lambda message: message["data"]["seq"] == 5)
            assert seqs(found) == [4, 5]
            assert found[1]["data"]["epoch"] > found[0]["data"]["epoch"]
            await there.decide(
                CancelOrder(command_id="cnl", account_id=ACCOUNT, order_id="ord-3", issued_at=place.clock.now())
            )
            assert seqs(await client.take(1)) == [6]


async def test_a_dropped_connection_cancels_and_one_that_comes_back_does_not(place):  # noqa: F811
    ask = {"enabled": True, "grace_ms": 5_000, "spare_reduce_only": False}
    async with road(place) as there, place.core(), there.client() as watcher:
        async with there.client() as early:
            refused = await early.ask("cancel_on_disconnect", ask)
            assert refused["error"]["code"] == "account.not_open"
        await place.open_account()
        await watcher.subscribe("orders.*", snapshot=False)
        await there.decide(place.order(1))
        async with there.gateway() as gateway:
            async with gateway.client() as first:
                answer = await first.ask("cancel_on_disconnect", ask)
                assert (answer["op"], answer["ok"], answer["payload"]) == ("cancel_on_disconnect", True, ask)
            async with gateway.client() as second:
                assert (await second.ask("cancel_on_disconnect", ask))["ok"]
                began = asyncio.get_running_loop().time()
                before = await watcher.until(lambda _: asyncio.get_running_loop().time() > began + 6)
                assert not [message for message in before if "CancelRequested" in str(message["data"]["events"])]
                renewals = [
                    message["data"] for message in before if message["data"]["events"][0]["type"] == "DeadManSet"
                ]
                assert len({one["events"][0]["name"] for one in renewals}) == 1
                assert all((one["orders"], one["positions"]) == ([], []) for one in renewals)
                dropped = asyncio.get_running_loop().time()
            *_, canceling = await watcher.until(
                lambda message: message["data"]["events"][0]["type"] == "CancelRequested"
            )
            assert 4.9 < asyncio.get_running_loop().time() - dropped < 7
            assert canceling["data"]["events"][0]["found"] == ["ord-1"]


async def test_trading_keys_alone_may_ask_for_it_and_it_can_be_switched_off(place):  # noqa: F811
    async with road(place) as there, place.core(), there.gateway() as gateway:
        there.world.keys.add("pmk_reader", ["stream", "trade:read"], account=ACCOUNT)
        there.world.keys.add("pmk_none", ["stream", "trade:write"], account=None)
        await place.open_account()
        ask = {"enabled": True, "grace_ms": 60_000, "spare_reduce_only": True}
        for key, code in (("pmk_reader", "auth.scope_missing"), ("pmk_none", "account.not_open")):
            async with gateway.client(key) as client:
                assert (await client.ask("cancel_on_disconnect", ask))["error"]["code"] == code
        async with gateway.client() as client:
            await client.subscribe("orders.*", snapshot=False)
            assert (await client.ask("cancel_on_disconnect", ask))["ok"]
            assert (await client.ask("cancel_on_disconnect", {"enabled": False}))["ok"]
            told = [message["data"]["events"][0] for message in client.aside]
            while not told or told[-1].get("armed") is not False:
                told.append((await client.receive())["data"]["events"][0])
            set_, off = told
            assert (set_["armed"], set_["timeout_ms"], set_["spare_reduce_only"]) == (True, 60_000, True)
            assert (off["armed"], off["name"]) == (False, set_["name"])


@pytest.mark.parametrize("place", ["memory"], indirect=True)
async def test_without_a_core_the_outcome_is_said_to_be_unknown(place):  # noqa: F811
    async with road(place) as there, there.client() as client:
        answer = await client.ask("cancel_on_disconnect", {"enabled": True, "grace_ms": 5_000})
        assert (answer["error"]["code"], answer["error"]["retryable"]) == ("order.outcome_unknown", True)
