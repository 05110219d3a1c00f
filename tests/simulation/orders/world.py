"""One seeded run of the order core against random clients and a scripted venue, with every fault between them.

Requests and reports are dropped, delayed, doubled and reordered; commands are repeated; the owner crashes and is rebuilt from
an old checkpoint and the records after it. After each record the ledger checks what must always hold; at the end all is
delivered and core and venue must agree.
"""

from decimal import Decimal
from random import Random
from typing import Any

from storage.models.accounts import Limits
from storage.models.order_answers import answer_of
from storage.models.order_commands import (
    AmendOrder,
    ArmDeadMan,
    CancelAll,
    CancelOrder,
    Command,
    Deposit,
    OpenAccount,
    PlaceOrder,
    SetTradingState,
    VenueUnknown,
)
from storage.models.order_events import AmendRequested, CancelRequested, CommandRepeated, OrderSent, OrderUnknown
from storage.models.order_records import OrderRecord
from storage.models.orders import Order
from streams.orders import decide as deciding
from streams.orders import evolve as evolving
from streams.orders import follow_ups
from streams.orders.life import is_open
from streams.orders.market import Market, Origin
from streams.orders.snapshot import restore, snapshot
from streams.orders.state import AccountState
from tests.simulation.orders.ledger import Broken, Ledger
from tests.simulation.orders.venue import Request, ScriptedVenue
from tests.unit.orders.trading_floor import ACCOUNT, COIN, SECOND, START, TENANT, changed_limits, controls, quote

LIMITS: Limits = changed_limits(
    orders_per_second=20, max_open_orders=12, max_order_value="5000", position_limit="20000"
)
CONTROLS = controls()
MARKETS = (("99.99", "100.01"), ("100.4", "100.6"), ("97", "97.02"))


class World:
    """`run(steps)` raises `Broken` where an invariant does not hold."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311
        self.now = START
        self.state = AccountState(ACCOUNT)
        self.ledger = Ledger()
        self.records: list[OrderRecord] = []
        self.checkpoint = (0, snapshot(self.state))
        self.venue = ScriptedVenue(ACCOUNT, self.random)
        self.requests: list[Request] = []
        self.follow_ups: list[Command] = []
        self.deadlines: dict[str, int] = {}
        self.asked: list[Command] = []
        self.answers: dict[str, Any] = {}
        self.dirty: set[str] = set()
        self.quotes = {COIN: quote(COIN, *MARKETS[0])}
        self._next = 0

    def run(self, steps: int) -> None:
        """Open the account, take random steps, and settle."""
        self._send(
            OpenAccount(command_id="o", account_id=ACCOUNT, tenant_id=TENANT, mode="s", currency="USD", limits=LIMITS)
        )
        self._send(Deposit(command_id="d", account_id=ACCOUNT, currency="USD", amount="2500.00000001"))
        choices = (
            *[self._place] * 6, *[self._amend] * 4, *[self._cancel] * 2, self._cancel_all, self._repeat, self._arm,
            self._trading_state, *[self._request] * 9, *[self._deal] * 4, *[self._report] * 11, self._query,
            *[self._time] * 3, *[self._follow] * 2, self._crash, self._move, self._decide_only,
        )  # fmt: skip
        for _ in range(steps):
            self.random.choice(choices)()
        self._settle()

    def _send(self, command: Command) -> OrderRecord:
        market = Market(self.now, CONTROLS, self.quotes)
        record = deciding.decide(self.state, command, market, Origin(0, "order-commands", len(self.records)))
        self.ledger.take(record, command.valid_until if isinstance(command, PlaceOrder) else None, self.now)
        evolving.evolve(self.state, record)
        self.ledger.compare(self.state)
        self.records.append(record)
        self._answered(command, record)
        self._emit(record)
        return record

    def _answered(self, command: Command, record: OrderRecord) -> None:
        """A repeat within memory has the first answer."""
        first = self.answers.get(command.command_id)
        if first is None:
            answer = record.events[0].answer if _repeats(record) else answer_of(record)
            self.answers[command.command_id] = (answer, self.now)
        elif self.now - first[1] < 500 * SECOND and (not _repeats(record) or record.events[0].answer != first[0]):
            raise Broken(f"the repeat of {command.command_id} was answered with {record.events}, first {first[0]}")

    def _emit(self, record: OrderRecord) -> None:
        self.follow_ups += follow_ups.follow_ups_of(record)
        for name, due in follow_ups.deadlines_in(record).items():
            self.deadlines.pop(name, None)
            if due is not None:
                self.deadlines[name] = due
        images = {order.order_id: order for order in record.orders}
        for event in record.events:
            if isinstance(event, OrderSent):
                self.requests.append(_submit(images[event.order_id], record.seq))
            elif isinstance(event, AmendRequested):
                request = Request(
                    "amend", event.order_id, record.seq, event.valid_until, price=event.price, quantity=event.quantity
                )
                self.requests.append(request)
            elif isinstance(event, OrderUnknown):
                self.requests.append(Request("query", event.order_id, record.seq, 0))
            elif isinstance(event, CancelRequested) and event.order_id is not None:
                self.requests.append(Request("cancel", event.order_id, record.seq, 0))

    def _ask(self, kind: type, **fields: Any) -> None:
        self._next += 1
        delay = self.random.choice((0, 0, 0, 1, 4)) * SECOND
        late = {"valid_until": self.now - delay + 3 * SECOND} if kind in {PlaceOrder, AmendOrder} else {}
        command = kind(command_id=f"c{self._next}", account_id=ACCOUNT, issued_at=self.now - delay, **late, **fields)
        self.asked.append(command)
        self._send(command)

    def _place(self) -> None:
        random = self.random
        kind = random.choice(("limit", "limit", "limit", "market"))
        self._ask(
            PlaceOrder,
            order_id=f"o{self._next}",
            symbol=COIN,
            side=random.choice(("buy", "sell")),
            order_type=kind,
            quantity=random.choice(("1", "2", "0.5", "7.123", "40", "0.0001")),
            price=random.choice(("99", "100", "101", "98.37", "130")) if kind == "limit" else None,
            time_in_force=random.choice((None, "GTC", "IOC")),
            reduce_only=random.random() < 0.15,
            client_order_id=f"mine-{random.randint(0, 30)}" if random.random() < 0.3 else None,
        )

    def _some_open(self) -> Order | None:
        return self.random.choice(list(self.state.orders.values())) if self.state.orders else None

    def _amend(self) -> None:
        order = self._some_open()
        if order is not None:
            price = self.random.choice((None, "99.5", "100.5", "98"))
            quantity = self.random.choice(("1", "3", "0.25", "9.999"))
            self._ask(AmendOrder, order_id=order.order_id, price=price, quantity=quantity)

    def _cancel(self) -> None:
        order = self._some_open()
        self._ask(CancelOrder, order_id=order.order_id if order else "o-unknown")

    def _cancel_all(self) -> None:
        if self.random.random() < 0.4:
            self._ask(CancelAll, spare_reduce_only=self.random.random() < 0.5)

    def _repeat(self) -> None:
        if self.asked:
            self._send(self.random.choice(self.asked[-20:]))

    def _arm(self) -> None:
        self._ask(ArmDeadMan, name=self.random.choice(("api", "ws:1")), timeout_ms=self.random.choice((0, 2000, 9000)))

    def _trading_state(self) -> None:
        state = self.random.choice(("active", "active", "active", "active", "active", "reducing", "halted"))
        self._ask(SetTradingState, state=state, set_by="account")

    def _move(self) -> None:
        self.quotes = {COIN: quote(COIN, *self.random.choice(MARKETS))}

    def _request(self) -> None:
        """One request reaches the venue: any of them, perhaps twice, perhaps never."""
        if not self.requests:
            return
        at = self.random.randrange(len(self.requests))
        request = self.requests[at]
        lost = self.random.random() < 0.05
        if not lost:
            self.venue.take(request, self.now)
        if request.kind != "query" and (lost or self.random.random() < 0.03):
            self._unknown(request)
        if self.random.random() > 0.1:
            self.requests.pop(at)

    def _unknown(self, request: Request) -> None:
        self._next += 1
        name = f"u{self._next}"
        self.venue.reports.append(
            VenueUnknown(
                command_id=name,
                account_id=ACCOUNT,
                order_id=request.order_id,
                code="venue.timeout",
                request=request.kind,
            )
        )

    def _deal(self) -> None:
        if self.venue.orders:
            order = self.random.choice(list(self.venue.orders.values()))
            if self.random.random() < 0.1:
                self.venue.expire(order)
            else:
                self.venue.deal(order)

    def _report(self) -> None:
        """One report reaches the core: any of them, perhaps twice, perhaps never."""
        reports = self.venue.reports
        if not reports:
            return
        at = self.random.randrange(len(reports))
        report = reports[at]
        if self.random.random() < 0.03:
            self.dirty.add(report.order_id)
            reports.pop(at)
            return
        self._send(report)
        if self.random.random() > 0.1:
            reports.remove(report)

    def _query(self) -> None:
        for order in list(self.state.orders.values()):
            if order.state == "unknown":
                self.venue.query(order.order_id, self.now)

    def _time(self) -> None:
        self.now += round(self.random.choice((0.001, 0.02, 0.1, 0.3, 0.3, 1, 6)) * SECOND)
        for name, due in list(self.deadlines.items()):
            if due <= self.now:
                self.deadlines.pop(name, None)
                self._send(follow_ups.deadline_command(ACCOUNT, name, due))

    def _follow(self) -> None:
        if self.follow_ups:
            self._send(self.follow_ups.pop(0))

    def _decide_only(self) -> None:
        """A decision that is not appended leaves no trace."""
        if self.asked:
            before = snapshot(self.state)
            market = Market(self.now, CONTROLS, self.quotes)
            deciding.decide(self.state, self.asked[-1], market, Origin(0, "order-commands", 0))
            if snapshot(self.state) != before:
                raise Broken("deciding changed the state")

    def _crash(self) -> None:
        """Everything in memory is lost; a checkpoint and the records after it bring it back."""
        upto, data = self.checkpoint
        rebuilt = restore(data)
        for record in self.records[upto:]:
            evolving.evolve(rebuilt, record)
        if snapshot(rebuilt) != snapshot(self.state):
            raise Broken("the state from a checkpoint is another")
        self.state = rebuilt
        self.follow_ups = list(follow_ups.follow_ups_due(rebuilt))
        self.deadlines = follow_ups.deadlines_of(rebuilt)
        self.checkpoint = (len(self.records), snapshot(rebuilt))

    def _settle(self) -> None:
        """Everything is delivered and asked; then nothing is open, pending or in doubt, and both sides agree."""
        self._crash()
        for _ in range(12):
            self.now += 4 * SECOND
            while self.follow_ups:
                self._follow()
            if self.state.due_cancels:
                raise Broken(f"cancels that were promised are never asked: {self.state.due_cancels}")
            while self.requests:
                self.venue.take(self.requests.pop(0), self.now)
            while self.venue.reports:
                self._send(self.venue.reports.pop(0))
            for name in sorted(self.dirty | set(self.state.orders)):
                self.venue.query(name, self.now)
            self.dirty.clear()
            for order in list(self.state.orders.values()):
                self._ask(CancelOrder, order_id=order.order_id)
        self._agree()

    def _agree(self) -> None:
        left = {name: (order.state, order.pending) for name, order in self.state.orders.items()}
        if left:
            raise Broken(f"still open after all was told: {left}")
        dealt = {(name, fill.fill_id) for name, order in self.venue.orders.items() for fill in order.fills}
        if dealt != self.ledger.fills:
            raise Broken(f"fills that only one side has: {sorted(dealt ^ self.ledger.fills)}")
        for name, order in self.venue.orders.items():
            told = self.ledger.orders[name]
            if order.status == "open" or is_open(told.state) or Decimal(told.filled_quantity) != order.filled:
                raise Broken(
                    f"{name} is {told.state} with {told.filled_quantity}, at the venue {order.status}, {order.filled}"
                )


def _repeats(record: OrderRecord) -> bool:
    return bool(record.events) and isinstance(record.events[0], CommandRepeated)


def _submit(order: Order, seq: int) -> Request:
    return Request(
        "submit",
        order.order_id,
        seq,
        order.valid_until,
        order.symbol,
        order.side,
        order.quantity,
        order.price,
        order.type == "market" or order.time_in_force == "IOC",
    )
