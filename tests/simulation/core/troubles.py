"""What befalls processes: crashes, pauses with and without a take-over, rebalances, clocks that go wrong, outages."""

import asyncio
import random
from typing import TYPE_CHECKING, Any, Final

from tests.simulation.owner.faults import Process

if TYPE_CHECKING:
    from tests.simulation.core.world import World

TROUBLES: Final = ("crash", "pause", "nap", "rebalance", "skew", "outage")


class Troubles:
    """Makes trouble in a world until it is called off."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def run(self) -> None:
        """Crashes, pauses with and without a take-over, rebalances, outages."""
        chance = self._world.chance("troubles")
        await asyncio.sleep(chance.uniform(0, 0.3))
        while True:
            await asyncio.sleep(chance.uniform(0.1, 1.2) / self._world.weather)
            role = chance.choice(("core", "core", "venue", "venue", "projection", "gateway"))
            kind = chance.choice(TROUBLES)
            if kind in self._world.without or (role, kind) == ("gateway", "rebalance"):
                continue
            self._world.met[kind] += 1
            if kind == "outage":
                self._outage(chance)
            elif role == "gateway":
                self._trouble_gateway(kind, chance)
            elif role == "projection":
                await self._trouble_reader(kind, chance)
            else:
                await self._trouble_owner(role, kind, chance)

    def _outage(self, chance: random.Random) -> None:
        """The log or the store answers nobody for a while."""
        rate = chance.choice(("log_fails", "store_fails"))
        usual = getattr(self._world.faults, rate)
        if usual < 1:
            setattr(self._world.faults, rate, 1.0)
            asyncio.get_running_loop().call_later(chance.uniform(0.1, 1.0), self._end_outage, rate, usual)

    def _end_outage(self, rate: str, usual: float) -> None:
        if getattr(self._world.faults, rate):
            setattr(self._world.faults, rate, usual)

    async def _trouble_owner(self, role: str, kind: str, chance: random.Random) -> None:
        group, every, begin = (
            (self._world.orders, self._world.cores, self._world.start_core)
            if role == "core"
            else (self._world.venues, self._world.exchanges, self._world.start_venue)
        )
        living = [one for one in every if not one.process.crashed]
        machine = next((one for one in living if one.process is group.member), None) or chance.choice(living)

        def reassign() -> None:
            if group.member is machine.process:
                others = [one for one in every if one is not machine and one.process.runs]
                group.assign(chance.choice(others).seat if others else begin().seat)

        await self._strike(machine.process, kind, chance, reassign)

    async def _trouble_reader(self, kind: str, chance: random.Random) -> None:
        process = self._world.readers.member
        if process is None:
            return

        def reassign() -> None:
            if self._world.readers.member is process:
                others = [one for one in self._world.projections if one is not process and one.runs]
                seat = (
                    self._world.reader_seats[chance.choice(others).name] if others else self._world.start_projection()
                )
                self._world.readers.assign(seat)

        await self._strike(process, kind, chance, reassign)

    async def _strike(self, process: Process, kind: str, chance: random.Random, reassign: Any) -> None:
        loop = asyncio.get_running_loop()
        match kind:
            case "crash":
                process.crash()
                await asyncio.sleep(chance.uniform(0, 0.5))
                reassign()
            case "pause":
                process.pause()
                await asyncio.sleep(chance.uniform(0, 0.6))
                reassign()
                loop.call_later(chance.uniform(0, 2.5), process.resume)
            case "nap":
                process.pause()
                loop.call_later(chance.uniform(0, 0.6), process.resume)
            case "rebalance":
                reassign()
            case "skew":
                process.skew = chance.uniform(-1, 1)

    def _trouble_gateway(self, kind: str, chance: random.Random) -> None:
        machine = chance.choice([one for one in self._world.gateways if not one.process.crashed])
        loop = asyncio.get_running_loop()
        if kind == "crash":
            machine.process.crash()
            self._world.start_gateway()
        elif kind in {"pause", "nap"}:
            machine.process.pause()
            loop.call_later(chance.uniform(0, 3), machine.process.resume)
        elif kind == "skew":
            machine.process.skew = chance.uniform(-1, 1)
