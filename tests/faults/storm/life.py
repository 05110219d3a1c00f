"""The life of one cluster: opened once, then rounds of faults under load, each ending in rest and a look at everything."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.processes.platform import opened_platform
from ops.runtime.settings import Settings
from tests.faults.order_road.checks import (
    Told,
    check_answers,
    check_followers,
    check_lateness,
    check_read_model,
    check_records,
    check_settled,
    read_deadlines,
)
from tests.faults.order_road.fleet import Fleet
from tests.faults.order_road.followers import Follower
from tests.faults.order_road.people import at_rest, end_all, followed, participants, set_up
from tests.faults.order_road.traders import Trader
from tests.faults.report import Round, Wrong
from tests.faults.storm.clocks import Clocks
from tests.faults.storm.driver import Driver
from tests.faults.storm.ground import Ground
from tests.faults.storm.market_checks import check_market, market_at_rest
from tests.faults.storm.scene import Scene
from tests.faults.storm.trade_followers import TradeFollower

SCENARIOS = ("timeout-then-accept", "timeout-then-reject", "duplicate-fill", "late-fill", "disconnect")
SETTLED_SECONDS = 90.0
"""An order of which it is unknown what became of it is asked for again and again, with growing pauses."""
FOLLOWED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a cluster is, and how busy: `writes_per_second` is of all traders together."""

    roles: tuple[str, ...]
    accounts: int
    writes_per_second: float
    seed: int


@dataclass(slots=True)
class Life:
    """A cluster that runs, and the people in it."""

    scene: Scene
    traders: list[Trader]
    followers: list[Follower]
    trades: TradeFollower
    writes_per_second: float

    async def trade(self, driver: Driver, injections: int, found: Round) -> None:
        """Orders at the rate while so many faults come and go."""
        enough = asyncio.Event()
        pace = self.writes_per_second / len(self.traders)
        trading = [asyncio.create_task(trader.trade(pace, enough)) for trader in self.traders]
        try:
            await driver.run(injections, found)
        finally:
            enough.set()
            await asyncio.gather(*trading)

    async def look(self, found: Round) -> Told:
        """Let everything come to rest, and note what is wrong; the feed goes on afterwards."""
        fleet, platform = self.scene.fleet, self.scene.platform
        await fleet.end(fleet.feed)
        bounds = await market_at_rest(platform)
        told = await self._settled()
        late = await followed(self.followers, told, FOLLOWED_SECONDS)
        asked = [one for trader in self.traders for one in trader.asked]
        found.wrong += check_records(told) + check_settled(told) + check_answers(told, asked)
        found.wrong += check_followers(self.followers, late) + self.trades.wrong
        if behind := self.trades.behind(bounds):
            found.wrong.append(Wrong("lost", f"trades.* is behind: {behind}"))
        found.wrong += await check_read_model(told, platform.store.database)
        found.wrong += check_lateness(told, await read_deadlines(platform.log))
        found.wrong += await check_market(platform)
        await fleet.launch(fleet.feed)
        return told

    async def _settled(self) -> Told:
        """The log at rest, if possible with no order that its venue still owes a word."""
        told = await at_rest(self.scene.platform, 1.5)
        end = asyncio.get_running_loop().time() + SETTLED_SECONDS
        while check_settled(told) and asyncio.get_running_loop().time() < end:
            told = await at_rest(self.scene.platform, 1.5)
        return told


@asynccontextmanager
async def opened_life(scripts: Path, folder: Path, plan: Plan, disk: Path | None) -> AsyncIterator[Life]:
    """Services, processes and people. Prints what the processes wrote when something goes wrong."""
    names = [f"{role}-{number}" for number, role in enumerate((*plan.roles, "feed"))]
    ground, clocks = Ground(scripts, folder, names), Clocks(folder / "clocks")
    variables = ground.directly(f"storm{secrets.token_hex(4)}")
    settings = Settings(**{name.removeprefix("OMNIAXS_").lower(): value for name, value in variables.items()})
    fleet = Fleet(folder, variables, plan.roles, lambda member: {**ground.of(member), **clocks.of(member)})
    async with AsyncExitStack() as stack:
        stack.push_async_callback(ground.close)
        await ground.open()
        platform = await stack.enter_async_context(opened_platform(settings))
        await set_up(platform)
        await stack.enter_async_context(_running(fleet))
        traders, followers = await participants(platform, fleet, plan.accounts, plan.seed, SCENARIOS)
        for trader in traders:
            stack.push_async_callback(trader.close)
        trades = TradeFollower(fleet.gateways, traders[0].key, plan.seed)
        scene = Scene(fleet, ground, clocks, platform, followers, [trader.key for trader in traders], disk)
        following = [asyncio.create_task(one.follow()) for one in (*followers, trades)]
        stack.push_async_callback(end_all, following)
        yield Life(scene, traders, followers, trades, plan.writes_per_second)


@asynccontextmanager
async def _running(fleet: Fleet) -> AsyncIterator[None]:
    await fleet.start()
    watching = asyncio.create_task(fleet.watch())
    try:
        yield
    except BaseException:
        print(fleet.logs())  # noqa: T201
        raise
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await fleet.stop()
