"""A venue for simulations: it keeps orders, deals at random, de-duplicates requests, and refuses what comes too late."""

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from ops.runtime.timestamps import format_timestamp
from storage.models.order_commands import (
    Command,
    FoundFill,
    Reconcile,
    VenueAcknowledged,
    VenueCanceled,
    VenueCancelRejected,
    VenueExpired,
    VenueFilled,
    VenueRejected,
    VenueReplaced,
    VenueReplaceRejected,
)


@dataclass(frozen=True)
class Request:
    """What a record asks of the venue, known by (order, seq)."""

    kind: str
    order_id: str
    seq: int
    valid_until: int
    symbol: str = ""
    side: str = ""
    quantity: str = "0"
    price: str | None = None
    immediate: bool = False


@dataclass
class Resting:
    """An order as the venue has it."""

    request: Request
    quantity: Decimal
    price: str | None
    status: str = "open"
    fills: list[FoundFill] = field(default_factory=list)

    @property
    def filled(self) -> Decimal:
        """The sum of its fills."""
        return sum((Decimal(fill.quantity) for fill in self.fills), Decimal(0))


class ScriptedVenue:
    """`take` a request, `deal` by itself, `query` an order. Each report goes to `reports` under an id of its own."""

    def __init__(self, account_id: str, random: Random) -> None:
        self.orders: dict[str, Resting] = {}
        self.reports: list[Command] = []
        self._account_id = account_id
        self._random = random
        self._seen: set[tuple[str, int]] = set()
        self._next = 0

    def take(self, request: Request, now: int) -> None:
        """Do what is asked, once."""
        if (request.order_id, request.seq) in self._seen:
            return
        self._seen.add((request.order_id, request.seq))
        if request.kind == "submit":
            self._submit(request, now)
        elif request.kind == "query":
            self.query(request.order_id, now)
        elif request.kind == "amend":
            self._amend(request, now)
        else:
            self._cancel(request)

    def _submit(self, request: Request, now: int) -> None:
        if now > request.valid_until or self._random.random() < 0.05:
            self._report(VenueRejected, request.order_id, code="venue.rejected")
            return
        order = self.orders[request.order_id] = Resting(request, Decimal(request.quantity), request.price)
        self._report(VenueAcknowledged, request.order_id, venue_order_id=f"v-{request.order_id}")
        if request.immediate:
            self.deal(order)
            if order.status == "open":
                self._end(order, "canceled", VenueCanceled)

    def _amend(self, request: Request, now: int) -> None:
        order = self.orders.get(request.order_id)
        quantity = Decimal(request.quantity)
        if order is None or order.status != "open" or now > request.valid_until or quantity < order.filled:
            self._report(VenueReplaceRejected, request.order_id, code="venue.refused", request_seq=request.seq)
            return
        order.quantity, order.price = quantity, request.price
        self._report(
            VenueReplaced, request.order_id, quantity=request.quantity, price=request.price, request_seq=request.seq
        )
        if order.filled == quantity:
            order.status = "filled"

    def _cancel(self, request: Request) -> None:
        order = self.orders.get(request.order_id)
        if order is None or order.status != "open":
            self._report(VenueCancelRejected, request.order_id, code="order.not_found")
        else:
            self._end(order, "canceled", VenueCanceled)

    def deal(self, order: Resting) -> None:
        """Fill some of an open order, or all."""
        left = order.quantity - order.filled
        if order.status != "open" or left <= 0:
            return
        part = left if self._random.random() < 0.5 else Decimal(self._random.randint(1, int(left * 1000))) / 1000
        self._next += 1
        price = order.price or self._random.choice(("99.99", "100.01", "100.005"))
        fee = self._random.choice(("0", "0.00000001", "0.01", "-0.002", "0.123456785"))
        fill = FoundFill(f"fill-{self._next}", price, str(part), fee)
        order.fills.append(fill)
        if order.filled == order.quantity:
            order.status = "filled"
        self._tell(order, fill)
        if self._random.random() < 0.05:
            self._tell(order, fill)

    def _tell(self, order: Resting, fill: FoundFill) -> None:
        """Report a fill; the same one may be told twice, under two report ids."""
        self._report(
            VenueFilled,
            order.request.order_id,
            fill_id=fill.fill_id,
            price=fill.price,
            quantity=fill.quantity,
            fee=fill.fee,
        )

    def expire(self, order: Resting) -> None:
        """The order's time is over."""
        if order.status == "open":
            self._end(order, "expired", VenueExpired)

    def query(self, order_id: str, now: int) -> None:
        """Tell all that is known of an order."""
        order = self.orders.get(order_id)
        if order is None:
            self._report(Reconcile, order_id, outcome="not_found", venue_ts=format_timestamp(now))
            return
        self._report(
            Reconcile,
            order_id,
            outcome=order.status,
            venue_ts=format_timestamp(now),
            fills=tuple(order.fills),
            filled_quantity=str(order.filled),
            quantity=str(order.quantity),
            price=order.price,
            venue_order_id=f"v-{order_id}",
        )

    def _end(self, order: Resting, status: str, report: type) -> None:
        order.status = status
        self._report(report, order.request.order_id)

    def _report(self, kind: type, order_id: str, **fields: Any) -> None:
        self._next += 1
        name = f"report-{self._next}"
        self.reports.append(kind(command_id=name, account_id=self._account_id, order_id=order_id, **fields))
