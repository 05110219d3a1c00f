"""`AmendOrder` decided: asked of the venue, done at once for an order that waits for the open, or refused. Pure."""

from decimal import Decimal
from typing import Final, NamedTuple

from storage.models.controls import TradingRules
from storage.models.money import number, parse_number, text_of
from storage.models.order_commands import AmendOrder
from storage.models.order_events import AmendRejected, AmendRequested, OrderAmended
from storage.models.orders import Order, PendingAmend, TimeInForce
from storage.models.valuation import mark_of
from streams.orders.draft import Draft
from streams.orders.life import is_open
from streams.orders.proposals import OrderTerms, proposal_of, restriction_of
from streams.risk.checks import first_denial
from streams.risk.denial import Denial
from streams.risk.increments import bad_prices, bad_quantity
from streams.risk.permissions import Restriction, connector_for, halted, stale

_PENDING: Final = {"amend": "order.amend_pending", "cancel": "order.cancel_pending"}


class _Terms(NamedTuple):
    price: Decimal | None
    quantity: Decimal
    time_in_force: TimeInForce


def amend_order(draft: Draft, command: AmendOrder) -> None:
    """Decide an amend. Until the venue answers the order reserves the larger of the two."""
    order = draft.order(command.order_id)
    asked = _asked(draft, command, order)
    denial = asked if isinstance(asked, Denial) else None
    if denial is None and order is not None and isinstance(asked, _Terms):
        denial = _forbidden(draft, order, asked)
    if denial is not None or order is None or isinstance(asked, Denial):
        refusal = denial or Denial("order.not_found", {"order_id": command.order_id})
        draft.event(AmendRejected(command.order_id, refusal.code, refusal.details))
        return
    _request(draft, command, order, asked)


def _request(draft: Draft, command: AmendOrder, order: Order, asked: _Terms) -> None:
    price = text_of(asked.price) if asked.price is not None else None
    quantity = text_of(asked.quantity)
    if order.state == "accepted":
        draft.event(OrderAmended(order.order_id, quantity, price, asked.time_in_force))
        terms = {"quantity": quantity, "price": price, "time_in_force": asked.time_in_force}
        draft.put(order, **terms, reserve_price=price or order.reserve_price, expires_at=_ends(draft, order, asked))
        return
    draft.event(AmendRequested(order.order_id, quantity, price, asked.time_in_force, command.valid_until))
    amend = PendingAmend(draft.seq, price, quantity, asked.time_in_force, command.valid_until)
    draft.put(order, amend=amend, pending="amend")


def _ends(draft: Draft, order: Order, asked: _Terms) -> int | None:
    """When an order that waits for the open ends with its day; None where it stays until it is canceled."""
    if asked.time_in_force != "DAY":
        return None
    hours = draft.market.hours.get(order.symbol)
    return order.expires_at or (hours.ends_at if hours is not None else None)


def _asked(draft: Draft, command: AmendOrder, order: Order | None) -> _Terms | Denial:
    """What the order would be; a denial where that is no sense, too late, or the order takes no amend at the moment."""
    if not draft.state.opened:
        return Denial("account.not_open", {"account_id": draft.state.account_id})
    if draft.now > command.valid_until:
        late = (draft.now - command.valid_until) // 1_000_000
        return Denial("order.expired_in_transit", {"valid_until_ns": command.valid_until, "late_ms": late})
    if order is None:
        return Denial("order.not_found", {"order_id": command.order_id})
    return _not_now(order) or _terms(command, order)


def _not_now(order: Order) -> Denial | None:
    told = {"order_id": order.order_id, "status": order.status}
    if not is_open(order.state):
        return Denial("order.already_final", told)
    if order.state == "unknown":
        return Denial("order.uncertain", told)
    if order.pending is not None:
        return Denial(_PENDING[order.pending], told)
    return None


def _terms(command: AmendOrder, order: Order) -> _Terms | Denial:
    price = parse_number(command.price) if command.price is not None else None
    quantity = parse_number(command.quantity) if command.quantity is not None else number(order.quantity)
    wrong = [
        name
        for name, text, value in (("price", command.price, price), ("quantity", command.quantity, quantity))
        if text is not None and (value is None or value <= 0)
    ]
    if wrong or quantity is None or (command.price, command.quantity, command.time_in_force) == (None, None, None):
        fields = [{"name": name, "reason": "invalid", "expected": "a decimal number above 0"} for name in wrong]
        return Denial("request.invalid", {"fields": fields})
    time_in_force = command.time_in_force or order.time_in_force
    reason = _unamendable(order, time_in_force, has_price=command.price is not None)
    if reason is not None:
        return Denial("order.not_amendable", {"order_id": order.order_id, "reason": reason})
    if quantity < number(order.filled_quantity):
        told = {"quantity": text_of(quantity), "filled_quantity": order.filled_quantity}
        return Denial("order.quantity_below_filled", told)
    kept = number(order.price) if order.price is not None else None
    return _Terms(price if price is not None else kept, quantity, time_in_force)


def _unamendable(order: Order, time_in_force: TimeInForce, *, has_price: bool) -> str | None:
    if order.type == "market":
        return "a market order has no terms to change"
    if has_price and order.price is None:
        return "a stop-market order has no price"
    if order.post_only and time_in_force not in {"DAY", "GTC"}:
        return "post_only is DAY or GTC"
    if order.state == "accepted" and time_in_force not in {"DAY", "GTC"}:
        return "an order that waits for the open is DAY or GTC"
    return None


def _forbidden(draft: Draft, order: Order, asked: _Terms) -> Denial | None:
    rules = draft.rules(order.symbol)
    if rules is None:
        return Denial("market.unknown_symbol", {"symbol": order.symbol})
    restriction = restriction_of(draft, rules, order.strategy_id)
    denial = halted(restriction)
    if denial is not None:
        return denial
    connector = connector_for(draft.state.tenant_id, order.venue, draft.market.controls)
    if isinstance(connector, Denial):
        return connector
    denial = bad_prices(rules, price=asked.price) or _bad_quantity(rules, order, asked)
    return denial or _risk(draft, order, asked, rules, restriction)


def _bad_quantity(rules: TradingRules, order: Order, asked: _Terms) -> Denial | None:
    """A quantity that is not asked to change is not judged anew: the increments may have changed since."""
    return bad_quantity(rules, asked.quantity) if asked.quantity != number(order.quantity) else None


def _only_lowers(order: Order, asked: _Terms) -> bool:
    """Whether the order would stand for less, at no worse a price and no longer."""
    if asked.quantity >= number(order.quantity) or asked.time_in_force != order.time_in_force:
        return False
    if asked.price is None or order.price is None:
        return asked.price is None and order.price is None
    price = number(order.price)
    return asked.price <= price if order.side == "buy" else asked.price >= price


def _risk(
    draft: Draft, order: Order, asked: _Terms, rules: TradingRules, restriction: Restriction | None
) -> Denial | None:
    quote = draft.quote(order.symbol)
    mark = mark_of(quote.bid, quote.ask, quote.last) if quote else None
    if mark is None:
        return stale(order.type, order.symbol, None)
    wanted = OrderTerms(
        side=order.side,
        kind=order.type,
        quantity=asked.quantity,
        price=asked.price,
        stop_price=number(order.stop_price) if order.stop_price is not None else None,
        reduce_only=order.reduce_only,
        restriction=restriction,
        lowers=_only_lowers(order, asked),
    )
    proposal = proposal_of(draft, rules, wanted, mark, order)
    denial = first_denial(proposal)
    draft.rate_exceeded = denial is not None and denial.code == "risk.order_rate"
    return denial
