"""What the read models show, held against the log: folded by the product's own rules, and added up without them."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from storage.models.accounts import Account
from storage.models.order_events import FundsDeposited, OrderFilled
from storage.models.order_records import OrderRecord
from storage.models.orders import Order
from storage.models.positions import Position
from storage.models.read_models import OpenedAccount
from storage.mongo.accounts import Accounts
from storage.mongo.orders import Orders
from storage.mongo.positions import Positions
from streams.orders.evolve import evolve
from streams.orders.state import AccountState
from tests.faults.order_road.checks import Told
from tests.faults.report import Wrong

ROUNDING = Decimal("1e-8")
"""What a fill realises is rounded to this."""
Sums = dict[str, Decimal]


class Shown(NamedTuple):
    """What the read models have of one account; positions by symbol, orders by id."""

    account: OpenedAccount | None
    positions: Mapping[str, Position]
    orders: Mapping[str, Order]


async def check_read_model(told: Told, database: Any) -> list[Wrong]:
    """Orders, positions and accounts (cash, balances, realised profit, fees, limits: every field) equal a fold of the log from zero
    by the product's `evolve`. By arithmetic of our own, from deposits and fills alone: net quantities, what was realised, fees, and
    in each currency cash = deposits - fees + realised.
    """
    accounts, orders, positions = Accounts(database), Orders(database), Positions(database)
    wrong = []
    for account_id, records in told.records.items():
        order_ids = {order.order_id for record in records for order in record.orders}
        held = {position.symbol: position for position in await positions.of(account_id)}
        shown = Shown(await accounts.get(account_id), held, await orders.get_many(account_id, order_ids))
        wrong += [Wrong("otherwise", f"{account_id}: {what}") for what in differences(records, shown)]
    return wrong


def differences(records: list[OrderRecord], shown: Shown) -> list[str]:
    """What is shown of an account and does not follow from its records."""
    document, last = shown.account, records[-1].seq
    if document is None or document.as_of_seq != last:
        return [f"the read model is at {document and document.as_of_seq}, not {last}"]
    if [record.seq for record in records] != list(range(1, len(records) + 1)):
        return ["a log with holes cannot be folded"]
    added = Added.of(records)
    return [
        *_from_fold(records, document, shown),
        *_from_money(added, document.account),
        *(what for symbol in added.net for what in _from_fills(added, symbol, shown.positions.get(symbol))),
    ]


def _from_fold(records: list[OrderRecord], document: OpenedAccount, shown: Shown) -> Iterator[str]:
    state = AccountState(document.account_id)
    for record in records:
        evolve(state, record)
    for name in Account.__struct_fields__:
        here, there = getattr(document.account, name), getattr(state.account, name, None)
        if here != there:
            yield f"the account's {name} is {here}, by the log {there}"
    if document.limits != state.limits:
        yield f"its limits are {document.limits}, by the log {state.limits}"
    if shown.positions != state.positions:
        yield "its positions differ from the log's"
    last = {
        order.order_id: order for record in records for order in record.orders
    }  # the state forgets those that ended
    yield from (
        f"{order_id} differs from the log's" for order_id in last if shown.orders.get(order_id) != last[order_id]
    )


@dataclass(slots=True)
class Added:
    """Deposits and fills, added up: `deposited`, `fees` and `realized` by currency, the rest by symbol. `spent` is what was paid
    for what was bought, less what was got for what was sold.
    """

    deposited: Sums = field(default_factory=lambda: defaultdict(Decimal))
    fees: Sums = field(default_factory=lambda: defaultdict(Decimal))
    realized: Sums = field(default_factory=lambda: defaultdict(Decimal))
    net: Sums = field(default_factory=lambda: defaultdict(Decimal))
    spent: Sums = field(default_factory=lambda: defaultdict(Decimal))
    gained: Sums = field(default_factory=lambda: defaultdict(Decimal))
    fills: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, records: list[OrderRecord]) -> "Added":
        """All that stands in them."""
        added = cls()
        for record in records:
            currencies = {order.order_id: order.currency for order in record.orders}
            for event in record.events:
                if isinstance(event, FundsDeposited):
                    added.deposited[event.currency] += Decimal(event.amount)
                elif isinstance(event, OrderFilled):
                    added._take(event, currencies[event.order_id])
        return added

    def _take(self, fill: OrderFilled, currency: str) -> None:
        quantity = Decimal(fill.quantity) * (1 if fill.side == "buy" else -1)
        self.fees[fill.fee_currency] += Decimal(fill.fee)
        self.realized[currency] += Decimal(fill.realized_pnl)
        self.net[fill.symbol] += quantity
        self.spent[fill.symbol] += quantity * Decimal(fill.price)
        self.gained[fill.symbol] += Decimal(fill.realized_pnl)
        self.fills[fill.symbol] += 1


def _from_money(added: Added, account: Account) -> Iterator[str]:
    currencies = {*added.deposited, *added.fees, *added.realized, *account.balances}
    for currency in sorted(currencies):
        cash = added.deposited[currency] - added.fees[currency] + added.realized[currency]
        for name, held, expected in (
            ("cash", account.balances, cash),
            ("realised profit", account.realized, added.realized[currency]),
            ("fees", account.paid_fees, added.fees[currency]),
        ):
            if Decimal(held.get(currency, "0")) != expected:
                yield f"{name} in {currency} is {held.get(currency)}, by deposits and fills {expected}"


def _from_fills(added: Added, symbol: str, position: Position | None) -> Iterator[str]:
    """What was realised is what the present position has cost, less what was spent on all of it."""
    if position is None:
        yield f"no position in {symbol}, by its fills {added.net[symbol]}"
        return
    if Decimal(position.net_qty) != added.net[symbol]:
        yield f"{symbol} {position.net_qty}, by its fills {added.net[symbol]}"
    if Decimal(position.realized_pnl) != added.gained[symbol]:
        yield f"{symbol} has realised {position.realized_pnl}, each fill by itself {added.gained[symbol]}"
    gained = Decimal(position.cost) - added.spent[symbol] * Decimal(position.multiplier)
    if abs(gained - Decimal(position.realized_pnl)) > ROUNDING * added.fills[symbol]:
        yield f"{symbol} has realised {position.realized_pnl}, by prices and quantities {gained}"
