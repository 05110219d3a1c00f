"""A right in both forms, written by one who was superseded in between: whenever that was, both say what the later one said."""

import asyncio
from typing import Any

import pytest

from ops.runtime.clock import ManualClock
from storage.controls.access_rights import AccessRights, Superseded
from storage.controls.announce import Announcer
from storage.log.memory import MemoryLog
from storage.models.access_bindings import AccessBinding
from storage.models.controls import Binding
from storage.mongo.access_bindings import AccessBindings
from storage.mongo.connect import connect
from storage.mongo.controls import ControlDocuments
from storage.topics import PLATFORM_EVENTS, Topics


def wanted(status: str, fence: int, connector: str = "sim-a") -> AccessBinding:
    return AccessBinding(
        tenant_id="ten_1", exchange_code="BINANCE", connector=connector, status=status, application_id="app_1",
        job_id="job_1", activated_at=7 if status == "active" else None, updated_at=7, fence=fence,
    )  # fmt: skip


class Gate:
    """Holds one worker before its n-th access to the store."""

    def __init__(self, at: int) -> None:
        self.at, self.passed = at, 0
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def pass_(self) -> None:
        if self.passed == self.at:
            self.reached.set()
            await self.opened.wait()
        self.passed += 1


class Gated:
    """A store whose every method goes through the gate first."""

    def __init__(self, inner: Any, gate: Gate) -> None:
        self._inner, self._gate = inner, gate

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any) -> Any:
            await self._gate.pass_()
            return await getattr(self._inner, name)(*arguments)

        return call


class Place:
    def __init__(self) -> None:
        database = connect("mongomock://", "rights").database
        self.clock, self.log = ManualClock(), MemoryLog(Topics())
        self.bindings, self.controls = AccessBindings(database), ControlDocuments(database)

    def rights(self, gate: Gate | None = None) -> AccessRights:
        bindings: Any = self.bindings if gate is None else Gated(self.bindings, gate)
        controls: Any = self.controls if gate is None else Gated(self.controls, gate)
        return AccessRights(bindings, Announcer(self.log, controls, self.clock), self.clock)

    async def said(self) -> tuple[str, str, str, str]:
        shown, obeyed = await self.rights().of("ten_1", "BINANCE")
        assert shown is not None
        assert obeyed is not None
        return shown.status, shown.connector, obeyed.status, obeyed.connector


@pytest.fixture
async def place() -> Place:
    place = Place()
    await place.log.start()
    return place


async def test_a_right_is_announced_once_and_told_again_for_nothing(place: Place) -> None:
    rights = place.rights()
    for status in ("pending", "active", "active"):
        await rights.set(wanted(status, 1))
    assert await place.said() == ("active", "sim-a", "active", "sim-a")
    bounds = await place.log.bounds(PLATFORM_EVENTS)
    assert sum(one.next for one in bounds.values()) == 2
    await rights.set(wanted("active", 2))
    shown, _ = await rights.of("ten_1", "BINANCE")
    assert shown is not None
    assert (shown.activated_at, shown.fence) == (7, 2)
    with pytest.raises(Superseded):
        await rights.set(wanted("pending", 1))
    assert await place.said() == ("active", "sim-a", "active", "sim-a")


@pytest.mark.parametrize("at", range(10))
@pytest.mark.parametrize("before", [None, "pending"])
async def test_whoever_is_held_up_leaves_no_right_behind(place: Place, at: int, before: str | None) -> None:
    if before is not None:
        await place.rights().set(wanted(before, 1))
    gate = Gate(at)
    slow = asyncio.create_task(place.rights(gate).set(wanted("active", 1, "sim-b")))
    reached = asyncio.create_task(gate.reached.wait())
    await asyncio.wait({slow, reached}, return_when=asyncio.FIRST_COMPLETED)
    await place.rights().set(wanted("failed", 2))
    gate.opened.set()
    [outcome] = await asyncio.gather(slow, return_exceptions=True)
    assert outcome is None or isinstance(outcome, Superseded)
    assert await place.said() == ("failed", "sim-a", "failed", "sim-a")
    reached.cancel()


async def test_a_control_that_an_operator_set_is_brought_in_step(place: Place) -> None:
    announcer = Announcer(place.log, place.controls, place.clock)
    await announcer.change([Binding("ten_1", "BINANCE", "sim-b", "active")])
    shown, obeyed = await place.rights().of("ten_1", "BINANCE")
    assert (shown, obeyed) == (None, Binding("ten_1", "BINANCE", "sim-b", "active"))
    await place.rights().set(wanted("pending", 1))
    assert await place.said() == ("pending", "sim-a", "pending", "sim-a")
