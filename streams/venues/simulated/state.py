"""What the simulated venue knows of one symbol, as a fold of its records."""

from bisect import bisect_left, insort
from collections import deque
from decimal import Decimal
from typing import Final, TypeVar

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, parse_timestamp
from storage.models.venues import (
    FeedTaken,
    ParkedRequest,
    RequestKey,
    Side,
    VenueRecord,
    VenueReport,
    WithheldReport,
)
from streams.venues.simulated.amounts import ZERO, amount
from streams.venues.simulated.orders import Key, Order, order_of

REMEMBERED: Final = 600 * NANOSECONDS_PER_SECOND
Taken = dict[tuple[Side, Decimal], Decimal]
_Entry = TypeVar("_Entry", Key, tuple[int, str])


class SymbolState:
    """One symbol's orders, in their places. Only `evolve` changes it.

    Final orders, their fills and the identities of handled requests are kept for 10 minutes; by then a request that
    comes again is far beyond its `valid_until`.
    """

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.seq = 0
        self.ts = 0
        self.priority = 0
        self.orders: dict[str, Order] = {}
        self.book: dict[Side, list[Key]] = {"buy": [], "sell": []}
        self.stops: dict[Side, list[Key]] = {"buy": [], "sell": []}
        self.queue: list[tuple[int, str]] = []
        self.expiries: list[tuple[int, str]] = []
        self.handled: dict[str, tuple[int, int]] = {}
        self.ended: deque[tuple[int, str]] = deque()
        self.fills: dict[str, list[VenueReport]] = {}
        self.positions: dict[tuple[str, str], Decimal] = {}
        self.withheld: dict[str, WithheldReport] = {}
        self.parked: dict[RequestKey, ParkedRequest] = {}
        self.taken_of = -1
        self.taken: Taken = {}

    def is_handled(self, key: RequestKey) -> bool:
        """Whether the request, or a later one of its order, was taken in before."""
        return self.handled.get(key.order_id, (-1, 0))[0] >= key.seq

    @property
    def is_quiet(self) -> bool:
        """Whether no quote can change anything."""
        book, stops = self.book, self.stops
        return not (book["buy"] or book["sell"] or stops["buy"] or stops["sell"] or self.queue)

    @property
    def is_scheduled(self) -> bool:
        """Whether the clock alone can change something."""
        return bool(self.withheld or self.parked or self.expiries or self.queue)


def evolve(state: SymbolState, record: VenueRecord) -> None:
    """Take one record in. Looks at nothing else, so a replay needs no market.

    Raises `ValueError` when a record of the symbol is missing before this one.
    """
    if record.seq != state.seq + 1:
        raise ValueError(f"record {record.seq} of {state.symbol} does not follow record {state.seq}")
    state.seq, state.ts = record.seq, parse_timestamp(record.ts)
    if record.cause.request is not None:
        _remember(state, record.cause.request)
    for image in record.orders:
        put(state, order_of(image))
    _take_reports(state, record)
    for parked in record.parked:
        state.parked[RequestKey(parked.request.order_id, parked.request.seq)] = parked
    for key in record.unparked:
        state.parked.pop(key, None)
    take_of_feed(state, record.taken)
    _forget(state)


def put(state: SymbolState, order: Order) -> None:
    """Give an order its place and take its former self from its own."""
    before = state.orders.get(order.order_id)
    if before is not None:
        _unplace(state, before)
    state.orders[order.order_id] = order
    state.priority = max(state.priority, order.priority)
    if order.place == "final":
        if before is None or before.place != "final":
            state.ended.append((order.ended_at, order.order_id))
        return
    if order.place == "book":
        insort(state.book[order.side], order.book_key)
    elif order.place == "stop":
        insort(state.stops[order.side], order.stop_key)
    elif order.place == "queue":
        insort(state.queue, (order.priority, order.order_id))
    if order.expires_at is not None:
        insort(state.expiries, (order.expires_at, order.order_id))


def _unplace(state: SymbolState, order: Order) -> None:
    if order.place == "final":
        return
    if order.place == "book":
        _drop(state.book[order.side], order.book_key)
    elif order.place == "stop":
        _drop(state.stops[order.side], order.stop_key)
    elif order.place == "queue":
        _drop(state.queue, (order.priority, order.order_id))
    if order.expires_at is not None:
        _drop(state.expiries, (order.expires_at, order.order_id))


def _drop(entries: list[_Entry], entry: _Entry) -> None:
    del entries[bisect_left(entries, entry)]


def _remember(state: SymbolState, key: RequestKey) -> None:
    if key.order_id not in state.handled and key.order_id not in state.orders:
        state.ended.append((state.ts, key.order_id))  # it may be about no order at all
    state.handled[key.order_id] = (max(key.seq, state.handled.get(key.order_id, (-1, 0))[0]), state.ts)


def _take_reports(state: SymbolState, record: VenueRecord) -> None:
    for released in record.released:
        state.withheld.pop(released, None)
    for report in record.reports:
        if report.fill is not None and report.report_id not in record.released:
            take_fill(state, report)
    for withheld in record.withheld:
        state.withheld[withheld.report.report_id] = withheld
        if withheld.report.fill is not None:
            take_fill(state, withheld.report)


def take_fill(state: SymbolState, report: VenueReport) -> None:
    """Count a fill, once for each `fill_id`."""
    fills = state.fills.setdefault(report.order_id, [])
    assert report.fill is not None  # noqa: S101  (the caller looked)
    if any(known.fill is not None and known.fill.fill_id == report.fill.fill_id for known in fills[-1:]):
        return
    fills.append(report)
    key = (report.connector, report.account_id)
    quantity = amount(report.fill.quantity)
    signed = quantity if state.orders[report.order_id].side == "buy" else -quantity
    state.positions[key] = state.positions.get(key, ZERO) + signed


def take_of_feed(state: SymbolState, image: FeedTaken | None) -> None:
    """What the feed's book of one quote has given by now."""
    if image is None:
        return
    state.taken_of = image.offset
    state.taken = {("buy", amount(price)): amount(quantity) for price, quantity in image.bids}
    state.taken |= {("sell", amount(price)): amount(quantity) for price, quantity in image.asks}


def _forget(state: SymbolState) -> None:
    horizon = state.ts - REMEMBERED
    while state.ended and state.ended[0][0] < horizon:
        _, order_id = state.ended.popleft()
        order = state.orders.get(order_id)
        handled = state.handled.get(order_id)
        if order is not None and (order.place != "final" or order.ended_at >= horizon):
            continue  # it is noted again at its end
        if handled is not None and handled[1] >= horizon:
            state.ended.append((handled[1], order_id))
            continue
        state.orders.pop(order_id, None)
        state.handled.pop(order_id, None)
        state.fills.pop(order_id, None)
