"""From an account, a market and the terms of an order to the figures that the pre-trade checks look at. Pure."""

from decimal import Decimal
from typing import NamedTuple

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.controls import TradingRules
from storage.models.money import ZERO, minus, notional, number, parse_number
from storage.models.order_records import UsedQuote
from storage.models.orders import Order, OrderType, Side
from streams.orders.draft import Draft
from streams.orders.state import AccountState, open_quantity_of
from streams.risk.permissions import Restriction, Trader, restriction_on
from streams.risk.proposal import Proposal, reducible_by


def restriction_of(draft: Draft, rules: TradingRules, strategy_id: str | None) -> Restriction | None:
    """The strictest halt that holds for an order of the account in the symbol."""
    state = draft.state
    trader = Trader(state.tenant_id, state.account_id, strategy_id, state.trading_state, state.trading_set_by)
    return restriction_on(trader, rules, draft.market.controls)


class OrderTerms(NamedTuple):
    """What an order asks for, numbers read; for an amend, what it would ask for."""

    side: Side
    kind: OrderType
    quantity: Decimal
    price: Decimal | None
    stop_price: Decimal | None
    reduce_only: bool
    restriction: Restriction | None
    lowers: bool = False


def proposal_of(
    draft: Draft,
    rules: TradingRules,
    terms: OrderTerms,
    mark: Decimal,
    amended: Order | None = None,
) -> Proposal:
    """The proposal of a new order, or of `amended` as an amend would leave it."""
    state = draft.state
    filled = number(amended.filled_quantity) if amended else ZERO
    own = open_quantity_of(amended) if amended else ZERO
    position = state.positions.get(rules.symbol)
    net = number(position.net_qty) if position else ZERO
    same_side = minus(state.open_quantity(rules.symbol, terms.side), own)
    opposite = state.sides.get((rules.symbol, "sell" if terms.side == "buy" else "buy"))
    left = minus(terms.quantity, filled)
    reducible = reducible_by(terms.side, net, same_side)
    touch = touch_of(draft.quote(rules.symbol), terms.side)
    value_price = next((price for price in (terms.price, terms.stop_price, touch) if price is not None), mark)
    return Proposal(
        rules=rules,
        side=terms.side,
        kind=terms.kind,
        quantity=terms.quantity,
        left=left,
        price=terms.price,
        stop_price=terms.stop_price,
        reduce_only=terms.reduce_only,
        mark=mark,
        touch=touch,
        value_price=value_price,
        limits=state.limits,
        net=net,
        same_side=same_side,
        reducible=reducible,
        reduces=left <= reducible,
        lowers=terms.lowers,
        value=notional(value_price, terms.quantity, rules.multiplier),
        best_opposite=opposite.best if opposite else None,
        restriction=terms.restriction,
        rate=draft.converter.rate(rules.currency),
        is_new=amended is None,
        open_orders=len(state.orders),
        recent_orders=recent_orders(state, draft.now),
        reserved_before=number(amended.reserved) if amended else ZERO,
        available_margin=lambda: draft.available_margin,
        margin_level=lambda: draft.valuation.level,
    )


def still_reduces(state: AccountState, order: Order) -> bool:
    """Whether all that an open order may still fill reduces the position, beside the other open orders of its side."""
    own = open_quantity_of(order)
    position = state.positions.get(order.symbol)
    net = number(position.net_qty) if position else ZERO
    return own <= reducible_by(order.side, net, minus(state.open_quantity(order.symbol, order.side), own))


def touch_of(quote: UsedQuote | None, side: Side) -> Decimal | None:
    """The price at the top of the book that an order of `side` would trade against; None where nothing is there."""
    price = parse_number(quote.ask if side == "buy" else quote.bid) if quote is not None else None
    return price if price is not None and price > 0 else None


def recent_orders(state: AccountState, now: int) -> int:
    """How many orders and amends were accepted within the second before `now`."""
    count = len(state.recent)
    for moment in state.recent:
        if moment > now - NANOSECONDS_PER_SECOND:
            break
        count -= 1
    return count
