"""`omniaxs feed replay --run NAME`: what broke off goes on, nothing comes twice, and another plan is another run."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from ops.processes.commands.registry import COMMANDS
from ops.processes.platform import Platform, opened_platform
from ops.runtime.settings import Settings
from storage.models.market_data import decode_trade
from storage.mongo.reference import store_reference
from storage.reference_data.builtin import load_builtin
from storage.topics import TRADES
from streams.feeds.replay.plan import PlannedFile, ReplayPlan

BEGAN_MS = 1_723_129_200_000
HOUR_MS = 3_600_000
BEFORE, AFTER = 700, 500


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    """A platform in memory that knows the built-in instruments."""
    async with opened_platform(Settings(_env_file=None, log_url="memory://", store_url="mongomock://")) as platform:
        known = load_builtin()
        instruments, calendars = list(known.instruments.values()), list(known.calendars.values())
        await store_reference(platform.store.database, instruments, calendars, "1")
        yield platform


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Trades at once, and an hour later the rest: at its own speed a replay stands between them."""
    times = [BEGAN_MS + number // 100 for number in range(BEFORE)]
    times += [BEGAN_MS + HOUR_MS + number // 100 for number in range(AFTER)]
    path = tmp_path / "own.csv"
    path.write_text("t,p,q\n" + "".join(f"{at},{number + 1},1\n" for number, at in enumerate(times)))
    return path


def plan(path: Path, speed: str, run: str | None, **options: Any) -> dict[str, Any]:
    file = PlannedFile(path=path, columns="ts=t,price=p,quantity=q")
    asked = ReplayPlan(files=(file,), symbols=("BTCUSDT.BINANCE",), speed=speed, run=run, **options)
    return asked.model_dump(mode="json")


async def replayed(platform: Platform, path: Path, run: str | None) -> dict[str, Any]:
    """The last event of a whole replay."""
    return [event async for event in COMMANDS["feed.replay"](platform, plan(path, "max", run))][-1]


async def break_off(platform: Platform, path: Path, run: str | None) -> int:
    """Begin a replay and let go of it where it waits; how many trades it has published."""
    async with aclosing(COMMANDS["feed.replay"](platform, plan(path, "1", run))) as events:  # type: ignore[type-var]
        async for event in events:
            if event["trades"]:
                return int(event["trades"])
    raise AssertionError("the replay ended before it broke off")


async def prices(platform: Platform) -> list[int]:
    """The prices of the trades on the log."""
    found = []
    for partition, (first, following) in (await platform.log.bounds(TRADES)).items():
        async for records in platform.log.read(TRADES, partition, first, following):
            found += [int(float(decode_trade(record.value or b"").price)) for record in records]
    return found


async def test_what_broke_off_goes_on_and_nothing_comes_twice(platform: Platform, recorded: Path) -> None:
    assert await break_off(platform, recorded, "monday") == BEFORE
    rest = await replayed(platform, recorded, "monday")
    assert await prices(platform) == list(range(1, BEFORE + AFTER + 1))
    assert rest["trades"] == AFTER
    again = await replayed(platform, recorded, "monday")
    assert (again["trades"], again["done"]) == (0, True)
    assert len(await prices(platform)) == BEFORE + AFTER


async def test_without_a_name_or_under_another_it_begins_at_its_start(platform: Platform, recorded: Path) -> None:
    whole = BEFORE + AFTER
    assert (await replayed(platform, recorded, "monday"))["trades"] == whole
    assert (await replayed(platform, recorded, None))["trades"] == whole
    assert (await replayed(platform, recorded, "tuesday"))["trades"] == whole


def test_a_name_stands_for_one_numbering(recorded: Path) -> None:
    def named(**options: Any) -> str | None:
        return ReplayPlan.model_validate(plan(recorded, "max", "monday") | options).named_run()

    assert named() == named(speed="60")
    assert len({named(), named(run="tuesday"), named(symbols=["ETHUSDT.BINANCE"]), named(session="rth")}) == 4
    assert named(run=None) is None
