"""What an account is worth: marks, conversion, equity, margins, the risk ratio. Pure; money to 8 decimals, half-even.

Per currency the parts are summed exactly, rounded, converted and rounded again. A currency without a live conversion is
worth nothing where it is an asset; as a debt or a margin it counts at the last rate known (docs/decisions/0053).
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from storage.models.accounts import MarginLevel
from storage.models.controls import Conversion, TradingRules
from storage.models.money import ONE, ZERO, minus, money, notional, number, parse_number, plus, ratio, times
from storage.models.order_records import UsedQuote
from storage.models.positions import Position

WARNING_AT: Final = Decimal("0.7")
CALL_AT: Final = Decimal("0.85")
LIQUIDATION_AT: Final = ONE
_HALF: Final = Decimal("0.5")
_LONGEST_CHAIN: Final = 4
QuoteOf = Callable[[str], UsedQuote | None]


@lru_cache(maxsize=1_024)
def mark_of(bid: str, ask: str, last: str) -> Decimal | None:
    """The mid where both sides have a price, else the last trade; None where there is neither."""
    low, high, traded = parse_number(bid), parse_number(ask), parse_number(last)
    if low is not None and high is not None and low > 0 and high > 0:
        return times(plus(low, high), _HALF)
    return traded if traded is not None and traded > 0 else None


class Rate(NamedTuple):
    """What one unit is worth in the account's currency; `live` is whether every quote on the way can be relied on."""

    value: Decimal
    live: bool


_SAME: Final = Rate(ONE, live=True)


class Converter:
    """Rates into one currency (`into`), each worked out once a decision. A venue that is closed for the day still has its last price."""

    __slots__ = ("_conversions", "_known", "_quote", "into")

    def __init__(self, into: str, conversions: Mapping[str, Conversion], quote: QuoteOf) -> None:
        self.into = into
        self._conversions = conversions
        self._quote = quote
        self._known: dict[str, Rate | None] = {into: _SAME}

    def rate(self, currency: str) -> Rate | None:
        """The rate of `currency`; None where no chain of conversions with prices leads to the account's."""
        if currency not in self._known:
            self._known[currency] = self._chained(currency)
        return self._known[currency]

    def _chained(self, currency: str) -> Rate | None:
        value, live = ONE, True
        for _ in range(_LONGEST_CHAIN):
            step = self._conversions.get(currency)
            quote = self._quote(step.symbol) if step else None
            mark = mark_of(quote.bid, quote.ask, quote.last) if quote else None
            if step is None or quote is None or mark is None:
                return None
            value = ratio(value, mark) if step.inverse else times(value, mark)
            live = live and quote.feed_state != "stale"
            if step.into == self.into:
                return Rate(value, live)
            currency = step.into
        return None


class Holding(NamedTuple):
    """A position at its mark, in its own currency."""

    mark: Decimal
    notional: Decimal
    initial: Decimal
    maintenance: Decimal
    unrealized: Decimal


def holding_of(position: Position, quote: UsedQuote | None, rules: TradingRules | None) -> Holding:
    """The position at the quote's mark, else at the mark that it had; at the instrument's rates, else at those it had."""
    mark = mark_of(quote.bid, quote.ask, quote.last) if quote else None
    if mark is None:
        mark = number(position.mark_price)
    quantity = number(position.net_qty)
    if not quantity:
        return Holding(mark, ZERO, ZERO, ZERO, ZERO)
    initial = rules.initial_margin_rate if rules else number(position.initial_margin_rate)
    maintenance = rules.maintenance_margin_rate if rules else number(position.maintenance_margin_rate)
    worth = notional(mark, quantity, number(position.multiplier))
    size = worth.copy_abs()
    return Holding(
        mark,
        money(size),
        money(times(size, initial)),
        money(times(size, maintenance)),
        money(minus(worth, number(position.cost))),
    )


class Valuation(NamedTuple):
    """An account in its currency, before reservations. equity = cash + unrealized; risk_ratio = maintenance / equity
    to 8 decimals, None at equity <= 0.
    """

    cash: Decimal
    unrealized: Decimal
    initial: Decimal
    maintenance: Decimal
    equity: Decimal
    risk_ratio: Decimal | None
    level: MarginLevel
    unconverted: tuple[str, ...]


def margin_level(maintenance: Decimal, at: Decimal | None) -> MarginLevel:
    """How near it is to liquidation: from 0.7, 0.85 and 1 on, or with a position and nothing to carry it."""
    if at is None:
        return "liquidation" if maintenance > 0 else "ok"
    if at < WARNING_AT:
        return "ok"
    if at < CALL_AT:
        return "warning"
    return "call" if at < LIQUIDATION_AT else "liquidation"


def value_account(
    balances: Mapping[str, str], holdings: Iterable[tuple[str, Holding]], converter: Converter
) -> Valuation:
    """What balances and holdings (each with its currency) come to."""
    unconverted: list[str] = []
    cash = profit = initial_sum = maintenance_sum = ZERO
    for currency, text in balances.items():
        rate = converter.rate(currency)
        cash = plus(cash, _worth(number(text), rate))
        if not _is_live(rate):
            unconverted.append(currency)
    for currency, (unrealized, initial, maintenance) in _by_currency(holdings).items():
        rate = converter.rate(currency)
        profit = plus(profit, _worth(unrealized, rate))
        initial_sum = plus(initial_sum, in_account_currency(initial, rate))
        maintenance_sum = plus(maintenance_sum, in_account_currency(maintenance, rate))
    equity = plus(cash, profit)
    at = money(ratio(maintenance_sum, equity)) if equity > 0 else None
    level = margin_level(maintenance_sum, at)
    return Valuation(cash, profit, initial_sum, maintenance_sum, equity, at, level, tuple(unconverted))


def _by_currency(holdings: Iterable[tuple[str, Holding]]) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """Unrealised profit, initial and maintenance margin of the holdings in each currency."""
    sums: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
    for currency, (_, _, initial, maintenance, unrealized) in holdings:
        known = sums.get(currency)
        if known is not None:
            unrealized = plus(known[0], unrealized)  # noqa: PLW2901
            initial, maintenance = plus(known[1], initial), plus(known[2], maintenance)  # noqa: PLW2901
        sums[currency] = (unrealized, initial, maintenance)
    return sums


def sum_of_reservations(reserved: Mapping[str, Decimal], converter: Converter) -> Decimal:
    """The reservations of open orders, by currency, in the account's."""
    total = ZERO
    for currency, amount in reserved.items():
        if amount:
            total = plus(total, in_account_currency(amount, converter.rate(currency)))
    return total


def in_account_currency(amount: Decimal, rate: Rate | None) -> Decimal:
    """An obligation at the rate, live or not; 0 where there never was one."""
    if rate is _SAME:
        return amount
    return money(times(amount, rate.value)) if rate else ZERO


def converted_total(amounts: Mapping[str, str], converter: Converter) -> Decimal:
    """Amounts by currency, in the account's, at the rates there are."""
    total = ZERO
    for currency, text in amounts.items():
        total = plus(total, in_account_currency(number(text), converter.rate(currency)))
    return total


def _is_live(rate: Rate | None) -> bool:
    return rate is not None and rate.live


def _worth(amount: Decimal, rate: Rate | None) -> Decimal:
    if amount > 0 and not _is_live(rate):
        return ZERO
    return in_account_currency(amount, rate)
