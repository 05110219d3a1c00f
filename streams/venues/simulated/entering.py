"""An accepted order comes to the market: it fills, rests, or ends."""

from decimal import Decimal

from storage.models.venues import OrderStatus, ReportKind, VenueRequest
from streams.venues.simulated.amounts import amount
from streams.venues.simulated.draft import Draft
from streams.venues.simulated.matching import can_fill_whole, execute, would_take
from streams.venues.simulated.orders import OPPOSITE, Order
from streams.venues.simulated.scenarios import Scenario, scenario_of

IMMEDIATE = frozenset({"IOC", "FOK"})


def must_be_immediate(order: Order) -> bool:
    """Whether nothing of the order may stay."""
    return order.time_in_force in IMMEDIATE or order.price is None


def end(
    draft: Draft,
    order: Order,
    status: OrderStatus,
    kind: ReportKind,
    code: str | None,
    *,
    request: VenueRequest | None = None,
    delay: int = 0,
) -> None:
    """End a changed order and report it."""
    order.place, order.status, order.ended_at = "final", status, draft.market.now
    draft.report(order, kind, request=request, code=code, delay=delay)


def cancel_rest(draft: Draft, order: Order, code: str) -> None:
    """The venue takes what remains out by itself."""
    end(draft, order, "canceled", "canceled", code)


def enter(draft: Draft, order: Order) -> None:
    """Bring a changed order to the open market."""
    scenario = scenario_of(order.client_order_id)
    if scenario is not None and _is_held(scenario, order):
        _enter_scenario(draft, order, scenario)
    elif order.post_only and would_take(draft, order):
        cancel_rest(draft, order, "SIM_WOULD_TAKE")
    elif order.time_in_force == "FOK" and not can_fill_whole(draft, order):
        cancel_rest(draft, order, "SIM_NOT_ALL")
    elif (problem := execute(draft, order)) is not None:
        cancel_rest(draft, order, problem)
    elif order.remaining:
        _leave_rest(draft, order)


def _leave_rest(draft: Draft, order: Order) -> None:
    if order.price is None:
        cancel_rest(draft, order, "SIM_NO_LIQUIDITY")
    elif order.time_in_force in IMMEDIATE:
        cancel_rest(draft, order, "SIM_REST_CANCELED")
    else:
        draft.rest(order)


def _is_held(scenario: Scenario, order: Order) -> bool:
    if scenario.name == "cancel-race":
        return not must_be_immediate(order)
    return scenario.name in ("partial", "late-fill")


def _enter_scenario(draft: Draft, order: Order, scenario: Scenario) -> None:
    if scenario.name == "partial":
        _fill_lots(draft, order, scenario.argument)
    if order.is_final:
        return
    if not must_be_immediate(order):
        order.place = "held"
    elif scenario.name == "late-fill":
        cancel_then_fill(draft, order)
    else:
        cancel_rest(draft, order, "SIM_REST_CANCELED")


def house_price(draft: Draft, order: Order) -> Decimal | None:
    """At what price a scenario fills an order: the feed's best, or the order's own where that is not reached."""
    best = draft.level(OPPOSITE[order.side])
    if best is None or order.price is None:
        return order.price if best is None else best[0]
    return min(order.price, best[0]) if order.side == "buy" else max(order.price, best[0])


def _fill_lots(draft: Draft, order: Order, count: int) -> None:
    price, instrument = house_price(draft, order), draft.market.instrument
    lot = amount(instrument.lot_size) if instrument is not None else order.quantity
    while price is not None and count and order.remaining:
        draft.fill(order, price, min(lot, order.remaining), "taker", draft.trade_id())
        count -= 1


def fill_whole(draft: Draft, order: Order, *, delay: int = 0) -> bool:
    """Fill all that remains at the scenario's price; False when there is none."""
    price = house_price(draft, order)
    if price is None:
        return False
    draft.fill(order, price, order.remaining, "taker", draft.trade_id(), delay=delay)
    return True


def cancel_then_fill(draft: Draft, order: Order, request: VenueRequest | None = None) -> None:
    """Cancel an order whose fill is still under way."""
    end(draft, order, "canceled", "canceled", None, request=request)
    fill_whole(draft, order, delay=draft.market.rules.late_fill_after)
