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
from contextlib import AsyncExitStack
from typing import Any

import pytest

from ops.bench.ports import port_block
from ops.processes.platform import opened_platform
from ops.runtime.settings import Settings
from tests.faults.order_road.answers import check_answers
from tests.faults.order_road.checks import (
    check_exits,
    check_followers,
    check_lateness,
    check_records,
    check_settled,
    read_deadlines,
)
from tests.faults.order_road.fleet import Fleet, running
from tests.faults.order_road.followers import Follower
from tests.faults.order_road.people import end_all, followed, participants, set_up, settled
from tests.faults.order_road.read_models import check_read_model
from tests.faults.order_road.traders import Trader
from tests.faults.own_services import Service
from tests.faults.report import Round, reported

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
    pytest.mark.timeout(SECONDS * 4 + 400),  # at a rate beyond what the machine can answer, the backlog is answered too
]


@pytest.fixture
async def broker(shared_data, tmp_path, kafka_address) -> AsyncIterator[Service]:
    """Restarted in the test, so its own; asks for `kafka_address` to run only where the others with Kafka do."""
    own = Service("kafka", shared_data.parent / "services", tmp_path / "kafka", port_block(2))
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
    with reported("order road", SEED) as found:
        async with opened_platform(settings) as platform:
            await set_up(platform)
            fleet = Fleet(tmp_path, variables)
            async with running(fleet), AsyncExitStack() as stack:
                traders, followers = await participants(platform, fleet, ACCOUNTS, SEED)
                for trader in traders:
                    stack.push_async_callback(trader.close)
                following = [asyncio.create_task(follower.follow()) for follower in followers]
                await _trade(traders, fleet, broker, chance, found)
                await fleet.end(fleet.feed)  # else what rests on the book is filled while it is looked at
                told = await settled(platform)
                late = await followed(followers, told)
                await end_all(following)
            asked = [one for trader in traders for one in trader.asked]
            found.wrong += check_records(told) + check_settled(told) + check_answers(told, asked)
            found.wrong += check_followers(followers, late)
            found.wrong += await check_read_model(told, platform.store.database)
            found.wrong += check_lateness(told, await read_deadlines(platform.log))
            found.wrong += check_exits(fleet.ended, found.injections)
        with capsys.disabled():
            print(_table(fleet, asked, told, followers))  # noqa: T201
        if found.wrong:
            print(fleet.logs())  # noqa: T201
        assert found.wrong == []


async def _trade(traders: list[Trader], fleet: Fleet, broker: Service, chance: random.Random, found: Round) -> None:
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
            fleet.note("broker (restart)")
            restarted = found.add("restart broker", "kafka")
            await broker.do("restart")
            restarted.seconds = round(time.monotonic() - restarted.began, 2)
        elif number % 6 == 1:
            found.add("SIGSTOP orders", seconds=PAUSED_SECONDS)
            await fleet.pause_one("orders", PAUSED_SECONDS, chance)
        elif number < kills:
            name = await fleet.kill_one(chance)
            found.add(f"SIGKILL {name.partition('-')[0]}", name)
    enough.set()
    await asyncio.gather(*trading)


def _table(fleet: Fleet, asked: list[Any], told: Any, followers: list[Follower]) -> str:
    kinds = Counter((one.kind, one.status, one.error.get("code", "")) for one in asked)
    seconds = sorted(one.seconds for one in asked if one.kind == "place")
    sent = sorted(one.answered_within for one in asked if one.kind == "place")
    rows = [f"{kind:8}{status:5} {code:36}{count:8,}" for (kind, status, code), count in sorted(kinds.items())]
    return "\n".join(
        [
            "",
            "killed: " + ", ".join(f"{name} at {moment:.0f} s" for moment, name in fleet.killed),
            f"writes {len(asked):,}, tries {sum(one.tries for one in asked):,}",
            f"ended by themselves and started again: {', '.join(map(str, fleet.ended)) or 'nobody'}",
            f"told unknown first {sum(one.unknown > 0 for one in asked):,}",
            f"repeats compared {sum(one.repeat is not None for one in asked):,}",
            f"order to answer p50 {statistics.median(seconds) * 1000:.1f} ms",
            f"p99 {seconds[int(len(seconds) * 0.99)] * 1000:.0f} ms, longest {seconds[-1]:.1f} s",
            f"of these, from its sending p50 {sent[len(sent) // 2] * 1000:.1f} ms, longest {sent[-1]:.1f} s",
            f"log: {told.count:,} valid records, {told.claims} claims, {told.ignored} records of superseded owners ignored",
            f"subscribers: {len(followers)}, connections {sum(one.connections for one in followers)}",
            f"messages to subscribers: {sum(len(one.seqs) for one in followers):,}",
            *rows,
        ]
    )
