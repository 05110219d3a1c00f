"""What must hold of an account after every record, worked out without the core's own arithmetic."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from storage.models.order_events import FundsDeposited, OrderAccepted, OrderFilled
from storage.models.order_records import OrderRecord
from storage.models.orders import Order
from streams.orders.life import CORRECTABLE, TRANSITIONS, is_open
from streams.orders.state import AccountState

MONEY_ERROR = Fraction(1, 2 * 10**8)
AVERAGE_ERROR = Fraction(1, 2 * 10**12)


@lru_cache(4096)
def exact(number: str) -> Fraction:
    """A decimal string; the same ones come again and again."""
    return Fraction(number)


class Broken(AssertionError):
    """An invariant does not hold; says which and the figures."""


class Ledger:
    """Reads the records of one account as a stranger would and compares them with the state."""

    def __init__(self) -> None:
        self.seq = 0
        self.ts = ""
        self.orders: dict[str, Order] = {}
        self.accepted: set[str] = set()
        self.deposits = self.fees = self.realized = Fraction(0)
        self.flows = self.slack = Fraction(0)
        self.net: dict[str, Fraction] = {}
        self.fills: set[tuple[str, str]] = set()

    def take(self, record: OrderRecord, valid_until: int | None, now: int) -> None:
        """Check a record against those before it; `valid_until` is that of the command which it answers."""
        _require(record.seq == self.seq + 1, f"seq {record.seq} after {self.seq}")
        self.seq = record.seq
        for event in record.events:
            if isinstance(event, OrderAccepted):
                _require(event.order_id not in self.accepted, f"{event.order_id} accepted twice")
                _require(valid_until is None or now <= valid_until, f"{event.order_id} accepted after valid_until")
                self.accepted.add(event.order_id)
            elif isinstance(event, FundsDeposited):
                self.deposits += exact(event.amount)
            elif isinstance(event, OrderFilled):
                self._fill(event)
        for order in record.orders:
            self._order(order)
        self._images(record)

    def _fill(self, event: OrderFilled) -> None:
        name = (event.order_id, event.fill_id)
        _require(name not in self.fills, f"fill {name} counted twice")
        self.fills.add(name)
        change = exact(event.quantity) * (1 if event.side == "buy" else -1)
        self.net[event.symbol] = self.net.get(event.symbol, Fraction(0)) + change
        self.flows -= change * exact(event.price)
        self.fees += exact(event.fee)
        self.realized += exact(event.realized_pnl)
        self.slack += MONEY_ERROR + AVERAGE_ERROR * (abs(self.net[event.symbol]) + abs(change))

    def _order(self, order: Order) -> None:
        before = self.orders.get(order.order_id)
        if before is not None and before.state != order.state:
            late = before.state in CORRECTABLE and order.state == "filled"
            legal = late or _reachable(before.state, order.state)
            _require(legal, f"{order.order_id} went from {before.state} to {order.state}")
        self.orders[order.order_id] = order
        left = max(Decimal(order.quantity) - Decimal(order.filled_quantity), Decimal(0)) if is_open(order.state) else 0
        _require(Decimal(order.remaining_quantity) == left, f"remaining of {order}")

    def _images(self, record: OrderRecord) -> None:
        for position in record.positions:
            told, known = exact(position.net_qty), self.net.get(position.symbol, Fraction(0))
            _require(told == known, f"position {told}, the fills come to {known}")
        account = record.account
        if account is None:
            return
        cash = self.deposits + self.realized - self.fees
        _require(exact(account.cash) == cash, f"cash {account.cash}, it should be {float(cash)}")
        equity = exact(account.cash) + exact(account.unrealized_pnl)
        _require(exact(account.equity) == equity, "equity is cash and unrealised profit")
        available = equity - exact(account.initial_margin) - exact(account.reserved)
        _require(exact(account.available_margin) == available, "available margin")

    def compare(self, state: AccountState) -> None:
        """The state against all that was read."""
        _require(state.seq == self.seq, "the state has another seq")
        lost = [name for name in self.accepted if is_open(self.orders[name].state) and name not in state.orders]
        _require(not lost, f"accepted orders are lost: {lost}")
        reserved = sum(map(_reservation, state.orders.values()), Fraction(0))
        told = exact(state.account.reserved) if state.account else Fraction(0)
        slack = MONEY_ERROR * len(state.orders)
        _require(abs(told - reserved) <= slack, f"reserved {float(told)}, open orders come to {float(reserved)}")
        cost = sum((exact(one.cost) for one in state.positions.values()), Fraction(0))
        conserved = abs(self.realized - cost - self.flows) <= self.slack
        _require(conserved, f"realised {float(self.realized)} - cost {float(cost)} is not {float(self.flows)}")


def _reservation(order: Order) -> Fraction:
    if order.reduce_only:
        return Fraction(0)
    rate = exact(order.margin_rate) * exact(order.multiplier)
    filled, price = exact(order.filled_quantity), exact(order.price or order.reserve_price)
    now = max(exact(order.quantity) - filled, Fraction(0)) * price * rate
    if order.amend is None:
        return now
    return max(now, (exact(order.amend.quantity) - filled) * exact(order.amend.price or price) * rate)


def _reachable(before: str, after: str) -> bool:
    """Whether the table leads from one state to the other; one record may take two steps (accepted, sent)."""
    following: Iterable[str] = TRANSITIONS[before]  # type: ignore[index]
    return after in following or any(after in TRANSITIONS[step] for step in following)  # type: ignore[index]


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Broken(what)
