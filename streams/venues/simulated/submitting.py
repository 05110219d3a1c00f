"""`submit`: what the venue refuses, what it acknowledges, and where an accepted order goes."""

from decimal import Decimal, InvalidOperation

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND
from storage.models.instruments import Instrument
from storage.models.venues import SubmitRequest
from streams.venues.simulated.amounts import ZERO, amount, is_multiple
from streams.venues.simulated.draft import Draft
from streams.venues.simulated.entering import end, enter, must_be_immediate
from streams.venues.simulated.market import Market
from streams.venues.simulated.matching import would_take
from streams.venues.simulated.orders import Order
from streams.venues.simulated.scenarios import NONE, Scenario, scenario_of


def submit(draft: Draft, request: SubmitRequest) -> None:
    """Take an order in. The venue has it from here on, even if only as a rejected one."""
    order = _order_of(draft.market, request)
    if order is None:
        draft.answer(request, "rejected", "SIM_BAD_REQUEST")
        return
    draft.orders[order.order_id] = order
    scenario = scenario_of(order.client_order_id)
    problem = "SIM_UNKNOWN_SCENARIO" if scenario is None else problem_of(draft.market, order)
    problem = problem or _problem_of_time(draft, order)
    if problem is not None:
        end(draft, order, "rejected", "rejected", problem, request=request)
    elif _acknowledge(draft, order, scenario or NONE, request):
        _place(draft, order)


def _order_of(market: Market, request: SubmitRequest) -> Order | None:
    """The order that a request describes; None when it has no shape of an order."""
    try:
        quantity = amount(request.quantity)
        price = None if request.price is None else amount(request.price)
        stop_price = None if request.stop_price is None else amount(request.stop_price)
        worst = None if request.worst_price is None or request.type != "market" else amount(request.worst_price)
    except InvalidOperation:
        return None
    if not quantity.is_finite() or quantity <= 0 or not _has_shape(request, price, stop_price):
        return None
    if worst is not None and not worst.is_finite():
        return None
    return Order(
        request.order_id,
        request.tenant_id,
        request.account_id,
        request.connector,
        request.symbol,
        request.side,
        request.type,
        quantity,
        ZERO,
        request.time_in_force,
        "held",
        "new",
        0,
        market.quote,
        price,
        stop_price,
        request.post_only,
        request.client_order_id,
        worst=worst,
    )


def _has_shape(request: SubmitRequest, price: Decimal | None, stop_price: Decimal | None) -> bool:
    """Limit needs a price, stop a stop price, market neither; post-only is a resting limit order's."""
    if any(value is not None and not (value.is_finite() and value > 0) for value in (price, stop_price)):
        return False
    if request.post_only and (request.type != "limit" or request.time_in_force in ("IOC", "FOK")):
        return False
    if request.type == "limit":
        return price is not None and stop_price is None
    if request.type == "stop":
        return stop_price is not None
    return price is None and stop_price is None


def problem_of(market: Market, order: Order) -> str | None:
    """Why the venue does not take such an order, whatever the time."""
    instrument, capabilities = market.instrument, market.rules.capabilities
    if instrument is None:
        return "SIM_UNKNOWN_SYMBOL"
    if not instrument.tradable or instrument.status != "active":
        return "SIM_NOT_TRADABLE"
    if order.type not in capabilities.order_types or order.time_in_force not in capabilities.times_in_force:
        return "SIM_BAD_REQUEST"
    if (order.post_only and not capabilities.post_only) or (
        order.type == "stop" and order.price is not None and not capabilities.stop_limit
    ):
        return "SIM_BAD_REQUEST"
    return _problem_of_increments(instrument, order)


def _problem_of_increments(instrument: Instrument, order: Order) -> str | None:
    tick = amount(instrument.tick_size)
    if any(value is not None and not is_multiple(value, tick) for value in (order.price, order.stop_price)):
        return "SIM_TICK_SIZE"
    if not is_multiple(order.quantity, amount(instrument.lot_size)):
        return "SIM_LOT_SIZE"
    if not amount(instrument.min_quantity) <= order.quantity <= amount(instrument.max_quantity):
        return "SIM_QUANTITY_LIMIT"
    return None


def _problem_of_time(draft: Draft, order: Order) -> str | None:
    market = draft.market
    if not market.is_open:
        waits = market.rules.capabilities.queues_when_closed
        if not waits or (order.type != "stop" and must_be_immediate(order)):
            return "SIM_CLOSED"
    elif order.post_only and would_take(draft, order):
        return "SIM_WOULD_TAKE"
    return None


def _acknowledge(draft: Draft, order: Order, scenario: Scenario, request: SubmitRequest) -> bool:
    """Answer a submit that the venue takes; False when a scenario ends the order here."""
    market = draft.market
    if scenario.name == "reject":
        end(draft, order, "rejected", "rejected", "SIM_REJECTED", request=request)
        return False
    if scenario.name == "timeout-then-reject":
        draft.report(order, "unknown", request=request, code="SIM_TIMEOUT", at_once=True)
        after = market.rules.resolve_after
        end(draft, order, "rejected", "rejected", "SIM_REJECTED", request=request, delay=after)
        return False
    if scenario.name == "slow":
        order.silent_until = market.now + scenario.argument * NANOSECONDS_PER_MILLISECOND
    if scenario.name == "timeout-then-accept":
        draft.report(order, "unknown", request=request, code="SIM_TIMEOUT", at_once=True)
        order.silent_until = market.now + market.rules.resolve_after
    if scenario.name == "disconnect":
        draft.report(order, "unknown", request=request, code="SIM_DISCONNECTED", at_once=True)
        order.silent_until = market.now + market.rules.disconnected_for
    draft.report(order, "acknowledged", request=request)
    return True


def _place(draft: Draft, order: Order) -> None:
    """Let an acknowledged order wait, or bring it to the market."""
    market = draft.market
    draft.take_place(order)
    if order.time_in_force == "DAY" and order.type != "market":
        order.expires_at = market.day_over_at()
    if order.type == "stop" and not (market.is_open and is_triggered(market, order)):
        order.place = "stop"
    elif not market.is_open:
        order.place = "queue"
    else:
        enter(draft, order)


def is_triggered(market: Market, order: Order) -> bool:
    """Whether the feed's last price has reached the order's stop price: at or above it for a buy, at or below for a sell."""
    last = ZERO if market.feed is None else market.feed.best[2]
    if order.stop_price is None or last <= 0:
        return False
    return last >= order.stop_price if order.side == "buy" else last <= order.stop_price
