"""One seeded run of the whole core: customers, gateways, order core, venue, projection, and what befalls them."""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Final

from storage.log.port import LogUnavailable
from storage.models.controls import identity_of
from storage.mongo.controls import StoredControl
from storage.mongo.failures import StoreUnavailable
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, VENUE_REPORTS, VENUE_REQUESTS
from tests.simulation.core import machines
from tests.simulation.core.books import Books, Wrong
from tests.simulation.core.clients import Customer
from tests.simulation.core.ends import check_end
from tests.simulation.core.machines import TOPICS, GatewayMachine, OwnerMachine, Parts, Place, start
from tests.simulation.core.projecting import ReaderSeat
from tests.simulation.core.rulings import Rulings
from tests.simulation.core.shelves import Shelves
from tests.simulation.core.street import ACCOUNTS, CONTROLS, SECOND, Feed, open_accounts, start_of
from tests.simulation.core.troubles import TROUBLES, Troubles
from tests.simulation.owner.faults import RATES, Faults, Process
from tests.simulation.owner.group import Group
from tests.simulation.owner.simulated_log import Broker

ACTIONS: Final = 10
STANDBYS: Final = 0.3
"""In this share of the runs a second order core waits from the beginning; otherwise it is started when it is needed."""
WEATHERS: Final = (0.2, 0.6, 1.0)
"""How much of everything befalls a run: what is always in trouble seldom comes to trade."""
KINDS: Final = (*RATES, *TROUBLES, "halt", "connector", "stale", "stray", "long ago")
"""Every kind of fault that a run may have; each can be left out."""


class World:
    """One run. `without` are the kinds of faults that it goes without, `actions` what each customer asks."""

    def __init__(
        self, seed: int, parts: Parts | None = None, *, actions: int = ACTIONS, without: frozenset[str] = frozenset()
    ) -> None:
        self.seed, self._actions, self.without = seed, actions, without
        self.faults = Faults()
        self.weather = self.chance("weather").choice(WEATHERS)
        for rate in RATES:
            share = 0.0 if rate in without else self.weather * getattr(self.faults, rate)
            setattr(self.faults, rate, share)
        self.met: Counter[str] = self.faults.met
        self.broker = Broker(*(spec.name for spec in TOPICS))
        self.failures: list[BaseException] = []
        self._jump = 0
        self._start, is_near = start_of(self.chance("start"))
        parts = parts or Parts()
        self.place = Place(self.broker, parts.store(), parts.store(), Shelves(), self.now, parts, self.failures.append)
        self.orders, self.venues = Group(self.broker, ORDER_COMMANDS), Group(self.broker, VENUE_REQUESTS)
        self.readers = Group(self.broker, ORDER_EVENTS)
        self.cores: list[OwnerMachine] = []
        self.exchanges: list[OwnerMachine] = []
        self.projections: list[Process] = []
        self.reader_seats: dict[str, ReaderSeat] = {}
        self.gateways: list[GatewayMachine] = []
        self.halted: list[tuple[int, int]] = []
        self.books = Books(self.broker, self.place.shelves)
        self.customers = [Customer(name, self, self.chance(name), 0.5 if is_near else 0.1) for name in ACCOUNTS]
        self.feed = Feed(self.broker, self.chance("feed"), self.now)
        self._processes = 0

    def chance(self, name: str) -> random.Random:
        """A source of chance of its own, so that what one does moves nobody else."""
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
        rulings = Rulings(self)
        ruling = start(self.place, rulings.rule())
        troubles = [ruling, start(self.place, Troubles(self).run()), start(self.place, rulings.stray())]
        await self._act()
        left_over = not ruling.done()
        for task in troubles:
            task.cancel()
        await asyncio.gather(*troubles, return_exceptions=True)
        await self._heal(rulings.lift(left_over=left_over))
        self._look()
        check_end(self)

    def _open(self) -> None:
        self.broker.landed = self.books.landed
        self.place.shelves.wrote = self.books.written
        for document in CONTROLS:
            stored = StoredControl(1, document, 0, pending=False)
            self.place.shelves.kinds["controls"][identity_of(document)] = stored
        open_accounts(self.broker)
        start(self.place, self.feed.run())
        self.orders.records_length = lambda: len(self.broker.records[ORDER_EVENTS])
        self.venues.records_length = lambda: len(self.broker.records[VENUE_REPORTS])
        self.orders.assign(self.start_core().seat)
        if self.chance("standby").random() < STANDBYS:
            self.start_core()
        self.venues.assign(self.start_venue().seat)
        self.readers.assign(self.start_projection())
        for _ in range(2):
            self.start_gateway()

    def process(self, role: str) -> Process:
        """A new process."""
        self._processes += 1
        name = f"{role}{self._processes}"
        process = Process(name, self.chance(name), self.faults)
        if "skew" not in self.without:
            process.skew = process.random.choice((0.0, 0.0, 0.0, -0.3, 0.3))
        return process

    def start_core(self) -> OwnerMachine:
        """A new process of role `orders`."""
        self.cores.append(machines.order_core(self.place, self.process("core"), self.orders))
        return self.cores[-1]

    def start_venue(self) -> OwnerMachine:
        """A new process of role `venues`."""
        self.exchanges.append(machines.venue(self.place, self.process("venue"), self.venues, self.seed))
        return self.exchanges[-1]

    def start_projection(self) -> ReaderSeat:
        """A new process of role `projection`."""
        process = self.process("projection")
        self.projections.append(process)
        seat = ReaderSeat(
            self.readers, process, machines.projection(self.place, process), lambda: self._projection_ended(process)
        )
        self.reader_seats[process.name] = seat
        return seat

    def start_gateway(self) -> GatewayMachine:
        """A new gateway."""
        self.gateways.append(machines.gateway(self.place, self.process("gateway")))
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
        chance = self.chance("actions")
        for _ in range(self._actions):
            await asyncio.sleep(chance.choice((0.0, 0.0, 0.02, 0.2, 0.7)))
            chance.choice(self.customers).act()
        await asyncio.sleep(chance.uniform(0, 2))

    async def _heal(self, lift: Coroutine[Any, Any, None]) -> None:
        """No more faults; everybody is answered, everything is canceled, and all that is told has arrived."""
        self.faults.heal()
        for process in self._all_processes():
            process.resume()
        self.feed.stale = False
        self._staff()
        lifting = start(self.place, lift)
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
        if self.chance("long ago").random() < 0.1 and "long ago" not in self.without:
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
