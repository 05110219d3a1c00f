"""A fill on its way into the order, the position and the cash. Each fill id counts once, whatever brings it. Pure."""

from decimal import Decimal

from storage.models.money import ZERO, average_price, minus, money, number, parse_number, plus, text_of, times
from storage.models.order_commands import FoundFill, VenueFilled
from storage.models.order_events import CancelRequested, OrderAcknowledged, OrderFilled, OrderResolved
from storage.models.orders import Order, Side
from storage.models.positions import Position
from streams.orders import settling
from streams.orders.draft import Draft
from streams.orders.life import CORRECTABLE, is_open
from streams.orders.positions import dealt, signed
from streams.orders.state import open_quantity_of

Fill = VenueFilled | FoundFill


def seen_in(draft: Draft, order: Order, fill_id: str) -> int | None:
    """The seq of the record that counted this fill; None for a new one."""
    known = draft.state.fills.get(order.order_id, {}).get(fill_id)
    if known is not None:
        return known
    told = (event for event in draft.events if isinstance(event, OrderFilled))
    return draft.seq if any((event.order_id, event.fill_id) == (order.order_id, fill_id) for event in told) else None


def can_fill(order: Order) -> bool:
    """Whether a fill can be this order's: it was sent, and did not end in a way that no late fill corrects."""
    return order.state in CORRECTABLE or (is_open(order.state) and order.state != "accepted")


def numbers_of(fill: Fill) -> tuple[Decimal, Decimal, Decimal] | None:
    """Price, quantity and fee; None where they are not those of a fill."""
    price, quantity, fee = parse_number(fill.price), parse_number(fill.quantity), parse_number(fill.fee)
    if price is None or quantity is None or fee is None or quantity <= 0:
        return None
    return price, quantity, fee


def apply_fill(draft: Draft, order: Order, fill: Fill) -> None:
    """Count a new fill of an order that can fill. `numbers_of(fill)` is not None."""
    numbers = numbers_of(fill)
    if numbers is None:
        return
    price, quantity, fee = numbers
    filled = plus(number(order.filled_quantity), quantity)
    order = _told_before(draft, order, filled)
    currency = fill.fee_currency or order.currency
    realized = _into_position(draft, order, (price, quantity), (money(fee), currency))
    late = not is_open(order.state)
    draft.event(
        OrderFilled(
            order_id=order.order_id,
            fill_id=fill.fill_id,
            symbol=order.symbol,
            side=order.side,
            price=text_of(price),
            quantity=text_of(quantity),
            fee=text_of(money(fee)),
            fee_currency=currency,
            liquidity=fill.liquidity,
            realized_pnl=text_of(realized),
            ts=fill.venue_ts or draft.ts,
            late=late,
        )
    )
    value = plus(number(order.filled_value), times(price, quantity))
    own_fee = money(fee) if currency == order.currency else ZERO
    draft.put(
        order,
        state=_state_after(order, filled),
        filled_quantity=text_of(filled),
        filled_value=text_of(value),
        avg_price=text_of(average_price(value, filled)),
        fees=text_of(plus(number(order.fees), own_fee)),
        reason=order.reason if late and filled < number(order.quantity) else None,
    )
    _cancel_excess(draft, order.symbol)


def _told_before(draft: Draft, order: Order, filled: Decimal) -> Order:
    """What a fill says by itself: that the order is at the venue, and that an amend upwards was done."""
    if order.state == "sent":
        draft.event(OrderAcknowledged(order.order_id, order.venue_order_id))
    if order.state == "unknown":
        draft.event(OrderResolved(order.order_id, "open", order.uncertain_since))
        order = draft.put(order, state="acknowledged", uncertain_since=None)
    amend = order.amend
    if amend is not None and filled > number(order.quantity) and filled <= number(amend.quantity):
        settling.amend(draft, order, amend)
        return draft.order(order.order_id) or order
    return order


def _state_after(order: Order, filled: Decimal) -> str:
    """Filled when nothing is left, even with an amend upwards under way only once that is answered."""
    upwards = order.amend is not None and number(order.amend.quantity) > filled and is_open(order.state)
    if filled >= number(order.quantity) and not upwards:
        return "filled"
    return "partially_filled" if is_open(order.state) else order.state


def _into_position(
    draft: Draft, order: Order, traded: tuple[Decimal, Decimal], charged: tuple[Decimal, str]
) -> Decimal:
    """The fill's (price, quantity) and (fee, its currency) into position and cash; what it realised comes back."""
    (price, quantity), (fee, fee_currency) = traded, charged
    before = draft.position(order.symbol)
    multiplier = number(before.multiplier if before else order.multiplier)
    after = dealt(before, signed(order.side, quantity), price, multiplier)
    if after.realized:
        draft.realize(order.currency, after.realized)
    if fee:
        draft.charge(fee_currency, fee)
    rules = draft.rules(order.symbol)
    own_fee = fee if fee_currency == order.currency else ZERO
    position = Position(
        account_id=order.account_id,
        symbol=order.symbol,
        venue=order.venue,
        asset_class=rules.asset_class if rules else (before.asset_class if before else ""),
        currency=order.currency,
        net_qty=text_of(after.net),
        avg_price=text_of(after.average),
        cost=text_of(after.cost),
        mark_price=before.mark_price if before else text_of(price),
        notional="0",
        margin="0",
        maintenance_margin="0",
        unrealized_pnl="0",
        realized_pnl=text_of(plus(number(before.realized_pnl) if before else ZERO, after.realized)),
        fees=text_of(plus(number(before.fees) if before else ZERO, own_fee)),
        multiplier=text_of(multiplier),
        initial_margin_rate=text_of(rules.initial_margin_rate) if rules else order.margin_rate,
        maintenance_margin_rate=text_of(rules.maintenance_margin_rate) if rules else _maintenance(before, order),
        updated_at=draft.ts,
        seq=draft.seq,
    )
    draft.put_position(position)
    return after.realized


def _maintenance(before: Position | None, order: Order) -> str:
    return before.maintenance_margin_rate if before else order.margin_rate


def _cancel_excess(draft: Draft, symbol: str) -> None:
    """Reduce-only orders that the position no longer covers are canceled, newest first."""
    position = draft.position(symbol)
    net = number(position.net_qty) if position else ZERO
    excess: list[str] = []
    for side, covered in _covers(net):
        excess += _uncovered(draft, symbol, side, covered)
    if excess:
        draft.event(CancelRequested(reason="reduce_only", found=tuple(excess)))


def _covers(net: Decimal) -> tuple[tuple[Side, Decimal], tuple[Side, Decimal]]:
    return ("sell", max(net, ZERO)), ("buy", max(net.copy_negate(), ZERO))


def _uncovered(draft: Draft, symbol: str, side: Side, covered: Decimal) -> list[str]:
    open_side = draft.state.sides.get((symbol, side))
    if open_side is None or not open_side.reduce_only:
        return []
    total = open_side.reduce_only_quantity
    for order_id, after in draft.orders.items():
        before = draft.state.orders.get(order_id)
        if before is not None and before.reduce_only and (before.symbol, before.side) == (symbol, side):
            total = minus(total, minus(open_quantity_of(before), open_quantity_of(after)))
    found = []
    for order_id in reversed(open_side.reduce_only):
        if total <= covered:
            break
        order = draft.order(order_id)
        if order is None or not is_open(order.state):
            continue
        total = minus(total, open_quantity_of(order))
        if order.pending != "cancel" and order_id not in draft.state.due_cancels:
            found.append(order_id)
    return found
