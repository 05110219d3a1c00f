"""Who trades and who listens while processes die: made ready at the beginning, waited for at the end."""

import asyncio
from contextlib import suppress
from typing import Any

from ops.processes.commands.port import EXIT_TEMPORARY, CommandFailed
from ops.processes.commands.registry import COMMANDS
from ops.processes.platform import Platform
from storage.models.tenants import ALL_SCOPES
from storage.mongo.ownership import ReaderAnchors
from storage.reference_data.builtin import load_builtin
from storage.topics import ORDER_EVENTS
from tests.faults.order_road.checks import Told, check_settled, read_log
from tests.faults.order_road.fleet import Fleet
from tests.faults.order_road.followers import Follower
from tests.faults.order_road.traders import Trader

START_SECONDS = 300.0
REST_SECONDS = 180.0
SETTLED_SECONDS = 90.0
"""An order of which it is unknown what became of it is asked for again and again, with growing pauses."""


async def set_up(platform: Platform) -> None:
    """Topics, indexes and the built-in markets."""
    for name in ("db.migrate", "topics.apply"):
        await command(platform, name, {})
    builtin = load_builtin()
    markets = {
        "instruments": [one.model_dump(mode="json") for one in builtin.instruments.values()],
        "calendars": [one.model_dump(mode="json") for one in builtin.calendars.values()],
    }
    await command(platform, "markets.load", markets)


async def command(platform: Platform, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The last event of a command."""
    last: dict[str, Any] = {}
    async for event in COMMANDS[name](platform, arguments):
        last = event
    return last


async def participants(
    platform: Platform, fleet: Fleet, accounts: int, seed: int, scenarios: tuple[str, ...] = ()
) -> tuple[list[Trader], list[Follower]]:
    """Tenants with a key and an open account each, all of them traders and subscribers."""
    traders, followers = [], []
    for number in range(accounts):
        key = await command(platform, "keys.create", {"tenant_name": f"trader {number}", "scopes": list(ALL_SCOPES)})
        account_id = (await _opened(platform, key["tenant_id"]))["account_id"]
        secret = (key["key_id"], key["api_secret"])
        traders.append(Trader(fleet.gateways, account_id, secret, seed * 1_000 + number, scenarios))
        followers.append(Follower(fleet.gateways, account_id, secret, seed * 2_000 + number))
    await asyncio.gather(*(trader.learn_prices() for trader in traders))
    return traders, followers


async def _opened(platform: Platform, tenant_id: str) -> dict[str, Any]:
    """The open account; processes that are still starting are waited for."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                return await command(platform, "accounts.open", {"tenant_id": tenant_id, "deposit": "10000000"})
            except CommandFailed as failed:
                if failed.exit_code != EXIT_TEMPORARY:
                    raise


async def at_rest(platform: Platform, pause: float = 3.0) -> Told:
    """The log once nothing has been added for a pause and the projection has read it all."""
    anchors = ReaderAnchors(platform.store.database, "projection", ORDER_EVENTS)
    before = -1
    async with asyncio.timeout(REST_SECONDS):
        while True:
            await asyncio.sleep(pause)  # other processes are waited for
            ends = {number: bounds.next for number, bounds in (await platform.log.bounds(ORDER_EVENTS)).items()}
            done = [(await anchors.get(number)).upto + 1 >= end for number, end in ends.items()]
            if all(done) and sum(ends.values()) == before:
                return await read_log(platform.log)
            before = sum(ends.values())


async def settled(platform: Platform, pause: float = 3.0) -> Told:
    """The log at rest, if possible with no order that its venue still owes a word."""
    end = asyncio.get_running_loop().time() + SETTLED_SECONDS
    told = await at_rest(platform, pause)
    while check_settled(told) and asyncio.get_running_loop().time() < end:
        told = await at_rest(platform, pause)
    return told


async def followed(followers: list[Follower], told: Told, seconds: float = 60) -> list[str]:
    """Wait until every subscriber has what the log has; the accounts of those that have it not by then."""

    def late() -> list[str]:
        return [one.account_id for one in followers if one.last < told.records[one.account_id][-1].seq]

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while late():  # noqa: ASYNC110  (another process)
                await asyncio.sleep(0.2)
    return late()


async def end_all(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel them, and raise what one of them has raised."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
