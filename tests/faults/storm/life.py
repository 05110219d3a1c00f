"""The life of one cluster: opened once, then rounds of faults under load, each ending in rest and a look at everything."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ops.processes.platform import opened_platform
from ops.runtime.settings import Settings
from tests.faults.order_road.answers import check_answers
from tests.faults.order_road.checks import (
    Told,
    check_exits,
    check_followers,
    check_lateness,
    check_records,
    check_settled,
    read_deadlines,
)
from tests.faults.order_road.fleet import Exit, Fleet, running
from tests.faults.order_road.followers import Follower
from tests.faults.order_road.people import end_all, followed, participants, set_up, settled
from tests.faults.order_road.read_models import check_read_model
from tests.faults.order_road.traders import Trader
from tests.faults.report import Round, Wrong
from tests.faults.storm.clocks import Clocks
from tests.faults.storm.driver import Driver
from tests.faults.storm.ground import Ground
from tests.faults.storm.market_checks import check_market, market_at_rest
from tests.faults.storm.scene import Scene
from tests.faults.storm.trade_followers import TradeFollower

SCENARIOS = ("timeout-then-accept", "timeout-then-reject", "duplicate-fill", "late-fill", "disconnect")
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
    """A cluster that runs, and the people in it. `ended` are the processes that ended by themselves in the last round."""

    scene: Scene
    traders: list[Trader]
    followers: list[Follower]
    trades: TradeFollower
    writes_per_second: float
    ended: list[Exit] = field(default_factory=list)

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
        told = await settled(platform, 1.5)
        late = await followed(self.followers, told, FOLLOWED_SECONDS)
        asked = [one for trader in self.traders for one in trader.asked]
        found.wrong += check_records(told) + check_settled(told) + check_answers(told, asked)
        found.wrong += check_followers(self.followers, late) + self.trades.wrong
        with suppress(TimeoutError):
            async with asyncio.timeout(FOLLOWED_SECONDS):
                while self.trades.behind(bounds):  # noqa: ASYNC110  (another process)
                    await asyncio.sleep(0.2)
        if behind := self.trades.behind(bounds):
            found.wrong.append(Wrong("lost", f"trades.* is behind: {behind}"))
        found.wrong += await check_read_model(told, platform.store.database)
        found.wrong += check_lateness(told, await read_deadlines(platform.log))
        found.wrong += await check_market(platform)
        self.ended, fleet.ended = fleet.ended, []
        found.wrong += check_exits(self.ended, found.injections)
        await fleet.launch(fleet.feed)
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
        await stack.enter_async_context(running(fleet))
        traders, followers = await participants(platform, fleet, plan.accounts, plan.seed, SCENARIOS)
        for trader in traders:
            stack.push_async_callback(trader.close)
        trades = TradeFollower(fleet.gateways, traders[0].key, plan.seed)
        scene = Scene(fleet, ground, clocks, platform, followers, [trader.key for trader in traders], disk)
        following = [asyncio.create_task(one.follow()) for one in (*followers, trades)]
        stack.push_async_callback(end_all, following)
        yield Life(scene, traders, followers, trades, plan.writes_per_second)
