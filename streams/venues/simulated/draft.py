"""What one decision is going to change: copies over a state that stays as it is, and the record that they become."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal
from hashlib import blake2b
from typing import Final, NamedTuple

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND, format_timestamp
from storage.models.venues import (
    AmendRequest,
    CancelRequest,
    ConnectorCheck,
    FeedTaken,
    Fill,
    Liquidity,
    Outcome,
    ParkedRequest,
    ReportKind,
    RequestKey,
    RequestKind,
    Side,
    SubmitRequest,
    VenueCause,
    VenueRecord,
    VenueReport,
    VenueRequest,
    WithheldReport,
)
from streams.venues.simulated.amounts import ZERO, amount, fee_of, text_of
from streams.venues.simulated.market import Market
from streams.venues.simulated.orders import Key, Order, copy_of, image_of, venue_order_id
from streams.venues.simulated.state import SymbolState, Taken
from streams.venues.simulated.upstream import REASONS


def request_kind(request: VenueRequest) -> RequestKind | None:
    """What a request asks for; None for a query, which leaves nothing in doubt."""
    if isinstance(request, SubmitRequest):
        return "submit"
    if isinstance(request, AmendRequest):
        return "amend"
    return "cancel" if isinstance(request, CancelRequest) else None


LARGEST_STEP: Final = 250
"""How many orders and reports a step of a decision may add, and one order within it: so a record has at most four times as
many, of about 650 bytes each, and fits into a message."""


class Maker(NamedTuple):
    """What an incoming order may meet next: a resting order, or a level of the feed's book (`order` is None)."""

    price: Decimal
    quantity: Decimal
    order: Order | None


class Draft:
    """One decision in the making."""

    def __init__(self, state: SymbolState, market: Market) -> None:
        self.state = state
        self.market = market
        self.orders: dict[str, Order] = {}
        self._priority = state.priority
        self._added: dict[Side, list[Key]] = {"buy": [], "sell": []}
        self._first: dict[Side, int] = {"buy": 0, "sell": 0}
        self._reports: list[VenueReport] = []
        self._withheld: list[WithheldReport] = []
        self._released: list[str] = []
        self._parked: list[ParkedRequest] = []
        self._unparked: list[RequestKey] = []
        self._taken: Taken = dict(state.taken) if market.quote >= 0 and state.taken_of == market.quote else {}
        self._took = False
        self._numbers = 0
        self._ts = format_timestamp(market.now)

    # --- orders -------------------------------------------------------------------------------------------------------

    def order(self, order_id: str) -> Order | None:
        """The order as it stands in this decision."""
        return self.orders.get(order_id) or self.state.orders.get(order_id)

    def change(self, order: Order) -> Order:
        """The copy of a known order that this decision may change."""
        known = self.orders.get(order.order_id)
        if known is None:
            known = self.orders[order.order_id] = copy_of(order)
        return known

    def take_place(self, order: Order) -> None:
        """Put a changed order behind all others of its price."""
        self._priority += 1
        order.priority, order.quote = self._priority, self.market.quote

    def rest(self, order: Order) -> None:
        """Leave what remains of a changed order in the book."""
        order.place = "book"
        key, resting, added = order.book_key, self.state.book[order.side], self._added[order.side]
        at = bisect_left(resting, key)
        if not (at < len(resting) and resting[at] == key) and key not in added:
            insort(added, key)

    # --- what an incoming order meets ---------------------------------------------------------------------------------

    def makers(self, side: Side) -> Iterator[Maker]:
        """What rests on `side`, in price-time priority. The feed's level is as old as the quote record that shows it."""
        resting, levels = self.resting(side), self._levels(side)
        order, level = next(resting, None), next(levels, None)
        while order is not None or level is not None:
            if level is None or (order is not None and self._is_before(order, level[0])):
                assert order is not None and order.price is not None  # noqa: PT018, S101
                yield Maker(order.price, order.remaining, order)
                order = next(resting, None)
            else:
                yield Maker(level[0], level[1], None)
                level = next(levels, None)

    def _is_before(self, order: Order, price: Decimal) -> bool:
        assert order.price is not None  # noqa: S101  (it rests in the book)
        if order.price == price:
            return order.quote < self.market.quote
        return order.price > price if order.side == "buy" else order.price < price

    def resting(self, side: Side) -> Iterator[Order]:
        """The orders in the book of `side`, best first, without those that this decision has taken out."""
        kept, added = self.state.book[side], self._added[side]
        at, beside = self._first[side], 0
        leading = True
        while at < len(kept) or beside < len(added):
            if beside == len(added) or (at < len(kept) and kept[at] < added[beside]):
                key, at = kept[at], at + 1
            else:
                key, beside = added[beside], beside + 1
            order = self.order(key[2])
            if order is not None and order.place == "book" and order.book_key == key:
                leading = False
                yield order
            elif leading and not beside:
                self._first[side] = at

    def _levels(self, side: Side) -> Iterator[tuple[Decimal, Decimal]]:
        feed = self.market.feed
        if feed is None:
            return
        for price, size in feed.depth(side, self.market.unsized):
            left = size - self._taken.get((side, price), ZERO)
            if left > 0:
                yield price, left

    def level(self, side: Side) -> tuple[Decimal, Decimal] | None:
        """The feed's best level of `side` that still gives something: (price, quantity)."""
        return next(self._levels(side), None)

    def take(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Take from the feed's book; it stays taken until the next quote record."""
        self._taken[side, price] = self._taken.get((side, price), ZERO) + quantity
        self._took = True

    # --- reports ------------------------------------------------------------------------------------------------------

    def number(self) -> int:
        """A number that this record has not used yet."""
        self._numbers += 1
        return self._numbers

    def report(
        self,
        order: Order,
        kind: ReportKind,
        *,
        request: VenueRequest | None = None,
        code: str | None = None,
        fill: Fill | None = None,
        outcome: Outcome | None = None,
        fills: tuple[Fill, ...] = (),
        at_once: bool = False,
        delay: int = 0,
    ) -> None:
        """Report on an order: now, or when its venue, its connector or a scenario (`delay`, ns) lets it through."""
        shown = kind in ("acknowledged", "replaced", "reconciled")
        report = VenueReport(
            self._report_id(),
            kind,
            order.order_id,
            order.tenant_id,
            order.account_id,
            order.connector,
            order.symbol,
            self._ts,
            text_of(order.filled),
            None if request is None else request.seq,
            venue_order_id(order.order_id),
            fill,
            text_of(order.quantity) if shown else None,
            text_of(order.price) if shown and order.price is not None else None,
            order.time_in_force if shown else None,
            REASONS[code] if code else None,
            code,
            "submit" if kind == "unknown" else None,
            outcome,
            fills,
        )
        before = self._last_due(order.order_id)
        due = max(order.silent_until, before or 0, self.market.now + delay)
        waits = before is not None or due > self.market.now or self.market.is_silent(order.connector)
        if waits and not at_once:
            self._withheld.append(WithheldReport(due, report))
        else:
            self._reports.append(report)

    def answer(self, request: VenueRequest, kind: ReportKind, code: str, *, outcome: Outcome | None = None) -> None:
        """Report on a request whose order the venue does not have, or before it gets there."""
        report = VenueReport(
            self._report_id(),
            kind,
            request.order_id,
            request.tenant_id,
            request.account_id,
            request.connector,
            request.symbol,
            self._ts,
            request_seq=request.seq,
            reason=REASONS[code],
            upstream_code=code,
            request=request_kind(request) if kind == "unknown" else None,
            outcome=outcome,
        )
        if kind != "unknown" and self.market.fault(request.connector) == "timeout":
            self._withheld.append(WithheldReport(self.market.now, report))
        else:
            self._reports.append(report)

    def _report_id(self) -> str:
        return f"{self.state.symbol}:{self.state.seq + 1}:{self.number()}"

    def _last_due(self, order_id: str) -> int | None:
        """When the last report of the order that is still withheld is due; reports of an order keep their order."""
        dues = [held.due for held in self._withheld if held.report.order_id == order_id]
        if self.state.withheld:
            released = self._released
            dues += [
                held.due
                for held in self.state.withheld.values()
                if held.report.order_id == order_id and held.report.report_id not in released
            ]
        return max(dues, default=None)

    def send_again(self, report: VenueReport) -> None:
        """Send a report that an earlier record made."""
        self._reports.append(report)
        self._released.append(report.report_id)

    def fill(
        self, order: Order, price: Decimal, quantity: Decimal, liquidity: Liquidity, trade_id: str, *, delay: int = 0
    ) -> None:
        """Fill a changed order, ending it when nothing remains, and report it (twice in the scenario for that)."""
        order.filled += quantity
        if not order.is_final:
            order.status = "partially_filled" if order.remaining else "filled"
            if not order.remaining:
                order.place, order.ended_at = "final", self.market.now
        fill = self._fill_of(order, price, quantity, liquidity, trade_id)
        self.report(order, "filled", fill=fill, delay=delay)
        if order.client_order_id is not None and order.client_order_id.startswith("sim:duplicate-fill:"):
            self.report(order, "filled", fill=fill, delay=delay)

    def _fill_of(self, order: Order, price: Decimal, quantity: Decimal, liquidity: Liquidity, trade_id: str) -> Fill:
        instrument = self.market.instrument
        assert instrument is not None  # noqa: S101  (orders of unknown symbols are rejected)
        rate = self.market.rules.fees[instrument.asset_class].rate(liquidity)
        fee = fee_of(price, quantity, amount(instrument.multiplier), rate)
        mark = blake2b(f"{trade_id}:{order.order_id}".encode(), digest_size=10).hexdigest()
        fill_id = f"fil_{self.market.now // NANOSECONDS_PER_MILLISECOND:012x}{mark}"
        return Fill(fill_id, trade_id, text_of(price), text_of(quantity), text_of(fee), instrument.currency, liquidity)

    def trade_id(self) -> str:
        """The id of a trade, one for its two sides."""
        return f"{self.state.symbol}:{self.state.seq + 1}:t{self.number()}"

    # --- requests under way -------------------------------------------------------------------------------------------

    def park(self, request: VenueRequest, due: int) -> None:
        """Let a request act later."""
        self._parked.append(ParkedRequest(due, request))

    def unpark(self, parked: ParkedRequest) -> None:
        """A request acts now."""
        self._unparked.append(RequestKey(parked.request.order_id, parked.request.seq))

    # --- the record ---------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """How many orders and reports the record has by now."""
        return len(self.orders) + len(self._reports) + len(self._withheld)

    def is_full(self, start: int) -> bool:
        """Whether the step that began at the size `start` has come to its end; what is left is done in a later record."""
        return self.size - start >= LARGEST_STEP

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return not (self.orders or self._reports or self._withheld or self._parked or self._unparked or self._took)

    def record(
        self,
        cause: VenueCause,
        *,
        repeated: bool = False,
        refused: str | None = None,
        checked: ConnectorCheck | None = None,
    ) -> VenueRecord:
        """The record of this decision."""
        return VenueRecord(
            self.state.symbol,
            self.state.seq + 1,
            self.market.epoch,
            cause,
            self._ts,
            self.market.quote,
            repeated,
            refused,
            tuple(self._reports),
            tuple(image_of(order) for order in self.orders.values()),
            tuple(self._withheld),
            tuple(self._released),
            tuple(self._parked),
            tuple(self._unparked),
            self._taken_image() if self._took else None,
            checked,
        )

    def _taken_image(self) -> FeedTaken:
        sides: dict[Side, list[tuple[str, str]]] = {"buy": [], "sell": []}
        for (side, price), quantity in self._taken.items():
            sides[side].append((text_of(price), text_of(quantity)))
        return FeedTaken(self.market.quote, tuple(sides["buy"]), tuple(sides["sell"]))
