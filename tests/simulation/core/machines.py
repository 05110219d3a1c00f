"""The processes of a run: each role wired of the real components over the simulated log and store."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Protocol

from gateway.callers import Caller
from gateway.trading.account_writes import AccountWrites
from gateway.trading.amend import Amending
from gateway.trading.cancel import Canceling
from gateway.trading.deciding import Deciding
from gateway.trading.place import Placing
from gateway.trading.requests import OrderRequestBook
from gateway.trading.room import room_for_orders
from ops.processes.order_parts import _Surroundings
from ops.runtime.metrics import Metrics
from storage.controls.announce import Announcer
from storage.controls.tail import ControlsTail
from storage.decisions.decisions import Decisions
from storage.log.port import Message, Record
from storage.models.ownership import PartitionReport
from storage.models.tenants import ALL_SCOPES
from storage.topics import (
    ORDER_COMMANDS,
    ORDER_EVENTS,
    RISK_SIGNALS,
    VENUE_REPORTS,
    VENUE_REQUESTS,
    Topics,
)
from streams.orders.board import MarketBoard
from streams.orders.market_tail import MarketTail
from streams.orders.owner_rules import OrderRules
from streams.orders.projection.orders_processor import OrdersProcessor
from streams.orders.projection.read_models import ReadModels
from streams.orders.relays import risk_signals, venue_requests
from streams.owner.own_records import OwnRecords
from streams.owner.owner import Owner
from streams.owner.ports import OwnerOptions, OwnerPorts, OwnerTopics
from streams.owner.relay import Relay
from streams.owner.relayed import RelayedOwner
from streams.venues.calls import VenueCalls
from streams.venues.check_results import CheckResults
from streams.venues.quotes_tail import QuotesTail
from streams.venues.relays import order_commands
from streams.venues.simulated.board import FeedBoard
from streams.venues.simulated.owner import SimulatedVenueOwner, VenueObserver
from streams.venues.simulated.owner_rules import SimulatedVenueRules
from streams.venues.simulated.rules import LatencyModel, Rules
from streams.venues.simulated.surroundings import QuoteIntake, VenueClock, VenueControls
from tests.simulation.core.shelves import (
    AccountShelf,
    AnswerShelf,
    ControlShelf,
    FillShelf,
    NoQuotes,
    OrderShelf,
    PositionShelf,
    ProjectionAnchors,
    RequestShelf,
    Shelves,
)
from tests.simulation.core.street import ACCOUNTS, REFERENCE
from tests.simulation.owner.faults import Process
from tests.simulation.owner.group import Group, Seat
from tests.simulation.owner.simulated_log import Broker, SimulatedLog
from tests.simulation.owner.simulated_store import (
    SimulatedAnchors,
    SimulatedCheckpoints,
    SimulatedClaims,
    SimulatedFloors,
    Store,
)

SECOND: Final = 1_000_000_000
TOPICS: Final = Topics({spec.name: 1 for spec in Topics()})
OPTIONS: Final = OwnerOptions(in_flight=16, decide_at_once=4, waiting=16, checkpoint_seconds=0.7, checkpoint_keys=2)
LOOK_SECONDS, TICK_SECONDS, IDLE_SECONDS, RELAY_SECONDS = 0.7, 0.05, 0.25, 0.9
QUOTE_GROUP: Final = "market"
Failed = Callable[[BaseException], None]
Translate = Callable[[Record], Sequence[Message]]


@dataclass(slots=True)
class Parts:
    """What a run is built of; a planted bug takes the place of one of them."""

    log: Callable[[Broker, Process], SimulatedLog] = SimulatedLog
    store: Callable[[], Store] = Store
    order_rules: Callable[..., OrderRules] = OrderRules
    surroundings: Callable[..., Any] = _Surroundings
    seat: Callable[[Group, Process, Any], Seat] = Seat
    relay: Callable[..., Relay] = Relay
    requests: Callable[[Shelves, Process], RequestShelf] = RequestShelf
    read_models: Callable[..., ReadModels] = ReadModels
    orders: Callable[[Shelves, Process], OrderShelf] = OrderShelf


@lru_cache(1)
def metrics() -> Metrics:
    """One for all runs: nobody reads it here."""
    return Metrics()


class ProcessClock:
    """Time with the process's skew. `base` is what all clocks have in common (ns)."""

    def __init__(self, process: Process, base: Callable[[], int]) -> None:
        self._process, self._base = process, base

    def now(self) -> int:
        return self._base() + round(self._process.skew * SECOND)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Numbers:
    """Ids of one process, the same in every replay."""

    def __init__(self, process: Process) -> None:
        self._process, self._last = process, 0

    def new(self, prefix: str) -> str:
        self._last += 1
        return f"{prefix}_{self._process.name}_{self._last}"

    def event_id(self) -> str:
        return self.new("event")


@dataclass(slots=True)
class Place:
    """Everything that outlives a process."""

    broker: Broker
    order_store: Store
    venue_store: Store
    shelves: Shelves
    now: Callable[[], int]
    parts: Parts
    failed: Failed


class Machine(Protocol):
    """One process."""

    process: Process


@dataclass(slots=True)
class OwnerMachine:
    """A process of role `orders` or `venues`."""

    process: Process
    owner: Any
    seat: Seat
    reports: Callable[[], list[PartitionReport]]


@dataclass(slots=True)
class GatewayMachine:
    """A gateway without its sockets: the handlers of the write routes."""

    process: Process
    clock: ProcessClock
    numbers: Numbers
    handlers: dict[tuple[str, str], Callable[..., Coroutine[Any, Any, Any]]]
    callers: dict[str, Caller] = field(default_factory=dict)


def _ownership(place: Place, store: Store, process: Process) -> tuple[Any, Any, Any]:
    return SimulatedCheckpoints(store, process), SimulatedFloors(store, process), SimulatedClaims(store, process)


def start(place: Place, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Run in the background of a process; what it raises is a finding."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: _tell(place, done))
    return task


def _tell(place: Place, done: "asyncio.Future[Any]") -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        place.failed(error)


def _relays(
    place: Place, log: SimulatedLog, source: str, own: OwnRecords, translated: Mapping[str, Translate]
) -> list[Relay]:
    store = place.order_store if source == ORDER_EVENTS else place.venue_store
    return [
        place.parts.relay(
            log,
            source=source,
            partition=0,
            target=target,
            translate=translate,
            anchors=SimulatedAnchors(store, log.process, f"{target} relay"),
            own=own,
            progress_seconds=RELAY_SECONDS,
        )
        for target, translate in translated.items()
    ]


def order_core(place: Place, process: Process, group: Group) -> OwnerMachine:
    """Role `orders`, as ops/processes/order_parts.py wires it."""
    log, clock = place.parts.log(place.broker, process), ProcessClock(process, place.now)
    documents = ControlShelf(place.shelves, process)
    board = MarketBoard(
        lambda symbol: REFERENCE.calendar_of(symbol) if symbol in REFERENCE.instruments else None, lambda *_: None
    )
    market = MarketTail(
        log, board, NoQuotes(), clock, quote_group=QUOTE_GROUP, look_seconds=LOOK_SECONDS, retry_seconds=0.3
    )
    controls = ControlsTail(log, documents)  # type: ignore[arg-type]
    controls.failure.add_done_callback(lambda done: _tell(place, done))
    surroundings = place.parts.surroundings(controls, market)
    own = OwnRecords(log, TOPICS[ORDER_EVENTS])
    ports = OwnerPorts(
        log, *_ownership(place, place.order_store, process), surroundings, clock, Numbers(process), own=own
    )
    rules = place.parts.order_rules(board, controls)
    owner = Owner(rules, ports, OwnerTopics(ORDER_COMMANDS, ORDER_EVENTS), OPTIONS)
    translated = {VENUE_REQUESTS: venue_requests, RISK_SIGNALS: risk_signals}
    relayed = RelayedOwner(owner, lambda partition: _relays(place, log, ORDER_EVENTS, own, translated))
    relayed.failure.add_done_callback(lambda done: _tell(place, done))
    start(place, market.run())
    start(place, Announcer(log, documents, clock).run())  # type: ignore[arg-type]
    return OwnerMachine(process, relayed, place.parts.seat(group, process, relayed), relayed.reports)


class SimulatedClock(VenueClock):
    """The venue's clock, asked when something is due, and standing still while its process does."""

    process: Process

    async def run(self) -> None:
        while True:
            await self.process.gate()
            self.tick()
            await asyncio.sleep(self._seconds())

    def _seconds(self) -> float:
        coming = self._rules._agenda._heap
        if not coming:
            return IDLE_SECONDS
        return min(max((coming[0][0] - self._clock.now()) / SECOND, TICK_SECONDS), IDLE_SECONDS)


def venue(place: Place, process: Process, group: Group, seed: int) -> OwnerMachine:
    """Role `venues`, as ops/processes/venue_parts.py wires it."""
    log, clock = place.parts.log(place.broker, process), ProcessClock(process, place.now)
    latency = (LatencyModel(), LatencyModel(20, 80, seed))[seed % 3 == 0]
    rules = SimulatedVenueRules(FeedBoard(REFERENCE, Rules(latency=latency)))
    quotes = QuotesTail(log, NoQuotes(), quote_group=QUOTE_GROUP)
    followed = ControlsTail(log, ControlShelf(place.shelves, process))  # type: ignore[arg-type]
    controls = VenueControls(followed, quotes, rules, lambda: REFERENCE)
    calls, results = VenueCalls(metrics(), clock), CheckResults(_NoResults())
    own = OwnRecords(log, TOPICS[VENUE_REPORTS])
    ports = OwnerPorts(
        log,
        *_ownership(place, place.venue_store, process),
        controls,
        clock,
        Numbers(process),
        VenueObserver(calls, results),
        own,
    )
    owner = Owner(rules, ports, OwnerTopics(VENUE_REQUESTS, VENUE_REPORTS), OPTIONS)
    translated = {ORDER_COMMANDS: order_commands}
    relayed = RelayedOwner(
        SimulatedVenueOwner(owner, rules, quotes, calls, TOPICS),
        lambda partition: _relays(place, log, VENUE_REPORTS, own, translated),
    )
    for failure in (relayed.failure, followed.failure):
        failure.add_done_callback(lambda done: _tell(place, done))
    start(place, quotes.run(QuoteIntake(rules, owner.aside, TOPICS, lambda: REFERENCE)))
    ticking = SimulatedClock(rules, controls, owner.aside, TOPICS, clock)
    ticking.process = process
    start(place, ticking.run())
    return OwnerMachine(process, relayed, place.parts.seat(group, process, relayed), relayed.reports)


class _NoResults:
    async def put(self, check: object) -> None:
        raise AssertionError("nobody asks for checks of connectors here")


def projection(place: Place, process: Process) -> OrdersProcessor:
    """Role `projection`, as ops/processes/projection_parts.py wires it."""
    shelves = place.shelves
    models = place.parts.read_models(
        orders=place.parts.orders(shelves, process),
        positions=PositionShelf(shelves, process),
        fills=FillShelf(shelves, process),
        answers=AnswerShelf(shelves, process),
        accounts=AccountShelf(shelves, process),
    )
    return OrdersProcessor(
        models=models,
        anchors=ProjectionAnchors(shelves, process, "projection"),
        log=place.parts.log(place.broker, process),
        clock=ProcessClock(process, place.now),
        metrics=metrics(),
    )


def gateway(place: Place, process: Process) -> GatewayMachine:
    """A gateway, as gateway/trading/routes.py registers its writes."""
    log, clock, numbers = place.parts.log(place.broker, process), ProcessClock(process, place.now), Numbers(process)
    store, shelves = place.order_store, place.shelves
    decisions = Decisions(log, TOPICS, SimulatedClaims(store, process), SimulatedFloors(store, process))
    answers, orders = AnswerShelf(shelves, process), OrderShelf(shelves, process)
    room = room_for_orders()
    book = OrderRequestBook(place.parts.requests(shelves, process), numbers, room)
    deciding = Deciding(decisions, answers, AccountShelf(shelves, process), room)
    placing = Placing(book, deciding, lambda: REFERENCE)
    canceling = Canceling(book, deciding, orders, lambda: REFERENCE)
    account, amending = AccountWrites(book, deciding), Amending(book, deciding, answers, orders)
    start(place, decisions.run())
    handlers: dict[tuple[str, str], Any] = {
        ("POST", "/v1/orders"): placing.one,
        ("POST", "/v1/orders/batch"): placing.batch,
        ("PATCH", "/v1/orders/"): amending.one,
        ("POST", "/v1/orders/cancel"): canceling.selected,
        ("POST", "/v1/orders/cancel-all"): canceling.all,
        ("POST", "/v1/orders/cancel-all-after"): account.cancel_all_after,
        ("PUT", "/v1/accounts/trading-state"): account.trading_state,
    }
    callers = {
        account_id: Caller("key", tenant_id, account_id, frozenset(ALL_SCOPES), "en-US")
        for account_id, tenant_id in ACCOUNTS.items()
    }
    return GatewayMachine(process, clock, numbers, handlers, callers)
