"""A connector that goes down is felt by the orders of every gateway within 2 s, and so is its return: by an admin's word, by
health checks alone, and where the two disagree.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest

from ops.processes.commands.registry import COMMANDS
from ops.processes.connector_parts import health_of_connectors
from ops.processes.lifetime import Background
from storage.models.connectors import default_catalog
from storage.mongo.connectors import Connectors
from storage.mongo.leases import Leases
from tests.integration.admin.admin_desk import AdminDesk, Calling
from tests.integration.orders.trading_place import TradingPlace
from tests.integration.trading.trading_desk import Answered, TradingGateway, street
from workers.connectors.health import CHECK_SECONDS
from workers.sweeps.sweeping import Sweep, Sweeping

pytestmark = pytest.mark.alone
FELT_SECONDS = 2.0
_numbers = count(1)


@asynccontextmanager
async def checking(place: TradingPlace) -> AsyncIterator[None]:
    """Health checks as a process of workers makes them; two processes, of which one has the lease."""
    background = Background(asyncio.Event())
    for holder in ("workers-1", "workers-2"):
        sweep = Sweep("connector health", CHECK_SECONDS, health_of_connectors(place.platform).turn)
        sweeping = Sweeping(
            [sweep], Leases(place.store.database), holder, clock=place.clock, metrics=place.platform.metrics
        )
        background.start(sweeping.run(), holder)
    try:
        yield
    finally:
        await background.end()


@asynccontextmanager
async def admin_of(place: TradingPlace) -> AsyncIterator[Calling]:
    """An ops_admin of the platform, whose catalog has the default connectors."""
    await Connectors(place.store.database).insert_missing(default_catalog(place.clock.now()))
    yield await AdminDesk(place.platform).log_in("ops_admin")


async def set_availability(admin: Calling, **body: str) -> dict[str, Any]:
    """The answer to an admin's word about sim-a, to which the tenant is bound."""
    answered = await admin.send("PATCH", "/connectors/sim-a/availability", body, "")
    data: dict[str, Any] = answered.data
    return data


async def placed(gateway: TradingGateway) -> Answered:
    """An order that rests far from the market."""
    return await gateway.place(f"order-{next(_numbers):06}", quantity="0.001")


def is_refused(answer: Answered) -> bool:
    """Whether it says that the connector is down; anything but that and acceptance is wrong."""
    if answer.status == 200:
        return False
    assert (answer.status, answer.error["code"]) == (503, "connector.unavailable"), answer.body
    assert answer.error["retryable"] is False
    return True


async def felt(gateways: Sequence[TradingGateway], *, refused: bool) -> float:
    """Seconds until orders at every gateway are refused (or taken), three in a row each."""
    begun = time.monotonic()
    after = await asyncio.gather(*(_felt_at(gateway, begun, refused=refused) for gateway in gateways))
    return max(after)


async def _felt_at(gateway: TradingGateway, begun: float, *, refused: bool) -> float:
    first, row = 0.0, 0
    async with asyncio.timeout(15):
        while row < 3:
            sent = time.monotonic()
            fits = is_refused(await placed(gateway)) is refused
            first, row = (first if row else sent, row + 1) if fits else (0.0, 0)
            await asyncio.sleep(0.05)
    return first - begun


async def test_an_admins_word_is_felt_at_every_gateway(place: TradingPlace) -> None:
    async with street(place, 2) as gateways, admin_of(place) as admin:
        assert not any([is_refused(await placed(gateway)) for gateway in gateways])
        said = await set_availability(admin, status="down", reason="maintenance")
        assert (said["status"], said["source"], said["updated_by"]) == ("down", "admin", admin.admin.admin_id)
        assert await felt(gateways, refused=True) < FELT_SECONDS
        refused = await placed(gateways[0])
        assert refused.error["details"]["reason"] == "maintenance"
        await set_availability(admin, status="up")
        assert await felt(gateways, refused=False) < FELT_SECONDS


@pytest.mark.parametrize("fault", ["down", "timeout", "refuse"])
async def test_health_checks_alone_are_felt_at_every_gateway(place: TradingPlace, fault: str) -> None:
    async with street(place, 2) as gateways, admin_of(place) as admin, checking(place):
        await _heard(admin, "up")
        await _fault(place, fault)
        assert await felt(gateways, refused=True) < FELT_SECONDS
        [sim_a, sim_b] = (await admin.get("/connectors/availability")).data["items"]
        assert (sim_a["status"], sim_a["source"], sim_b["status"]) == ("down", "health", "up")
        assert sim_a["reason"] in {"connector.unavailable", "venue.timeout", "connector.refused"}
        await _fault(place, "none")
        assert await felt(gateways, refused=False) < FELT_SECONDS
        assert (await admin.get("/connectors/availability")).data["items"][0]["reason"] is None


async def test_an_admins_word_wins_over_health_checks_until_it_is_taken_back(place: TradingPlace) -> None:
    async with street(place) as gateways, admin_of(place) as admin, checking(place):
        await _heard(admin, "up")
        await set_availability(admin, status="up")
        await _fault(place, "down")
        await _heard(admin, "down")
        assert await felt(gateways, refused=False) < FELT_SECONDS
        await _fault(place, "none")
        await set_availability(admin, status="down")
        await _heard(admin, "up")
        assert await felt(gateways, refused=True) < FELT_SECONDS
        said = await set_availability(admin, status="auto")
        assert (said["status"], said["source"], said["updated_by"]) == ("up", "health", None)
        assert await felt(gateways, refused=False) < FELT_SECONDS


async def _fault(place: TradingPlace, fault: str) -> None:
    """As `omniaxs connectors fault sim-a ...` does it."""
    async for _ in COMMANDS["connectors.fault"](place.platform, {"connector": "sim-a", "fault": fault}):
        pass


async def _heard(admin: Calling, status: str) -> None:
    """Wait until health checks say so of sim-a."""
    async with asyncio.timeout(15):
        while True:
            health = (await admin.get("/connectors/catalog")).data["items"][0]["health"]
            if health is not None and health["status"] == status:
                return
            await asyncio.sleep(0.05)
