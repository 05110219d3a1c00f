"""A seeded run of real owners over a simulated log: commands, repeats, crashes, pauses, take-overs, halts, and relays."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from storage.log.port import LogUnavailable
from storage.log.valid_records import newest_claim
from storage.models.ownership import Anchor, PartitionReport, not_applied
from storage.mongo.failures import StoreUnavailable
from streams.owner.owner import Owner
from streams.owner.ports import OwnerOptions, OwnerPorts, OwnerTopics
from streams.owner.relay import Relay
from tests.simulation.owner.faults import Faults, Process
from tests.simulation.owner.group import Group, Seat
from tests.simulation.owner.ledger import SECOND, Ask, Happened, Ledger, happened, message_of
from tests.simulation.owner.simulated_log import Broker, SimulatedLog
from tests.simulation.owner.simulated_store import (
    SimulatedAnchors,
    SimulatedCheckpoints,
    SimulatedClaims,
    SimulatedFloors,
    Store,
)

COMMANDS, RECORDS, RELAYED = "commands", "records", "relayed"
TOPICS = OwnerTopics(COMMANDS, RECORDS)
START = 1_700_000_000 * SECOND
MEMORY = 2 * SECOND
OPTIONS = OwnerOptions(in_flight=8, decide_at_once=3, waiting=8, checkpoint_seconds=0.4, checkpoint_keys=2)


class Wrong(AssertionError):
    """Something that must never be."""


class Controls:
    """The controls as one process sees them: late, unless it has just caught up."""

    def __init__(self, world: "World", process: Process) -> None:
        self._world, self._process = world, process
        self.version = 0
        self._task = asyncio.create_task(self._tail())

    async def catch_up(self) -> None:
        await self._process.travel()
        await self._process.gate()
        self.version = self._world.controls

    async def _tail(self) -> None:
        while True:
            await asyncio.sleep(self._process.random.uniform(0.01, 0.8))
            await self._process.gate()
            self.version = self._world.controls


class ProcessClock:
    """Time with a skew."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> int:
        return START + round((asyncio.get_running_loop().time() + self._process.skew) * SECOND)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Numbers:
    """Event ids."""

    def new(self, prefix: str) -> str:
        return prefix

    def event_id(self) -> str:
        return "event"


@dataclass(slots=True)
class Machine:
    """One process with an owner."""

    process: Process
    log: SimulatedLog
    ports: OwnerPorts
    owner: Owner[Any, Any, Any]
    seat: Seat
    relaying: "asyncio.Task[None] | None" = None


@dataclass(slots=True)
class Parts:
    """What a run is built of; a test double takes the place of one of them to switch a rule off."""

    rules: Callable[[ProcessClock], Ledger] = lambda clock: Ledger(MEMORY)
    log: Callable[[Broker, Process], SimulatedLog] = SimulatedLog
    store: Callable[[], Store] = Store
    seat: Callable[[Group, Process, Owner[Any, Any, Any]], Seat] = Seat
    controls: Callable[["World", Process], Controls] = Controls
    relay: Callable[..., Relay] = Relay
    reports: Callable[[Machine], list[PartitionReport]] = lambda machine: machine.owner.reports()
    anchor: Callable[[Store, int], Anchor] = lambda store, start: store.history.anchor_before(start, store.floor)


class _Observer:
    def __init__(self, world: "World") -> None:
        self._world = world

    def acknowledged(self, partition: int, offset: int, event: Happened) -> None:
        self._world.answered.append((offset, event))


class World:
    """One run. `steps` is how many commands the clients send."""

    def __init__(self, seed: int, parts: Parts | None = None, commands: int = 40) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.parts = parts or Parts()
        self.faults = Faults()
        self.broker = Broker(COMMANDS, RECORDS, RELAYED)
        self.store = self.parts.store()
        self.group = Group(self.broker, COMMANDS)
        self.group.records_length = lambda: len(self.broker.records[RECORDS])
        self.machines: list[Machine] = []
        self.answered: list[tuple[int, Happened]] = []
        self.controls = 0
        self.halted: list[
            tuple[int, int]
        ] = []  # (version, end of the records when every owner had said that it applies)
        self.failures: list[BaseException] = []
        self._commands = commands
        self._asks: list[Ask] = []
        self.rules = self.parts.rules(ProcessClock(Process("checks", self.random, self.faults)))

    async def run(self) -> None:
        """The run with faults, and then its end without."""
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: self._failed(context))
        try:
            await self._run()
        finally:
            for machine in self.machines:
                machine.process.ended = True

    async def _run(self) -> None:
        for _ in range(2):
            self.start_machine()
        self.group.assign(self.machines[0].seat)
        troubles = asyncio.create_task(self._trouble())
        halting = asyncio.create_task(self._halt())
        await self._send_commands()
        troubles.cancel()
        await self._heal()
        halting.cancel()

    def start_machine(self) -> Machine:
        """A new process that may be assigned."""
        process = Process(f"p{len(self.machines)}", self.random, self.faults)
        process.skew = self.random.choice((0.0, 0.0, -1.5, 1.5))
        log = self.parts.log(self.broker, process)
        clock = ProcessClock(process)
        ports = OwnerPorts(
            log,
            SimulatedCheckpoints(self.store, process),
            SimulatedFloors(self.store, process),
            SimulatedClaims(self.store, process),
            self.parts.controls(self, process),
            clock,
            Numbers(),
            _Observer(self),
        )
        owner = Owner(self.parts.rules(clock), ports, TOPICS, OPTIONS)
        owner.failure.add_done_callback(lambda failed: self.failures.append(failed.exception()))
        machine = Machine(process, log, ports, owner, self.parts.seat(self.group, process, owner))
        machine.relaying = asyncio.create_task(self._relay(machine))
        self.machines.append(machine)
        return machine

    @property
    def living(self) -> list[Machine]:
        return [machine for machine in self.machines if not machine.process.crashed]

    async def _send_commands(self) -> None:
        """New commands and repeats of old ones, some of them after they are forgotten."""
        chance = self.random
        for number in range(self._commands):
            await asyncio.sleep(chance.choice((0.0, 0.0, 0.02, 0.2, 0.7)))
            now = START + round(asyncio.get_running_loop().time() * SECOND)
            if self._asks and chance.random() < 0.25:
                ask = chance.choice(self._asks)
            else:
                kind = chance.choice(("add", "add", "add", "fan", "arm"))
                due = now + round(chance.uniform(0.1, 2) * SECOND)
                name = chance.choice(("api", "ws")) if kind == "arm" else ""
                ask = Ask(f"c{number}", f"account{chance.randrange(3)}", kind, 2, now, name, due if name else 0)
                self._asks.append(ask)
            self.broker.land(COMMANDS, [message_of(ask)])

    async def _trouble(self) -> None:
        """Crashes, pauses with and without a take-over, rebalances."""
        chance = self.random
        while True:
            await asyncio.sleep(chance.uniform(0.05, 1.0))
            machine = chance.choice(self.living)
            if chance.random() < 0.6:
                machine = next((each for each in self.living if each.process is self.group.member), machine)
            match chance.choice(("crash", "pause", "pause", "nap", "rebalance", "skew")):
                case "crash":
                    machine.process.crash()
                    self.start_machine()
                    await asyncio.sleep(chance.uniform(0, 0.3))
                    self._reassign_from(machine)
                case "pause":
                    machine.process.pause()
                    await asyncio.sleep(chance.uniform(0, 0.5))
                    self._reassign_from(machine)
                    asyncio.get_running_loop().call_later(chance.uniform(0, 2), machine.process.resume)
                case "nap":
                    machine.process.pause()
                    asyncio.get_running_loop().call_later(chance.uniform(0, 0.5), machine.process.resume)
                case "rebalance":
                    self.group.assign(chance.choice(self.living).seat)
                case "skew":
                    machine.process.skew = chance.uniform(-2, 2)

    def _reassign_from(self, machine: Machine) -> None:
        others = [other for other in self.living if other is not machine and other.process.runs]
        if self.group.member is machine.process and others:
            self.group.assign(self.random.choice(others).seat)

    async def _heal(self) -> None:
        """No more faults; wait until one owner has done everything."""
        self.faults.heal()
        for machine in self.living:
            machine.process.resume()
        if self.group.member is None or self.group.member.crashed:
            self.group.assign(self.living[0].seat)
        for _ in range(600):
            await asyncio.sleep(0.1)
            if self.failures:
                return
            if self.settled:
                await asyncio.sleep(6)  # late records, the last deadlines by the slowest clock, the relay
                if self.settled:
                    return
        raise Wrong("the run does not come to rest: commands are left undecided")

    @property
    def settled(self) -> bool:
        """Whether every command of the log is answered (the last one may have been read up without an answer)."""
        return self.group.committed >= len(self.broker.records[COMMANDS]) or self._all_in_records()

    def _all_in_records(self) -> bool:
        causes = {happened(record).cause for record in self.broker.records[RECORDS] if record.value}
        return len(causes - {None}) == len(self.broker.records[COMMANDS])

    async def _halt(self) -> None:
        """Announce changes of the controls, and wait until every owner says that it applies them."""
        process = Process("halter", self.random, self.faults)
        log = SimulatedLog(self.broker, process)
        while True:
            await asyncio.sleep(self.random.uniform(0.3, 1.2))
            self.controls += 1
            version = self.controls
            while True:
                newest = await self._newest_claim(log)
                reports = [report for machine in self.living for report in self.parts.reports(machine)]
                await asyncio.sleep(self.random.choice((0.0, 0.05, 0.3)))
                if not not_applied(version, {0: newest}, reports):
                    self.halted.append((version, len(self.broker.records[RECORDS])))
                    break

    async def _newest_claim(self, log: SimulatedLog) -> int:
        while True:
            try:
                return await newest_claim(log, RECORDS, 0, self.store.floor.anchor)
            except LogUnavailable:
                await asyncio.sleep(0.05)

    async def _relay(self, machine: Machine) -> None:
        """Wherever the partition is, there is a relay too; it stops late."""
        anchors = SimulatedAnchors(self.store, machine.process, "relay")
        while True:
            await asyncio.sleep(0.05)
            await machine.process.gate()
            if self.group.member is not machine.process:
                continue
            relay = self.parts.relay(
                machine.log,
                source=RECORDS,
                partition=0,
                target=RELAYED,
                translate=lambda record: [message_of(Ask(str(record.offset), "relayed", "add"))],
                anchors=anchors,
                progress_seconds=0.3,
            )
            running = asyncio.create_task(relay.run())
            while self.group.member is machine.process and not running.done():
                await asyncio.sleep(self.random.uniform(0.1, 1))
                await machine.process.gate()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def _failed(self, context: dict[str, Any]) -> None:
        if not isinstance(
            context.get("exception"), StoreUnavailable | None
        ):  # else a task of a crashed process has gone with it
            self.failures.append(context["exception"])
