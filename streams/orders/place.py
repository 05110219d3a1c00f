"""On the road of an order: `PlaceOrder` decided. Accepted and sent, accepted and waiting for the open, or denied. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from storage.models.controls import TradingRules
from storage.models.money import ONE, ZERO, money, ratio, text_of, times, whole_steps
from storage.models.order_commands import PlaceOrder
from storage.models.order_events import CommandRepeated, FirstAnswer, OrderAccepted, OrderDenied, OrderSent
from storage.models.orders import Order, TimeInForce
from storage.models.valuation import mark_of
from streams.orders.client_ids import content_of
from streams.orders.draft import Draft
from streams.orders.market import Hours
from streams.orders.proposals import OrderTerms, proposal_of, restriction_of, touch_of
from streams.orders.shape import Terms, misfits, readable_terms, terms_of
from streams.risk.checks import first_denial
from streams.risk.denial import Denial
from streams.risk.increments import bad_prices, bad_quantity
from streams.risk.permissions import Restriction, connector_for, halted, stale
from streams.risk.proposal import Proposal


@dataclass(slots=True)
class _Asked:
    """What the command asks for, and what has been worked out of it so far; a denial shows it as far as it got."""

    rules: TradingRules | None
    terms: Terms
    quantity: Decimal
    time_in_force: TimeInForce
    connector: str | None = None
    hours: Hours | None = None
    restriction: Restriction | None = None
    proposal: Proposal | None = None


def place_order(draft: Draft, command: PlaceOrder) -> None:
    """Decide a new order."""
    asked = _asked(draft, command)
    if _is_known(draft, command, asked):
        return
    denial = _denial(draft, command, asked)
    if denial is not None:
        _deny(draft, command, asked, denial)
        return
    _accept(draft, command, asked)


def _asked(draft: Draft, command: PlaceOrder) -> _Asked:
    """What was sent, as far as it can be read, with the instrument's defaults."""
    rules, terms = draft.rules(command.symbol), readable_terms(command)
    default = default_time_in_force(draft, rules) if rules is not None else "GTC"
    return _Asked(rules, terms, terms.quantity or ZERO, command.time_in_force or default)


def _is_known(draft: Draft, command: PlaceOrder, asked: _Asked) -> bool:
    """The same client id with the same content is the first order again; an order id is used once."""
    known = draft.state.client_ids.get(command.client_order_id) if command.client_order_id is not None else None
    first = draft.state.order(known.order_id) if known else None
    if known is None or first is None or known.content != _content(command, asked):
        return False
    answer = FirstAnswer(first.seq, first.updated_at, "OrderAccepted", order=first)
    draft.event(CommandRepeated(command.command_id, answer, duplicate=True))
    return True


def _content(command: PlaceOrder, asked: _Asked) -> str:
    venue = command.venue or (asked.rules.venue if asked.rules is not None else "")
    return content_of(command, venue, asked.time_in_force)


def _denial(draft: Draft, command: PlaceOrder, asked: _Asked) -> Denial | None:
    for step in (_admission, _symbol, _shape, _permission, _session, _size, _risk):
        denial = step(draft, command, asked)
        if denial is not None:
            return denial
    return None


def _admission(draft: Draft, command: PlaceOrder, _: _Asked) -> Denial | None:
    if not draft.state.opened:
        return Denial("account.not_open", {"account_id": draft.state.account_id})
    if draft.now > command.valid_until:
        late = (draft.now - command.valid_until) // 1_000_000
        return Denial("order.expired_in_transit", {"valid_until_ns": command.valid_until, "late_ms": late})
    if command.client_order_id is not None and command.client_order_id in draft.state.client_ids:
        first = draft.state.client_ids[command.client_order_id].order_id
        return Denial("order.duplicate_client_id", {"client_order_id": command.client_order_id, "order_id": first})
    if draft.state.order(command.order_id) is not None:
        return Denial("order.invalid", {"fields": [{"name": "order_id", "reason": "used", "expected": "a new id"}]})
    return None


def _symbol(_: Draft, command: PlaceOrder, asked: _Asked) -> Denial | None:
    rules = asked.rules
    if rules is None:
        return Denial("market.unknown_symbol", {"symbol": command.symbol})
    if not rules.tradable:
        return Denial("instrument.not_tradable", {"symbol": command.symbol})
    if not rules.active:
        return Denial("instrument.halted", {"symbol": command.symbol})
    if command.venue is not None and command.venue != rules.venue:
        return Denial("order.venue_mismatch", {"symbol": command.symbol, "venue": rules.venue, "given": command.venue})
    return None


def _shape(_: Draft, command: PlaceOrder, asked: _Asked) -> Denial | None:
    terms = terms_of(command)
    return terms if isinstance(terms, Denial) else misfits(command, asked.time_in_force)


def default_time_in_force(draft: Draft, rules: TradingRules) -> TimeInForce:
    """DAY where the venue has sessions, else GTC."""
    venue = draft.market.controls.venues.get(rules.venue)
    return "DAY" if venue is not None and venue.has_sessions else "GTC"


def _permission(draft: Draft, command: PlaceOrder, asked: _Asked) -> Denial | None:
    rules = _rules(asked)
    asked.restriction = restriction_of(draft, rules, command.strategy_id)
    denial = halted(asked.restriction)
    if denial is not None:
        return denial
    connector = connector_for(draft.state.tenant_id, rules.venue, draft.market.controls)
    if isinstance(connector, Denial):
        return connector
    asked.connector = connector
    return None


def _session(draft: Draft, command: PlaceOrder, asked: _Asked) -> Denial | None:
    """A closed market takes what may wait, where the venue lets it wait; else it needs a quote to judge the order by."""
    rules, quote = _rules(asked), draft.quote(command.symbol)
    if quote is None or quote.session_state == "open":
        return stale(command.order_type, command.symbol, quote)
    hours = draft.market.hours.get(command.symbol)
    venue = draft.market.controls.venues.get(rules.venue)
    patient = command.order_type != "market" and asked.time_in_force in {"DAY", "GTC"}
    if not patient or venue is None or not venue.holds_orders or hours is None or hours.opens_at is None:
        told = {"symbol": command.symbol, "session_state": quote.session_state}
        return Denial("session.closed", {**told, "type": command.order_type, "time_in_force": asked.time_in_force})
    asked.hours = hours
    return None


def _size(draft: Draft, command: PlaceOrder, asked: _Asked) -> Denial | None:
    rules, terms, quote = _rules(asked), asked.terms, draft.quote(command.symbol)
    denial = bad_prices(rules, price=terms.price, stop_price=terms.stop_price)
    if denial is not None:
        return denial
    if terms.notional is not None and quote is not None:
        price = touch_of(quote, command.side)
        if price is None:
            return Denial("market.no_liquidity", {"symbol": command.symbol, "bid": quote.bid, "ask": quote.ask})
        asked.quantity = whole_steps(ratio(terms.notional, times(price, rules.multiplier)), rules.lot_size)
    return bad_quantity(rules, asked.quantity)


def _risk(draft: Draft, command: PlaceOrder, asked: _Asked) -> Denial | None:
    rules, terms, quote = _rules(asked), asked.terms, draft.quote(command.symbol)
    mark = mark_of(quote.bid, quote.ask, quote.last) if quote else None
    if mark is None:
        return stale(command.order_type, command.symbol, None)
    wanted = OrderTerms(
        side=command.side,
        kind=command.order_type,
        quantity=asked.quantity,
        price=terms.price,
        stop_price=terms.stop_price,
        reduce_only=command.reduce_only,
        restriction=asked.restriction,
    )
    asked.proposal = proposal_of(draft, rules, wanted, mark)
    denial = first_denial(asked.proposal)
    draft.rate_exceeded = denial is not None and denial.code == "risk.order_rate"
    return denial


def _accept(draft: Draft, command: PlaceOrder, asked: _Asked) -> None:
    waits = asked.hours is not None
    draft.event(
        OrderAccepted(command.order_id, _content(command, asked), command.client_order_id, waits_for_open=waits)
    )
    order = _image(draft, command, asked)
    if asked.hours is not None:
        ends = asked.hours.ends_at if asked.time_in_force == "DAY" else None
        draft.put(order, state="accepted", release_at=asked.hours.opens_at, expires_at=ends)
        return
    draft.event(OrderSent(command.order_id, asked.connector or "", command.valid_until))
    draft.put(order, state="sent")


def _deny(draft: Draft, command: PlaceOrder, asked: _Asked, denial: Denial) -> None:
    draft.event(OrderDenied(command.order_id, denial.code, denial.details))
    if draft.state.order(command.order_id) is None:
        draft.put(_image(draft, command, asked), state="denied", reason=denial.code)


def _image(draft: Draft, command: PlaceOrder, asked: _Asked) -> Order:
    """The order before `put` works out what its state and terms imply."""
    rules, terms = asked.rules, asked.terms
    price, stop_price = terms.price, terms.stop_price
    reserve_price = asked.proposal.reserve_price if asked.proposal else price or stop_price or ZERO
    return Order(
        order_id=command.order_id,
        client_order_id=command.client_order_id,
        account_id=draft.state.account_id,
        symbol=command.symbol,
        venue=rules.venue if rules else command.venue or "",
        connector=asked.connector,
        side=command.side,
        type=command.order_type,
        state="accepted",
        status="new",
        quantity=text_of(asked.quantity),
        filled_quantity="0",
        remaining_quantity="0",
        price=_text(price),
        stop_price=_text(stop_price),
        time_in_force=asked.time_in_force,
        reduce_only=command.reduce_only,
        post_only=command.post_only,
        strategy_id=command.strategy_id,
        notional=text_of(money(asked.proposal.value if asked.proposal else terms.notional or ZERO)),
        currency=rules.currency if rules else draft.state.currency,
        avg_price=None,
        filled_value="0",
        fees="0",
        reserve_price=text_of(reserve_price),
        reserved="0",
        multiplier=text_of(rules.multiplier if rules else ONE),
        margin_rate=text_of(rules.initial_margin_rate if rules else ZERO),
        uncertain=False,
        pending=None,
        reason=None,
        created_at=draft.ts,
        updated_at=draft.ts,
        seq=draft.seq,
        valid_until=command.valid_until,
    )


def _text(value: Decimal | None) -> str | None:
    return text_of(value) if value is not None else None


def _rules(asked: _Asked) -> TradingRules:
    if asked.rules is None:
        raise AssertionError("the symbol is looked up first")
    return asked.rules
