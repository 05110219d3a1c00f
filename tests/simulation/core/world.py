"""One seeded run of the whole core: customers, gateways, order core, venue, projection, and what befalls them."""

import asyncio
import random
from collections import Counter
from typing import Any, Final

from storage.controls.announce import Announcer
from storage.log.port import AppendUnknown, LogUnavailable, Message
from storage.log.valid_records import newest_claim
from storage.models.accounts import Limits
from storage.models.controls import Fault, Halt, identity_of
from storage.models.order_commands import Deposit, SetLimits, VenueFilled
from storage.models.ownership import not_applied
from storage.mongo.controls import StoredControl
from storage.mongo.failures import StoreUnavailable
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, VENUE_REPORTS, VENUE_REQUESTS
from streams.orders.owner_rules import message_of
from tests.simulation.core import machines
from tests.simulation.core.books import Books, Wrong
from tests.simulation.core.clients import Customer
from tests.simulation.core.ends import check_end
from tests.simulation.core.machines import TOPICS, GatewayMachine, OwnerMachine, Parts, Place, ProcessClock, start
from tests.simulation.core.projecting import ReaderSeat
from tests.simulation.core.shelves import ControlShelf, Shelves
from tests.simulation.core.street import ACCOUNTS, COIN, CONTROLS, LIMITS, SECOND, Feed, open_accounts, start_of
from tests.simulation.owner.faults import RATES, Faults, Process
from tests.simulation.owner.group import Group
from tests.simulation.owner.simulated_log import Broker, SimulatedLog

ACTIONS: Final = 10
LATEST_WRITE: Final = 3.2
LOOKS: Final = 15
WEATHERS: Final = (0.2, 0.6, 1.0)
"""How much of everything befalls a run: what is always in trouble seldom comes to trade."""
TROUBLES: Final = ("crash", "pause", "nap", "rebalance", "skew", "outage")
KINDS: Final = (*RATES, *TROUBLES, "halt", "connector", "stale", "stray", "long ago")
"""Every kind of fault that a run may have; each can be left out."""


class World:
    """One run. `without` are the kinds of faults that it goes without, `actions` what each customer asks."""

    def __init__(
        self, seed: int, parts: Parts | None = None, *, actions: int = ACTIONS, without: frozenset[str] = frozenset()
    ) -> None:
        self.seed, self._actions, self._without = seed, actions, without
        self.faults = Faults()
        self._weather = self._chance("weather").choice(WEATHERS)
        for rate in RATES:
            share = 0.0 if rate in without else self._weather * getattr(self.faults, rate)
            setattr(self.faults, rate, share)
        self.met: Counter[str] = self.faults.met
        self.broker = Broker(*(spec.name for spec in TOPICS))
        self.failures: list[BaseException] = []
        self._jump = 0
        self._start, is_near = start_of(self._chance("start"))
        parts = parts or Parts()
        self.place = Place(self.broker, parts.store(), parts.store(), Shelves(), self.now, parts, self.failures.append)
        self.orders, self.venues = Group(self.broker, ORDER_COMMANDS), Group(self.broker, VENUE_REQUESTS)
        self.readers = Group(self.broker, ORDER_EVENTS)
        self.cores: list[OwnerMachine] = []
        self.exchanges: list[OwnerMachine] = []
        self.projections: list[Process] = []
        self._reader_seats: dict[str, ReaderSeat] = {}
        self.gateways: list[GatewayMachine] = []
        self.halted: list[tuple[int, int]] = []
        self.books = Books(self.broker, self.place.shelves)
        self.customers = [Customer(name, self, self._chance(name), 0.5 if is_near else 0.1) for name in ACCOUNTS]
        self._feed = Feed(self.broker, self._chance("feed"), self.now)
        self._processes = 0
        self._left_over = False

    def _chance(self, name: str) -> random.Random:
        return random.Random(f"{self.seed}/{name}")  # noqa: S311

    def now(self) -> int:
        """The true time (ns)."""
        return self._start + self._jump + round(asyncio.get_running_loop().time() * SECOND)

    async def run(self) -> None:
        """The run with faults, and then its end without. Raises `Wrong`."""
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: self._failed(context))
        try:
            await self._run()
        finally:
            for process in self._all_processes():
                process.ended = True

    async def _run(self) -> None:
        self._open()
        ruling = start(self.place, self._rule())
        troubles = [ruling, start(self.place, self._trouble()), start(self.place, self._stray())]
        await self._act()
        self._left_over = not ruling.done()
        for task in troubles:
            task.cancel()
        await asyncio.gather(*troubles, return_exceptions=True)
        await self._heal()
        self._look()
        check_end(self)

    def _open(self) -> None:
        self.broker.landed = self.books.landed
        self.place.shelves.wrote = self.books.written
        for document in CONTROLS:
            stored = StoredControl(1, document, 0, pending=False)
            self.place.shelves.kinds["controls"][identity_of(document)] = stored
        open_accounts(self.broker)
        start(self.place, self._feed.run())
        self.orders.records_length = lambda: len(self.broker.records[ORDER_EVENTS])
        self.venues.records_length = lambda: len(self.broker.records[VENUE_REPORTS])
        self.orders.assign(self.start_core().seat)
        self.venues.assign(self.start_venue().seat)
        self.readers.assign(self.start_projection())
        for _ in range(2):
            self.start_gateway()

    def _process(self, role: str) -> Process:
        self._processes += 1
        name = f"{role}{self._processes}"
        process = Process(name, self._chance(name), self.faults)
        if "skew" not in self._without:
            process.skew = process.random.choice((0.0, 0.0, 0.0, -0.3, 0.3))
        return process

    def start_core(self) -> OwnerMachine:
        """A new process of role `orders`."""
        self.cores.append(machines.order_core(self.place, self._process("core"), self.orders))
        return self.cores[-1]

    def start_venue(self) -> OwnerMachine:
        """A new process of role `venues`."""
        self.exchanges.append(machines.venue(self.place, self._process("venue"), self.venues, self.seed))
        return self.exchanges[-1]

    def start_projection(self) -> ReaderSeat:
        """A new process of role `projection`."""
        process = self._process("projection")
        self.projections.append(process)
        seat = ReaderSeat(
            self.readers, process, machines.projection(self.place, process), lambda: self._projection_ended(process)
        )
        self._reader_seats[process.name] = seat
        return seat

    def start_gateway(self) -> GatewayMachine:
        """A new gateway."""
        self.gateways.append(machines.gateway(self.place, self._process("gateway")))
        return self.gateways[-1]

    def gateway(self) -> GatewayMachine:
        """One that a customer reaches."""
        living = [one for one in self.gateways if not one.process.crashed]
        return self._chance_of_customers.choice(living)

    @property
    def _chance_of_customers(self) -> random.Random:
        return self.customers[0]._random

    def _projection_ended(self, process: Process) -> None:
        """A process that has ended is started anew somewhere."""
        process.crash()
        if self.readers.member is process:
            self.readers.assign(self.start_projection())

    async def _act(self) -> None:
        """What customers ask, in bursts and with pauses."""
        chance = self._chance("actions")
        for _ in range(self._actions):
            await asyncio.sleep(chance.choice((0.0, 0.0, 0.02, 0.2, 0.7)))
            chance.choice(self.customers).act()
        await asyncio.sleep(chance.uniform(0, 2))

    async def _trouble(self) -> None:
        """Crashes, pauses with and without a take-over, rebalances, outages."""
        chance = self._chance("troubles")
        await asyncio.sleep(chance.uniform(0, 0.3))
        while True:
            await asyncio.sleep(chance.uniform(0.1, 1.2) / self._weather)
            role = chance.choice(("core", "core", "venue", "venue", "projection", "gateway"))
            kind = chance.choice(TROUBLES)
            if kind in self._without:
                continue
            self.met[kind] += 1
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
        usual = getattr(self.faults, rate)
        if usual < 1:
            setattr(self.faults, rate, 1.0)
            asyncio.get_running_loop().call_later(chance.uniform(0.1, 1.0), self._end_outage, rate, usual)

    def _end_outage(self, rate: str, usual: float) -> None:
        if getattr(self.faults, rate):
            setattr(self.faults, rate, usual)

    async def _trouble_owner(self, role: str, kind: str, chance: random.Random) -> None:
        group, every, begin = (
            (self.orders, self.cores, self.start_core)
            if role == "core"
            else (self.venues, self.exchanges, self.start_venue)
        )
        living = [one for one in every if not one.process.crashed]
        machine = next((one for one in living if one.process is group.member), None) or chance.choice(living)

        def reassign() -> None:
            if group.member is machine.process:
                others = [one for one in every if one is not machine and one.process.runs]
                group.assign(chance.choice(others).seat if others else begin().seat)

        await self._strike(machine.process, kind, chance, reassign)

    async def _trouble_reader(self, kind: str, chance: random.Random) -> None:
        process = self.readers.member
        if process is None:
            return

        def reassign() -> None:
            if self.readers.member is process:
                others = [one for one in self.projections if one is not process and one.runs]
                seat = self._reader_seats[chance.choice(others).name] if others else self.start_projection()
                self.readers.assign(seat)

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
        machine = chance.choice([one for one in self.gateways if not one.process.crashed])
        loop = asyncio.get_running_loop()
        if kind == "crash":
            machine.process.crash()
            self.start_gateway()
        elif kind in {"pause", "nap"}:
            machine.process.pause()
            loop.call_later(chance.uniform(0, 3), machine.process.resume)
        elif kind == "skew":
            machine.process.skew = chance.uniform(-1, 1)

    async def _rule(self) -> None:
        """People halt trading and lift it, break connectors, and a feed falls silent; now and then."""
        chance, process = self._chance("rules"), self._process("admin")
        log = SimulatedLog(self.broker, process)
        announcer = Announcer(log, ControlShelf(self.place.shelves, process), ProcessClock(process, self.now))  # type: ignore[arg-type]
        for number in range(chance.choice((0, 1, 2))):
            await asyncio.sleep(chance.uniform(0.2, 2))
            kind = chance.choice(("halt", "halt", "connector", "stale"))
            if kind in self._without:
                continue
            self.met[kind] += 1
            if kind == "stale":
                self._feed.stale = True
                asyncio.get_running_loop().call_later(chance.uniform(0.3, 1.5), self._feed_again)
            elif kind == "halt":
                scope, target = chance.choice(
                    (("platform", ""), ("account", "acc_a"), ("symbol", COIN), ("venue", "X"))
                )
                halt = Halt(f"halt{number}", scope, target, chance.choice(("reducing", "halted")))
                await self._change(announcer, log, halt)
                await asyncio.sleep(chance.uniform(0.1, 1))
                await self._change(announcer, log, Halt(halt.halt_id, scope, target, halt.level, lifted=True))
            else:
                await self._change(announcer, log, Fault("sim-a", chance.choice(("refuse", "timeout", "down"))))
                await asyncio.sleep(chance.uniform(0.2, 1.5))
                await self._change(announcer, log, Fault("sim-a", "none"))

    def _feed_again(self) -> None:
        self._feed.stale = False

    async def _change(self, announcer: Announcer, log: SimulatedLog, document: Any) -> None:
        """Change a control, and wait for a while until every owner says that it applies it.

        It may take until the next record: an owner whose own lost claim has come late is superseded by it, and does not
        see it before it appends.
        """
        while True:
            try:
                version = await announcer.change([document])
                newest = await newest_claim(log, ORDER_EVENTS, 0, self.place.order_store.floor.anchor)
            except (StoreUnavailable, LogUnavailable, AppendUnknown):
                await asyncio.sleep(0.1)
            else:
                break
        chance = self._chance("announcing")
        for _ in range(LOOKS):
            reports = [report for one in self.cores if not one.process.crashed for report in one.reports()]
            await asyncio.sleep(chance.choice((0.0, 0.05, 0.3)))
            if not not_applied(version, {0: newest}, reports):
                self.halted.append((version, len(self.broker.records[ORDER_EVENTS])))
                return

    async def _stray(self) -> None:
        """What nobody of ours has sent: a report about nothing, a command that is none; an operator's limits."""
        chance = self._chance("strays")
        if "stray" in self._without:
            return
        for number in range(chance.choice((0, 0, 1, 2))):
            await asyncio.sleep(chance.uniform(0.1, 3))
            self.met["stray"] += 1
            account_id = chance.choice(list(ACCOUNTS))
            match chance.choice(("report", "junk", "limits", "deposit")):
                case "report":
                    fill = VenueFilled(
                        command_id=f"stray{number}",
                        account_id=account_id,
                        order_id="ord_stray",
                        fill_id="f",
                        price="1",
                        quantity="1",
                    )
                    self.broker.land(ORDER_COMMANDS, [message_of(fill)])
                case "junk":
                    self.broker.land(ORDER_COMMANDS, [Message(account_id.encode(), b'{"type":"Nonsense"}')])
                case "limits":
                    limits = SetLimits(command_id=f"limits{number}", account_id=account_id, limits=Limits(**LIMITS))
                    self.broker.land(ORDER_COMMANDS, [message_of(limits)])
                case "deposit":
                    money = Deposit(command_id=f"money{number}", account_id=account_id, currency="USD", amount="17.5")
                    self.broker.land(ORDER_COMMANDS, [message_of(money)])

    async def _heal(self) -> None:
        """No more faults; everybody is answered, everything is canceled, and all that is told has arrived."""
        self.faults.heal()
        for process in self._all_processes():
            process.resume()
        self._feed.stale = False
        self._staff()
        lifting = start(self.place, self._lift())
        for customer in self.customers:
            customer.patient = True
        await self._until(
            lambda: lifting.done() and not any(customer.waiting for customer in self.customers), "answers"
        )
        for _ in range(12):
            await self._until(self._is_quiet, "rest")
            if not self.books.open_orders():
                break
            for customer in self.customers:
                customer.cancel_all()
            await self._until(lambda: not any(customer.waiting for customer in self.customers), "answers to cancels")
            await asyncio.sleep(1)
        else:
            raise Wrong(f"orders are open that were canceled: {self.books.open_orders()}")
        await asyncio.sleep(1.5)
        await self._until(self._is_quiet, "rest")
        if self._chance("long ago").random() < 0.1 and "long ago" not in self._without:
            self.met["long ago"] += 1
            self._jump = 700 * SECOND
            for customer in self.customers:
                customer.repeat_all()
            await self._until(lambda: not any(customer.waiting for customer in self.customers), "answers of long ago")
            await self._until(self._is_quiet, "rest")

    def _staff(self) -> None:
        """Somebody has each partition."""
        for group, begin in ((self.orders, self.start_core), (self.venues, self.start_venue)):
            if group.member is None or group.member.crashed:
                group.assign(begin().seat)
        if self.readers.member is None or self.readers.member.crashed:
            self.readers.assign(self.start_projection())

    async def _lift(self) -> None:
        """Whatever people have ruled is over. What they were about to write when they were called off may come late."""
        if self._left_over:
            await asyncio.sleep(LATEST_WRITE)
        process = self._process("admin")
        log = SimulatedLog(self.broker, process)
        announcer = Announcer(log, ControlShelf(self.place.shelves, process), ProcessClock(process, self.now))  # type: ignore[arg-type]
        for stored in list(self.place.shelves.kinds["controls"].values()):
            document = stored.document
            if isinstance(document, Halt) and not document.lifted:
                await self._change(
                    announcer, log, Halt(document.halt_id, document.scope, document.target, document.level, lifted=True)
                )
            elif isinstance(document, Fault) and document.fault != "none":
                await self._change(announcer, log, Fault(document.connector, "none"))

    async def _until(self, holds: Any, what: str) -> None:
        for _ in range(400):
            self._look()
            if holds():
                return
            await asyncio.sleep(0.15)
        raise Wrong(f"no {what} after a minute without faults")

    def _look(self) -> None:
        if self.books.broken is not None:
            raise self.books.broken
        if self.failures:
            raise Wrong(f"a process failed: {self.failures[0]!r}") from self.failures[0]

    def _is_quiet(self) -> bool:
        """Whether all that was told is decided, all that was decided is relayed and projected, and nothing is due."""
        broker = self.broker
        return (
            self.books.all_decided()
            and self.books.all_relayed()
            and not self.books.overdue(self.now())
            and self.readers.committed >= len(broker.records[ORDER_EVENTS])
        )

    def _all_processes(self) -> list[Process]:
        owners = [machine.process for machine in (*self.cores, *self.exchanges)]
        return [*owners, *self.projections, *(machine.process for machine in self.gateways)]

    def _failed(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None and not isinstance(error, StoreUnavailable | LogUnavailable):
            self.failures.append(error)
