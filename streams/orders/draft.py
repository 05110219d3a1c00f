"""A record in the making: what a decision has put into it so far, and the account image that closes it. Pure."""

from decimal import Decimal
from typing import Any, NamedTuple

from msgspec.structs import replace

from ops.runtime.timestamps import format_timestamp
from storage.models.accounts import SetBy, TradingState
from storage.models.controls import TradingRules
from storage.models.money import ZERO, minus, number, plus, text_of
from storage.models.order_events import AccountOpened, Event
from storage.models.order_records import UsedQuote
from storage.models.orders import Order
from storage.models.positions import Position
from storage.models.valuation import (
    Converter,
    Holding,
    Valuation,
    holding_of,
    mark_of,
    sum_of_reservations,
    value_account,
)
from streams.orders.images import with_consequences
from streams.orders.malformed import AnyCommand
from streams.orders.market import Market, Origin
from streams.orders.state import AccountState, KnownHolding


class Trading(NamedTuple):
    """What the account may do, who said so and since when."""

    state: TradingState
    set_by: SetBy
    since: str


class Draft:
    """The record that `command` gives in `state`. It reads the state and changes nothing of it but what is kept there
    to save work (`holdings`).
    """

    __slots__ = (
        "_converter",
        "_held",
        "_holdings",
        "_reserved",
        "_used",
        "_valuation",
        "balances",
        "command",
        "events",
        "limits",
        "market",
        "now",
        "opening",
        "orders",
        "origin",
        "paid_fees",
        "positions",
        "rate_exceeded",
        "realized",
        "seq",
        "state",
        "trading",
        "ts",
    )

    def __init__(self, state: AccountState, command: AnyCommand, market: Market, origin: Origin) -> None:
        self.state = state
        self.command = command
        self.market = market
        self.origin = origin
        self.now = max(market.now, state.ts)
        self.ts = format_timestamp(self.now)
        self.seq = state.seq + 1
        self.events: list[Event] = []
        self.orders: dict[str, Order] = {}
        self.positions: dict[str, Position] = {}
        self.trading = Trading(state.trading_state, state.trading_set_by, state.trading_since or self.ts)
        self.limits = state.limits
        self.rate_exceeded: bool | None = None
        self.opening: AccountOpened | None = None
        account = state.account
        self.balances = account.balances if account else {}
        self.realized = account.realized if account else {}
        self.paid_fees = account.paid_fees if account else {}
        self._used: dict[str, UsedQuote] = {}
        self._valuation: Valuation | None = None
        self._held: list[tuple[Position, Holding]] = []
        self._holdings: dict[str, Holding] = {}
        self._reserved: Decimal | None = None
        self._converter: Converter | None = None

    def order(self, order_id: str) -> Order | None:
        """The order as this record has it so far."""
        return self.orders.get(order_id) or self.state.order(order_id)

    def position(self, symbol: str) -> Position | None:
        """The position as this record has it so far."""
        return self.positions.get(symbol) or self.state.positions.get(symbol)

    def rules(self, symbol: str) -> TradingRules | None:
        """The instrument's rules as the controls have them."""
        return self.market.controls.instruments.get(symbol)

    def quote(self, symbol: str) -> UsedQuote | None:
        """The symbol's quote; what is looked at stands in the record."""
        quote = self.market.quotes.get(symbol)
        if quote is not None:
            self._used[symbol] = quote
        return quote

    @property
    def used(self) -> tuple[UsedQuote, ...]:
        """The quotes that were looked at."""
        return tuple(self._used.values())

    def event(self, event: Event) -> None:
        """Add an event."""
        self.events.append(event)

    def put(self, order: Order, **changes: Any) -> Order:
        """Add the after-image of `order` with `changes`; what follows from its state and terms is worked out here."""
        is_whole = order is self.state.orders.get(order.order_id)
        after = with_consequences(order, changes, self.ts, self.seq, is_whole=is_whole)
        self.orders[order.order_id] = after
        self._reserved = None
        return after

    def put_position(self, position: Position) -> None:
        """Add the after-image of a position at its mark; what the account was worth is worked out anew."""
        held = self._holdings[position.symbol] = self._holding(position)
        self.positions[position.symbol] = replace(
            position,
            mark_price=text_of(held.mark),
            notional=text_of(held.notional),
            margin=text_of(held.initial),
            maintenance_margin=text_of(held.maintenance),
            unrealized_pnl=text_of(held.unrealized),
        )
        self._valuation = None

    def credit(self, currency: str, amount: Decimal) -> None:
        """Cash comes in (below 0: goes out)."""
        self.balances = _added(self.balances, currency, amount)
        self._valuation = None

    def realize(self, currency: str, amount: Decimal) -> None:
        """Profit becomes cash."""
        self.realized = _added(self.realized, currency, amount)
        self.credit(currency, amount)

    def charge(self, currency: str, fee: Decimal) -> None:
        """A fee leaves the cash."""
        self.paid_fees = _added(self.paid_fees, currency, fee)
        self.credit(currency, fee.copy_negate())

    @property
    def converter(self) -> Converter:
        """Rates into the account's currency."""
        if self._converter is None:
            currency = self.opening.currency if self.opening else self.state.currency
            self._converter = Converter(currency, self.market.controls.conversions, self.quote)
        return self._converter

    def _holding(self, position: Position) -> Holding:
        """At the present mark; kept beside the state, as most positions have not moved since the last decision."""
        symbol = position.symbol
        quote, rules = self.quote(symbol), self.rules(symbol)
        mark = mark_of(quote.bid, quote.ask, quote.last) if quote is not None else None
        known = self.state.holdings.get(symbol)
        if known is not None and known.position is position and known.rules is rules and known.mark == mark:
            return known.holding
        holding = holding_of(position, quote, rules)
        self.state.holdings[symbol] = KnownHolding(position, rules, mark, holding)
        return holding

    @property
    def valuation(self) -> Valuation:
        """What the account is worth as this record has it so far."""
        return self._valuation if self._valuation is not None else self._value()

    def _value(self) -> Valuation:
        positions = {**self.state.positions, **self.positions} if self.positions else self.state.positions
        known = self._holdings
        self._held = [
            (one, known.get(one.symbol) or self._holding(one)) for one in positions.values() if one.net_qty != "0"
        ]
        priced = [(one.currency, holding) for one, holding in self._held]
        self._valuation = valuation = value_account(self.balances, priced, self.converter)
        return valuation

    @property
    def held(self) -> list[tuple[Position, Holding]]:
        """The positions that are not flat, at their marks, as this record has them so far."""
        if self._valuation is None:
            self._value()
        return self._held

    @property
    def reserved(self) -> Decimal:
        """What open orders reserve, in the account's currency, as this record has it so far."""
        if self._reserved is not None:
            return self._reserved
        reserved = self.state.reserved
        for after in self.orders.values():
            before = self.state.orders.get(after.order_id)
            held = before.reserved if before is not None else "0"
            if after.reserved != held:
                change = minus(number(after.reserved), number(held))
                reserved = {**reserved, after.currency: plus(reserved.get(after.currency, ZERO), change)}
        self._reserved = sum_of_reservations(reserved, self.converter)
        return self._reserved

    @property
    def available_margin(self) -> Decimal:
        """Equity less initial margin less reservations."""
        valuation = self.valuation
        return minus(minus(valuation.equity, valuation.initial), self.reserved)


def _added(amounts: dict[str, str], currency: str, amount: Decimal) -> dict[str, str]:
    return {**amounts, currency: text_of(plus(number(amounts.get(currency, "0")), amount))}
