"""`amend`, `cancel` and `query` of an order that the venue has."""

from decimal import Decimal, InvalidOperation

from storage.models.venues import AmendRequest, CancelRequest, QueryRequest, SubmitRequest, TimeInForce
from streams.venues.simulated.amounts import amount
from streams.venues.simulated.draft import Draft
from streams.venues.simulated.entering import IMMEDIATE, cancel_then_fill, end, enter, fill_whole
from streams.venues.simulated.matching import would_take
from streams.venues.simulated.orders import Order, copy_of
from streams.venues.simulated.scenarios import NONE, scenario_of
from streams.venues.simulated.submitting import problem_of


def amend(draft: Draft, request: AmendRequest) -> None:
    """Change price, quantity or time in force. The order keeps its place only when nothing but its quantity goes down."""
    order = draft.order(request.order_id)
    if order is None:
        draft.answer(request, "replace_rejected", "SIM_UNKNOWN_ORDER")
        return
    wanted = copy_of(order)
    problem = _write(wanted, request) or _problem_of_amend(draft, order, wanted)
    if problem is not None:
        draft.report(order, "replace_rejected", request_seq=request.seq, code=problem)
        return
    changed = draft.change(order)
    keeps = wanted.price == order.price and wanted.quantity < order.quantity
    changed.price, changed.quantity, changed.time_in_force = wanted.price, wanted.quantity, wanted.time_in_force
    changed.expires_at = _expiry(draft, changed)
    if not keeps:
        draft.take_place(changed)
    draft.report(changed, "replaced", request_seq=request.seq)
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
        draft.report(order, "cancel_rejected", request_seq=request.seq, code="SIM_FINAL")
        return
    order = draft.change(order)
    scenario = scenario_of(order.client_order_id) or NONE
    if scenario.name == "cancel-race" and fill_whole(draft, order):
        draft.report(order, "cancel_rejected", request_seq=request.seq, code="SIM_FINAL")
    elif scenario.name == "late-fill":
        cancel_then_fill(draft, order, request.seq)
    else:
        end(draft, order, "canceled", "canceled", None, request_seq=request.seq)


def query(draft: Draft, request: QueryRequest | SubmitRequest) -> None:
    """Say what has become of an order: what was withheld, its fills again, then how it stands."""
    order = draft.order(request.order_id)
    if draft.market.is_silent(request.connector):
        draft.answer(request, "unknown", "SIM_TIMEOUT")
    elif order is None:
        if not any(key.order_id == request.order_id for key in draft.state.parked):
            draft.answer(request, "rejected", "SIM_UNKNOWN_ORDER")
    else:
        _tell(draft, order, request.seq)


def _tell(draft: Draft, order: Order, request_seq: int) -> None:
    held = [held.report for held in draft.state.withheld.values() if held.report.order_id == order.order_id]
    withheld = {report.report_id for report in held}
    for report in draft.state.fills.get(order.order_id, ()):
        if report.report_id not in withheld:
            draft.send_again(report)
    for report in held:
        if not draft.is_released(report.report_id):
            draft.send_again(report)
    if order.silent_until > draft.market.now:
        order = draft.change(order)
        order.silent_until = 0
    if not any(report.kind == order.status for report in held):
        _tell_state(draft, order, request_seq)


def _tell_state(draft: Draft, order: Order, request_seq: int) -> None:
    """How the order stands; a filled one has said so by its fills."""
    if not order.is_final:
        draft.report(order, "acknowledged", request_seq=request_seq)
    elif order.status == "rejected":
        draft.report(order, "rejected", request_seq=request_seq, code="SIM_REJECTED")
    elif order.status == "canceled":
        draft.report(order, "canceled", request_seq=request_seq)
    elif order.status == "expired":
        draft.report(order, "expired", request_seq=request_seq, code="SIM_DAY_OVER")
