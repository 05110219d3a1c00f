"""`amend`, `cancel` and `query` of an order that the venue has."""

from decimal import Decimal, InvalidOperation
from typing import Final

from storage.models.venues import AmendRequest, CancelRequest, Outcome, QueryRequest, SubmitRequest, TimeInForce
from streams.venues.simulated.amounts import amount
from streams.venues.simulated.draft import Draft
from streams.venues.simulated.entering import IMMEDIATE, cancel_then_fill, end, enter, fill_whole
from streams.venues.simulated.matching import would_take
from streams.venues.simulated.orders import Order, copy_of
from streams.venues.simulated.scenarios import NONE, scenario_of
from streams.venues.simulated.submitting import problem_of

FILLS_TOLD: Final = 1_000
"""How many fills, the newest, an answer to a query has; all of them were reported, or will be."""


def amend(draft: Draft, request: AmendRequest) -> None:
    """Change price, quantity or time in force. The order keeps its place only when nothing but its quantity goes down."""
    order = draft.order(request.order_id)
    if order is None:
        draft.answer(request, "replace_rejected", "SIM_UNKNOWN_ORDER")
        return
    wanted = copy_of(order)
    problem = _write(wanted, request) or _problem_of_amend(draft, order, wanted)
    if problem is not None:
        draft.report(order, "replace_rejected", request=request, code=problem)
        return
    changed = draft.change(order)
    keeps = wanted.price == order.price and wanted.quantity < order.quantity
    changed.price, changed.quantity, changed.time_in_force = wanted.price, wanted.quantity, wanted.time_in_force
    changed.expires_at = _expiry(draft, changed)
    if not keeps:
        draft.take_place(changed)
    draft.report(changed, "replaced", request=request)
    _place_again(draft, changed, keeps=keeps)


def _write(wanted: Order, request: AmendRequest) -> str | None:
    """Write what is asked for into a copy; why that is impossible, or None."""
    if wanted.is_final:
        return "SIM_FINAL"
    try:
        price = wanted.price if request.price is None else amount(request.price)
        quantity = wanted.quantity if request.quantity is None else amount(request.quantity)
    except InvalidOperation:
        return "SIM_BAD_REQUEST"
    if (price is None) != (wanted.price is None) or not _are_positive(price, quantity):
        return "SIM_BAD_REQUEST"
    wanted.price, wanted.quantity = price, quantity
    wanted.time_in_force = request.time_in_force or wanted.time_in_force
    return None


def _are_positive(price: Decimal | None, quantity: Decimal) -> bool:
    return all(value.is_finite() and value > 0 for value in (quantity, *(() if price is None else (price,))))


def _problem_of_amend(draft: Draft, order: Order, wanted: Order) -> str | None:
    if wanted.quantity < order.filled:
        return "SIM_BELOW_FILLED"
    if wanted.post_only and wanted.time_in_force in IMMEDIATE:
        return "SIM_BAD_REQUEST"
    if (problem := problem_of(draft.market, wanted)) is not None:
        return problem
    if not draft.market.is_open:
        return "SIM_CLOSED" if wanted.time_in_force in IMMEDIATE and order.place != "stop" else None
    if order.place == "book" and wanted.post_only and would_take(draft, wanted):
        return "SIM_WOULD_TAKE"
    return None


def _expiry(draft: Draft, order: Order) -> int | None:
    if order.time_in_force != "DAY":
        return None
    return draft.market.day_over_at() if order.expires_at is None else order.expires_at


def _place_again(draft: Draft, order: Order, *, keeps: bool) -> None:
    resting: tuple[TimeInForce, ...] = ("DAY", "GTC")
    if not order.remaining:
        order.place, order.status, order.ended_at = "final", "filled", draft.market.now
    elif order.place == "book" and not (keeps and order.time_in_force in resting):
        if draft.market.is_open:
            enter(draft, order)
        else:
            order.place = "queue"
    elif order.place == "held" and order.time_in_force not in resting:
        end(draft, order, "canceled", "canceled", "SIM_REST_CANCELED")


def cancel(draft: Draft, request: CancelRequest) -> None:
    """Take an order out, unless a fill was faster."""
    order = draft.order(request.order_id)
    if order is None:
        draft.answer(request, "cancel_rejected", "SIM_UNKNOWN_ORDER")
        return
    if order.is_final:
        draft.report(order, "cancel_rejected", request=request, code="SIM_FINAL")
        return
    order = draft.change(order)
    scenario = scenario_of(order.client_order_id) or NONE
    if scenario.name == "cancel-race" and fill_whole(draft, order):
        draft.report(order, "cancel_rejected", request=request, code="SIM_FINAL")
    elif scenario.name == "late-fill":
        cancel_then_fill(draft, order, request)
    else:
        end(draft, order, "canceled", "canceled", None, request=request)


def query(draft: Draft, request: QueryRequest | SubmitRequest) -> None:
    """Say what has become of an order: how it stands, with all its fills."""
    order = draft.order(request.order_id)
    if draft.market.is_silent(request.connector):
        draft.answer(request, "unknown", "SIM_TIMEOUT")
    elif order is not None:
        _tell(draft, order, request)
    elif not any(key.order_id == request.order_id for key in draft.state.parked):
        draft.answer(request, "reconciled", "SIM_UNKNOWN_ORDER", outcome="not_found")


def _tell(draft: Draft, order: Order, request: QueryRequest | SubmitRequest) -> None:
    """Reports of before that are withheld come first: a scenario's silence is not broken by asking."""
    known = draft.state.fills.get(order.order_id, [])[-FILLS_TOLD:]
    fills = tuple(report.fill for report in known if report.fill is not None)
    outcome: Outcome = "open" if order.status == "new" or order.status == "partially_filled" else order.status  # noqa: PLR1714
    draft.report(order, "reconciled", request=request, outcome=outcome, fills=fills)
