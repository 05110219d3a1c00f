"""The state of one account in the order core: what its valid records have come to. `evolve` changes it in place.

Everything a decision asks of it is a dictionary read, whatever the number of open orders. What can be worked out of the
orders (reservations, open quantities, best own prices, holdings at the last mark) is kept beside them and never stored.
Pure.
"""

from collections import deque
from decimal import Decimal
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from storage.models.accounts import DEFAULT_LIMITS, Account, DeadMan, Limits, SetBy, TradingState
from storage.models.controls import TradingRules
from storage.models.money import ZERO, minus, number, plus
from storage.models.order_events import FirstAnswer
from storage.models.orders import Order, PendingAmend, Side
from storage.models.positions import Position
from storage.models.valuation import Holding

REMEMBERED_NS: Final = 600_000_000_000
"""Commands that a client issued longer ago and that are not remembered are too old; answers and ended orders are kept as
long. A command is remembered from the later of its `issued_at` and its decision: then no pair of clocks forgets it before
it is too old.
"""
_SPARE_ENTRIES: Final = 64

SymbolSide = tuple[str, Side]


class ClientId(NamedTuple):
    """Whose order a client id names, and the digest of what was asked."""

    order_id: str
    content: str


class DueCancel(NamedTuple):
    """A cancel that was promised and whose command has not been decided."""

    command_id: str
    reason: str


class KnownHolding(NamedTuple):
    """A position at a mark and at rules, worked out once. It says nothing that these do not: no state, only less work."""

    position: Position
    rules: TradingRules | None
    mark: Decimal | None
    holding: Holding


class OpenSide:
    """The open orders of one symbol and side, added up. `prices` is a heap whose top is the best resting price of our own."""

    __slots__ = ("limits", "prices", "quantity", "reduce_only", "reduce_only_quantity", "sign")

    def __init__(self, side: Side) -> None:
        self.sign = -1 if side == "buy" else 1
        self.quantity = ZERO
        self.reduce_only_quantity = ZERO
        self.reduce_only: dict[str, None] = {}
        self.limits: dict[str, None] = {}
        self.prices: list[tuple[Decimal, str]] = []

    @property
    def best(self) -> tuple[Decimal, str] | None:
        """(price, order id) of the best priced limit order; None without one."""
        return (self.prices[0][0] * self.sign, self.prices[0][1]) if self.prices else None


class AccountState:
    """An account that has taken in its records up to `seq`; `AccountState(id)` is one that has none."""

    __slots__ = (
        "account",
        "account_id",
        "answers",
        "answers_end",
        "breaks",
        "client_ids",
        "currency",
        "dead_men",
        "due_cancels",
        "ended",
        "ended_at",
        "fills",
        "holdings",
        "limits",
        "mode",
        "opened",
        "orders",
        "positions",
        "recent",
        "reserved",
        "seq",
        "sides",
        "tenant_id",
        "trading_floor",
        "trading_set_by",
        "trading_since",
        "trading_state",
        "ts",
        "waiting",
    )

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        self.opened = False
        self.tenant_id = self.mode = self.currency = ""
        self.seq = self.ts = 0
        self.limits: Limits = DEFAULT_LIMITS
        self.trading_state: TradingState = "active"
        self.trading_set_by: SetBy = "account"
        self.trading_floor: TradingState = "active"
        self.trading_since = ""
        self.account: Account | None = None
        self.orders: dict[str, Order] = {}
        self.ended: dict[str, Order] = {}
        self.ended_at: deque[tuple[int, str]] = deque()
        self.client_ids: dict[str, ClientId] = {}
        self.fills: dict[str, dict[str, int]] = {}
        self.positions: dict[str, Position] = {}
        self.answers: dict[str, FirstAnswer] = {}
        self.answers_end: list[tuple[int, str]] = []
        self.dead_men: dict[str, DeadMan] = {}
        self.due_cancels: dict[str, DueCancel] = {}
        self.breaks: dict[str, int] = {}
        self.recent: deque[int] = deque()
        self.holdings: dict[str, KnownHolding] = {}
        self.reserved: dict[str, Decimal] = {}
        self.sides: dict[SymbolSide, OpenSide] = {}
        self.waiting: dict[str, None] = {}

    def order(self, order_id: str) -> Order | None:
        """The order, open or ended within the last 10 minutes."""
        return self.orders.get(order_id) or self.ended.get(order_id)

    def open_quantity(self, symbol: str, side: Side) -> Decimal:
        """What the open orders of a side may still fill."""
        open_side = self.sides.get((symbol, side))
        return open_side.quantity if open_side else ZERO

    def add(self, order: Order) -> None:
        """Count an open order in."""
        key = (order.symbol, order.side)
        side = self.sides.get(key)
        if side is None:
            side = self.sides[key] = OpenSide(order.side)
        self.orders[order.order_id] = order
        left = open_quantity_of(order)
        side.quantity = plus(side.quantity, left)
        self.reserved[order.currency] = plus(self.reserved.get(order.currency, ZERO), number(order.reserved))
        if order.reduce_only:
            side.reduce_only[order.order_id] = None
            side.reduce_only_quantity = plus(side.reduce_only_quantity, left)
        if order.type == "limit":
            side.limits[order.order_id] = None
            for price in _prices_of(order):
                heappush(side.prices, (price * side.sign, order.order_id))
        if _waits(order):
            self.waiting[order.order_id] = None

    def remove(self, order: Order) -> None:
        """Count an open order out, by the image that was counted in."""
        side = self.sides[order.symbol, order.side]
        del self.orders[order.order_id]
        left = open_quantity_of(order)
        side.quantity = minus(side.quantity, left)
        self.reserved[order.currency] = minus(self.reserved[order.currency], number(order.reserved))
        if order.reduce_only:
            del side.reduce_only[order.order_id]
            side.reduce_only_quantity = minus(side.reduce_only_quantity, left)
        self.waiting.pop(order.order_id, None)
        if order.type == "limit":
            del side.limits[order.order_id]
            self._settle_prices(side)

    def replace(self, before: Order, after: Order) -> None:
        """Count an open order anew; it keeps its place among the others, so that two folds agree on their order."""
        self.orders[before.order_id] = after
        side = self.sides[before.symbol, before.side]
        if _filling(before) != _filling(after):
            change = minus(open_quantity_of(after), open_quantity_of(before))
            side.quantity = plus(side.quantity, change)
            if before.reduce_only:
                side.reduce_only_quantity = plus(side.reduce_only_quantity, change)
        if before.reserved != after.reserved:
            freed = minus(number(after.reserved), number(before.reserved))
            self.reserved[before.currency] = plus(self.reserved[before.currency], freed)
        if before.type == "limit" and (before.price, before.amend) != (after.price, after.amend):
            for price in _prices_of(after):
                heappush(side.prices, (price * side.sign, after.order_id))
            self._settle_prices(side)
        if _waits(after):
            self.waiting[after.order_id] = None
        else:
            self.waiting.pop(after.order_id, None)

    def _settle_prices(self, side: OpenSide) -> None:
        """Make the top of a side's heap a price that stands; the heap stays proportional to the orders in it."""
        while side.prices and not self._stands(side, side.prices[0]):
            heappop(side.prices)
        if len(side.prices) > 2 * len(side.limits) + _SPARE_ENTRIES:
            side.prices = [
                (price * side.sign, order_id) for order_id in side.limits for price in _prices_of(self.orders[order_id])
            ]
            heapify(side.prices)

    def _stands(self, side: OpenSide, entry: tuple[Decimal, str]) -> bool:
        order = self.orders.get(entry[1])
        return order is not None and entry[0] * side.sign in _prices_of(order)


def open_quantity_of(order: Order) -> Decimal:
    """What an open order may still fill: with an amend under way, by the larger of the two quantities."""
    if order.amend is None:
        return number(order.remaining_quantity)
    return minus(max(number(order.quantity), number(order.amend.quantity)), number(order.filled_quantity))


def _filling(order: Order) -> tuple[str, str, PendingAmend | None]:
    """All that its open quantity depends on."""
    return order.remaining_quantity, order.filled_quantity, order.amend


def _waits(order: Order) -> bool:
    """Whether a deadline stands for it."""
    return order.release_at is not None or order.query_at is not None


def _prices_of(order: Order) -> tuple[Decimal, ...]:
    prices = [order.price] if order.price is not None else []
    if order.amend is not None and order.amend.price is not None:
        prices.append(order.amend.price)
    return tuple(number(price) for price in prices)
