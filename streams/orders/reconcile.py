"""`Reconcile` decided: what the venue, asked, says of an order, with every fill that it knows of. Pure."""

from ops.runtime.timestamps import parse_timestamp
from storage.models.money import minus, number, parse_number, text_of
from storage.models.order_commands import Reconcile
from storage.models.order_events import CancelRejected, OrderAcknowledged, OrderResolved
from storage.models.orders import Order
from streams.orders.breaks import break_of, settle_if_agreed
from streams.orders.draft import Draft
from streams.orders.fills import apply_fill, can_fill, numbers_of, seen_in
from streams.orders.life import is_open
from streams.orders.reports import says_nothing_happened, unmatched
from streams.orders.settling import amend, cancel, expire, known_state, refuse_amend, reject, resolve

LOST = "venue.request_lost"


def reconcile(draft: Draft, order: Order, report: Reconcile) -> None:
    """Count the fills that are new, then let the order stand as the venue says; a break about it ends where both agree."""
    if order.state in {"accepted", "denied"}:
        if not says_nothing_happened(report):
            unmatched(draft, report, "report.contradicts")
    elif _count_fills(draft, order, report):
        _compare(draft, order, report)
    settle_if_agreed(draft, report, conclusive=_is_conclusive(order, report))


def _is_conclusive(order: Order, report: Reconcile) -> bool:
    """Of an order that is not there it may only be too early to say so."""
    return report.outcome != "not_found" or order.state == "denied" or _answered_at(report) > order.valid_until


def _compare(draft: Draft, order: Order, report: Reconcile) -> None:
    order = draft.order(order.order_id) or order
    difference = _difference(order, report)
    if difference is not None:
        raised = break_of(draft, order.order_id)
        draft.event(OrderResolved(order.order_id, report.outcome, difference=difference, break_seq=raised))
    if is_open(order.state):
        _settle(draft, order, report)
    elif report.outcome == "open":
        unmatched(draft, report, "report.contradicts")


def _count_fills(draft: Draft, order: Order, report: Reconcile) -> bool:
    for fill in report.fills:
        if seen_in(draft, order, fill.fill_id) is not None:
            continue
        present = draft.order(order.order_id) or order
        if numbers_of(fill) is None:
            unmatched(draft, report, "report.malformed")
            return False
        if not can_fill(present):
            unmatched(draft, report, "order.already_final")
            return False
        apply_fill(draft, present, fill)
    return True


def _difference(order: Order, report: Reconcile) -> str | None:
    """What the venue counts as filled beyond the fills that are known; None where they agree."""
    told = parse_number(report.filled_quantity) if report.filled_quantity is not None else None
    if told is None:
        told = number(order.quantity) if report.outcome == "filled" and order.amend is None else None
    difference = minus(told, number(order.filled_quantity)) if told is not None else None
    return text_of(difference) if difference else None


def _settle(draft: Draft, order: Order, report: Reconcile) -> None:
    match report.outcome:
        case "open":
            _still_open(draft, order, report)
        case "canceled":
            cancel(draft, order, report.code, report.upstream_code)
        case "expired":
            expire(draft, order, report.upstream_code)
        case "rejected":
            _refused(draft, order, report)
        case "not_found":
            _not_found(draft, order, report)
        case "filled":
            _filled(draft, order)


def _filled(draft: Draft, order: Order) -> None:
    """Its fills were counted already; what may be missing is the answer to an amend. Else it stays, the difference told."""
    if order.amend is None:
        return
    filled = number(order.filled_quantity)
    if filled == number(order.amend.quantity):
        amend(draft, order, order.amend)
    elif filled >= number(order.quantity):
        refuse_amend(draft, order, LOST, None)


def _refused(draft: Draft, order: Order, report: Reconcile) -> None:
    if order.state in {"sent", "unknown"} and not number(order.filled_quantity):
        reject(draft, order, report.code or "venue.rejected", report.upstream_code)
    else:
        unmatched(draft, report, "report.contradicts")


def _answered_at(report: Reconcile) -> int:
    """When the venue said so, ns on the clock that it holds `valid_until` against; 0 where it does not tell."""
    try:
        return parse_timestamp(report.venue_ts or "")
    except ValueError:
        return 0


def _not_found(draft: Draft, order: Order, report: Reconcile) -> None:
    """Gone for good only if no request could arrive any more when the venue looked; one that it once had was canceled."""
    if _answered_at(report) <= order.valid_until:
        return
    had = order.venue_order_id is not None or order.state in {"acknowledged", "partially_filled"}
    if had or number(order.filled_quantity):
        cancel(draft, order, "venue.lost", None)
    else:
        reject(draft, order, LOST, None)


def _still_open(draft: Draft, order: Order, report: Reconcile) -> None:
    """The order is at the venue; of an unknown one, requests that left no trace there were lost."""
    was_unknown = order.state == "unknown"
    if order.state in {"sent", "unknown"}:
        resolve(draft, order, "open")
        if order.state == "sent":
            draft.event(OrderAcknowledged(order.order_id, report.venue_order_id))
        venue_order_id = report.venue_order_id or order.venue_order_id
        order = draft.put(order, state=known_state(order), uncertain_since=None, venue_order_id=venue_order_id)
    if order.amend is not None:
        if _has_terms(order, report):
            amend(draft, order, order.amend)
        elif was_unknown and _answered_at(report) > order.amend.valid_until:
            refuse_amend(draft, order, LOST, None)
        order = draft.order(order.order_id) or order
    if was_unknown and order.pending == "cancel":
        draft.event(CancelRejected(order.order_id, LOST))
        draft.put(order, pending=None, cancel_reason=None)


def _has_terms(order: Order, report: Reconcile) -> bool:
    """Whether the venue tells the terms that the pending amend asked for."""
    if order.amend is None or report.quantity is None:
        return False
    wanted = parse_number(order.amend.price) if order.amend.price is not None else None
    told = parse_number(report.price) if report.price is not None else None
    return parse_number(report.quantity) == number(order.amend.quantity) and told == wanted
