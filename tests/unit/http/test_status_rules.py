"""How the parts of the platform make one answer."""

import asyncio

import pytest

from gateway.quote_board import BoardQuote
from gateway.system.probe import PlatformProbe
from gateway.system.status import Component, condition_of_roles, conditions_of_venues, overall
from ops.processes.gateway import ROLES
from ops.runtime.clock import ManualClock
from storage.models.calendars import Calendar
from storage.models.instruments import Instrument
from storage.models.operations import Heartbeat
from storage.mongo.failures import StoreUnavailable
from storage.reference import ReferenceData


def beat(role: str, *, ready: bool = True) -> Heartbeat:
    return Heartbeat(process_id=f"{role}-1", role=role, version="1", host="h", started_at=0, beat_at=0, ready=ready)


@pytest.mark.parametrize(
    ("parts", "condition"),
    [
        ({"gateway": "operational", "streams": "operational"}, "operational"),
        ({"gateway": "operational", "streams": "degraded"}, "degraded"),
        ({"streams": "outage", "XNAS": "outage"}, "degraded"),
        ({"database": "outage"}, "outage"),
        ({"log": "outage"}, "outage"),
        ({"gateway": "outage"}, "outage"),
        ({}, "operational"),
    ],
)
def test_overall(parts, condition):
    assert overall([Component(name, status) for name, status in parts.items()]) == condition


@pytest.mark.parametrize(
    ("beats", "roles", "condition"),
    [
        ([beat("market")], {"market"}, "operational"),
        ([beat("market", ready=False)], {"market"}, "outage"),
        ([beat("market"), beat("local", ready=False)], {"market", "local"}, "degraded"),
        ([beat("market"), beat("orders")], {"market", "orders"}, "operational"),
        ([beat("market")], {"market", "orders"}, "degraded"),
        ([beat("market", ready=False)], {"market", "orders"}, "outage"),
        ([beat("gateway")], {"market"}, "outage"),
        ([], set(), "operational"),
    ],
)
def test_roles(beats, roles, condition):
    assert condition_of_roles(beats, frozenset(roles)) == condition


def test_venues():
    states = [("A", "live"), ("A", "stale"), ("B", "stale"), ("B", "closed"), ("C", "closed"), ("D", None)]
    assert conditions_of_venues(states) == {"A": "degraded", "B": "outage", "C": "operational", "D": "operational"}


class Beats:
    def __init__(self) -> None:
        self.reads = 0
        self.away = False

    async def all(self, since: int) -> list[Heartbeat]:
        self.reads += 1
        if self.away:
            raise StoreUnavailable("away")
        return [beat("market")]


class Board:
    def quote(self, symbol: str) -> BoardQuote | None:
        return BoardQuote(b"{}", 1, 0, "stale")


async def well() -> None:
    return None


async def broken() -> str:
    return "no answer"


async def test_probe_asks_once_a_second_and_survives_a_store_that_is_away():
    clock, beats = ManualClock(), Beats()
    sizes = dict.fromkeys(
        ["tick_size", "lot_size", "min_quantity", "max_quantity", "min_notional", "reference_price"], "1"
    )
    instrument = Instrument(
        symbol="A.B", venue="B", asset_class="crypto", calendar="c", currency="USD", price_precision=0, qty_precision=0,
        initial_margin_rate="1", maintenance_margin_rate="1", **sizes,
    )  # fmt: skip
    reference = ReferenceData.of([instrument], [Calendar(name="c", timezone="UTC", always_open=True)])
    probe = PlatformProbe(
        clock=clock, heartbeats=beats, checks={"gateway": well, "log": broken}, board=Board(),
        roles={"streams": frozenset({"market"}), "workers": frozenset()}, reference=lambda: reference,
    )  # fmt: skip
    found = await asyncio.gather(*(probe.components() for _ in range(5)))
    assert beats.reads == 1
    assert {part.name: part.status for part in found[0]} == {
        "gateway": "operational", "log": "outage", "streams": "operational", "workers": "operational", "B": "outage",
    }  # fmt: skip
    beats.away = True
    clock.advance(1)
    conditions = {part.name: part.status for part in await probe.components()}
    assert (beats.reads, conditions["streams"]) == (2, "degraded")


def test_a_gateway_looks_for_every_role_of_streams():
    """Whoever hears that streams are operational may send orders."""
    assert ROLES["streams"] == {"market", "orders", "venues", "projection"}
    without_orders = [beat(role) for role in ("market", "venues", "projection")]
    assert condition_of_roles(without_orders, ROLES["streams"]) == "degraded"
