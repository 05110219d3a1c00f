"""Orders at a rate while processes are killed and the broker restarts: nothing lost, nothing doubled, everybody answered.

A minute by default; `FAULTS=all` five minutes. `ORDER_ROAD_RATE` is how many writes are begun in a second: 40 by default, which
two processors carry with Kafka, MongoDB, nine processes and the clients on them; with more the answers take longer and the
promises are the same. `ORDER_ROAD_SEED` chooses who is killed when.
"""

import asyncio
import os
import random
import secrets
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from ops.processes.commands.port import EXIT_TEMPORARY, CommandFailed
from ops.processes.commands.registry import COMMANDS
from ops.processes.platform import Platform, opened_platform
from ops.runtime.settings import Settings
from storage.models.tenants import ALL_SCOPES
from storage.mongo.ownership import ReaderAnchors
from storage.reference_data.builtin import load_builtin
from storage.topics import ORDER_EVENTS
from tests.faults.order_road.checks import (
    check_answers,
    check_lateness,
    check_read_model,
    check_records,
    read_deadlines,
    read_log,
)
from tests.faults.order_road.fleet import Fleet
from tests.faults.order_road.followers import Follower
from tests.faults.order_road.traders import Trader
from tests.faults.own_broker import Broker, free_ports

ALL = os.environ.get("FAULTS") == "all"
SECONDS = float(os.environ.get("ORDER_ROAD_SECONDS", "300" if ALL else "60"))
ACCOUNTS = 20
WRITES_PER_SECOND = float(os.environ.get("ORDER_ROAD_RATE", "40"))
SECONDS_BETWEEN_KILLS = 10.0
PAUSED_SECONDS = 9.0
"""Longer than the session timeout (6 s): the partitions have another owner when the process wakes up."""
SEED = int(os.environ.get("ORDER_ROAD_SEED", "1"))
pytestmark = [
    pytest.mark.faults,
    pytest.mark.alone,
    pytest.mark.kafka,
    pytest.mark.mongo,
    pytest.mark.redis,
    pytest.mark.timeout(SECONDS + 400),
]


@pytest.fixture
async def broker(shared_data, tmp_path, kafka_address) -> AsyncIterator[Broker]:
    """Restarted in the test, so its own; asks for `kafka_address` to run only where the others with Kafka do."""
    own = Broker(shared_data.parent / "services" / "kafka.sh", tmp_path / "kafka", free_ports())
    yield own
    await own.do("wipe")


async def test_no_order_is_lost_doubled_or_ambiguous_whatever_dies(
    broker, mongo_url, redis_url, tmp_path, capsys
) -> None:
    chance = random.Random(SEED)  # noqa: S311
    variables = {
        "OMNIAXS_LOG_URL": f"kafka://{await broker.start()}",
        "OMNIAXS_STORE_URL": mongo_url,
        "OMNIAXS_STORE_DATABASE": f"faults{secrets.token_hex(4)}",
        "OMNIAXS_LIMITS_URL": redis_url,
        "OMNIAXS_OPS_PORT": "0",
        "OMNIAXS_LOG_LEVEL": "info",
    }
    settings = Settings(**{name.removeprefix("OMNIAXS_").lower(): value for name, value in variables.items()})
    async with opened_platform(settings) as platform:
        for command in ("db.migrate", "topics.apply"):
            await _command(platform, command, {})
        await _command(platform, "markets.load", _builtin_markets())
        fleet = Fleet(tmp_path, variables)
        traders: list[Trader] = []
        try:
            await fleet.start()
            followers = await _participants(platform, fleet, traders)
            following = [asyncio.create_task(follower.follow()) for follower in followers]
            await _trade(traders, fleet, broker, chance)
            told = await _at_rest(platform)
            await _followed(followers, told)
            await _end(following)
        except BaseException:
            print(fleet.logs())  # noqa: T201
            raise
        finally:
            await fleet.stop()
            for trader in traders:
                await trader.close()
        asked = [one for trader in traders for one in trader.asked]
        wrong = check_records(told) + check_answers(told, asked) + await check_read_model(told, platform.store.database)
        wrong += check_lateness(told, await read_deadlines(platform.log))
        wrong += [
            f"{follower.account_id}: a hole in orders.*: {hole}" for follower in followers for hole in follower.holes()
        ]
        with capsys.disabled():
            print(_table(fleet, asked, told, followers))  # noqa: T201
        if wrong:
            print("\n".join(wrong[:50]))  # noqa: T201
            print(fleet.logs())  # noqa: T201
        assert wrong == []


def _builtin_markets() -> dict[str, Any]:
    builtin = load_builtin()
    return {
        "instruments": [one.model_dump(mode="json") for one in builtin.instruments.values()],
        "calendars": [one.model_dump(mode="json") for one in builtin.calendars.values()],
    }


async def _command(platform: Platform, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The last event of a command."""
    last: dict[str, Any] = {}
    async for event in COMMANDS[name](platform, arguments):
        last = event
    return last


async def _participants(platform: Platform, fleet: Fleet, traders: list[Trader]) -> list[Follower]:
    """Tenants with a key and an open account each, all of them traders and subscribers."""
    followers = []
    for number in range(ACCOUNTS):
        key = await _command(platform, "keys.create", {"tenant_name": f"trader {number}", "scopes": list(ALL_SCOPES)})
        opened = await _opened(platform, key["tenant_id"])
        secret = (key["key_id"], key["api_secret"])
        traders.append(Trader(fleet.gateways, opened["account_id"], secret, SEED * 1_000 + number))
        followers.append(Follower(fleet.gateways, opened["account_id"], secret, SEED * 2_000 + number))
    await asyncio.gather(*(trader.learn_prices() for trader in traders))
    return followers


async def _opened(platform: Platform, tenant_id: str) -> dict[str, Any]:
    """The open account; processes that are still starting are waited for."""
    async with asyncio.timeout(120):
        while True:
            try:
                return await _command(platform, "accounts.open", {"tenant_id": tenant_id, "deposit": "10000000"})
            except CommandFailed as failed:
                if failed.exit_code != EXIT_TEMPORARY:
                    raise


async def _trade(traders: list[Trader], fleet: Fleet, broker: Broker, chance: random.Random) -> None:
    """Orders at the rate, a SIGKILL every ten seconds, sometimes a pause of an owner beyond its session instead, and one
    restart of the broker in the middle.
    """
    enough = asyncio.Event()
    pace = WRITES_PER_SECOND / len(traders)
    trading = [asyncio.create_task(trader.trade(pace, enough)) for trader in traders]
    kills = round(SECONDS / SECONDS_BETWEEN_KILLS)
    for number in range(1, kills + 1):
        await asyncio.sleep(SECONDS_BETWEEN_KILLS)
        if number == kills // 2:
            fleet.killed.append((time.monotonic() - fleet.began, "broker (restart)"))
            await broker.do("restart")
        elif number % 6 == 1:
            await fleet.pause_one("orders", PAUSED_SECONDS, chance)
        elif number < kills:
            await fleet.kill_one(chance)
    enough.set()
    await asyncio.gather(*trading)


async def _at_rest(platform: Platform) -> Any:
    """The log once nothing is added any more and the projection has read it all."""
    anchors = ReaderAnchors(platform.store.database, "projection", ORDER_EVENTS)
    before = -1
    async with asyncio.timeout(120):
        while True:
            await asyncio.sleep(3)  # other processes are waited for
            ends = {number: bounds.next for number, bounds in (await platform.log.bounds(ORDER_EVENTS)).items()}
            done = [(await anchors.get(number)).upto + 1 >= end for number, end in ends.items()]
            if all(done) and sum(ends.values()) == before:
                return await read_log(platform.log)
            before = sum(ends.values())


async def _followed(followers: list[Follower], told: Any) -> None:
    """Until every subscriber has what the log has."""
    with suppress(TimeoutError):
        async with asyncio.timeout(60):
            for follower in followers:
                while not follower.seqs or follower.seqs[-1] < told.records[follower.account_id][-1].seq:  # noqa: ASYNC110  (another process)
                    await asyncio.sleep(0.2)
    late = [one.account_id for one in followers if not one.seqs or one.seqs[-1] < told.records[one.account_id][-1].seq]
    assert late == [], f"subscribers that did not get the end: {late}"


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


def _table(fleet: Fleet, asked: list[Any], told: Any, followers: list[Follower]) -> str:
    kinds = Counter((one.kind, one.status, one.error.get("code", "")) for one in asked)
    seconds = sorted(one.seconds for one in asked if one.kind == "place")
    rows = [f"{kind:8}{status:5} {code:36}{count:8,}" for (kind, status, code), count in sorted(kinds.items())]
    return "\n".join(
        [
            "",
            "killed: " + ", ".join(f"{name} at {moment:.0f} s" for moment, name in fleet.killed),
            f"writes {len(asked):,}, tries {sum(one.tries for one in asked):,}",
            f"told unknown first {sum(one.unknown > 0 for one in asked):,}",
            f"repeats compared {sum(one.repeated_alike is not None for one in asked):,}",
            f"order to answer p50 {statistics.median(seconds) * 1000:.1f} ms",
            f"p99 {seconds[int(len(seconds) * 0.99)] * 1000:.0f} ms, longest {seconds[-1]:.1f} s",
            f"log: {told.count:,} valid records, {told.claims} claims, {told.ignored} records of superseded owners ignored",
            f"subscribers: {len(followers)}, connections {sum(one.connections for one in followers)}",
            f"messages to subscribers: {sum(len(one.seqs) for one in followers):,}",
            *rows,
        ]
    )
