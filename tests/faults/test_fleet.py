"""Who ends by himself is noted and started again; who was killed or told to end is not noted."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.order_road.fleet import Fleet, Member, running

HERE = "import time, sys; time.sleep({seconds}); sys.exit({code})"


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """A gateway that stays, an owner that ends with 3 the first time, and a feed; each takes its time to be started."""

    async def start(_: Fleet, member: Member) -> Any:
        ends = member.role == "orders" and member.starts == 1
        await asyncio.sleep(0.2)
        program = HERE.format(seconds=0.3 if ends else 60, code=3)
        return await asyncio.create_subprocess_exec(sys.executable, "-c", program)

    monkeypatch.setattr(Fleet, "_start", start)
    monkeypatch.setattr("tests.faults.order_road.fleet.WATCH_SECONDS", 0.02)
    return Fleet(tmp_path, {}, ("gateway", "orders"))


async def test_an_end_that_nobody_asked_for_is_noted_once(fleet: Fleet) -> None:
    gateway, orders = fleet.members
    async with running(fleet):
        for _ in range(3):
            await fleet.kill(gateway)
            await fleet.launch(gateway)
        await fleet.end(fleet.feed)
        async with asyncio.timeout(10):
            while not (orders.starts == 2 and orders.lives):  # noqa: ASYNC110  (another process)
                await asyncio.sleep(0.02)
        assert [str(one) for one in fleet.ended] == ["orders-1 (3)"]
        assert (gateway.starts, fleet.feed.starts) == (4, 1)
    assert len(fleet.ended) == 1
    assert len({*(one.port for one in fleet.members)}) == 2


async def test_one_that_had_ended_before_it_was_killed_is_noted(fleet: Fleet) -> None:
    orders = fleet.members[1]
    await fleet.launch(orders)
    assert orders.process is not None
    await orders.process.wait()
    await fleet.kill(orders)
    assert [str(one) for one in fleet.ended] == ["orders-1 (3)"]
    await fleet.kill(orders)
    assert len(fleet.ended) == 1
