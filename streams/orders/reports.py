"""Venue reports decided. Late, repeated, out-of-order and unknown reports are normal input: each gives a record. Pure.

What fits nothing is kept whole in a `ReportUnmatched`; what says nothing new gives a record without events.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from storage.models.money import number, parse_number, text_of
from storage.models.order_commands import (
    Reconcile,
    VenueAcknowledged,
    VenueCanceled,
    VenueCancelRejected,
    VenueExpired,
    VenueFilled,
    VenueRejected,
    VenueReplaced,
    VenueReplaceRejected,
    VenueReport,
    VenueUnknown,
    encode_command,
)
from storage.models.order_events import (
    CancelRejected,
    CommandRepeated,
    FirstAnswer,
    OrderAcknowledged,
    OrderUnknown,
    Unmatched,
)
from storage.models.orders import Order, PendingAmend
from streams.orders.breaks import keep_unmatched, place_of, settle_if_agreed
from streams.orders.draft import Draft
from streams.orders.fills import apply_fill, can_fill, numbers_of, seen_in
from streams.orders.life import CORRECTABLE, is_open
from streams.orders.settling import amend, cancel, expire, known_state, refuse_amend, reject, resolve

FIRST_QUERY_NS: Final = 1_000_000_000
_LONGEST_PAUSE_NS: Final = 60_000_000_000
_MOST_DOUBLINGS: Final = 6
Handler = Callable[[Draft, Order, Any], None]


def decide_report(draft: Draft, report: VenueReport, handler: Handler) -> None:
    """Let `handler` decide a report of an order that is known here."""
    order = draft.order(report.order_id)
    if order is None:
        if isinstance(report, Reconcile) and says_nothing_happened(report):
            settle_if_agreed(draft, report, conclusive=True)
        else:
            unmatched(draft, report, "order.not_found")
    else:
        handler(draft, order, report)


def says_nothing_happened(report: Reconcile) -> bool:
    """Whether the venue says that the order is not in the market and never dealt."""
    filled = parse_number(report.filled_quantity) if report.filled_quantity is not None else None
    return report.outcome not in {"open", "filled"} and not report.fills and not filled


def unmatched(draft: Draft, report: VenueReport, reason: Unmatched) -> None:
    """Keep a report that fits nothing, as it reads on the wire, and ask after its order."""
    asked = None if isinstance(report, Reconcile) else place_of(draft.order(report.order_id), report)
    keep_unmatched(draft, report.order_id, reason, msgspec.json.decode(encode_command(report)), asked)


def acknowledged(draft: Draft, order: Order, report: VenueAcknowledged) -> None:
    """The venue has it. One that comes after a fill only brings the venue's id."""
    if order.state == "accepted":
        unmatched(draft, report, "report.contradicts")
    elif order.state in {"sent", "unknown"}:
        resolve(draft, order, "open")
        draft.event(OrderAcknowledged(order.order_id, report.venue_order_id))
        venue_order_id = report.venue_order_id or order.venue_order_id
        draft.put(order, state=known_state(order), venue_order_id=venue_order_id, uncertain_since=None)
    elif order.venue_order_id is None and report.venue_order_id is not None:
        draft.put(order, venue_order_id=report.venue_order_id)


def rejected(draft: Draft, order: Order, report: VenueRejected) -> None:
    """The venue refused it: only an order that it never had."""
    if order.state in {"sent", "unknown"} and not number(order.filled_quantity):
        reject(draft, order, report.code, report.upstream_code)
    elif order.state != "rejected":
        unmatched(draft, report, "report.contradicts")


def filled(draft: Draft, order: Order, report: VenueFilled) -> None:
    """A fill: of an open order, or late of one that was canceled or has expired."""
    first = seen_in(draft, order, report.fill_id)
    if first is not None:
        draft.event(CommandRepeated(report.command_id, FirstAnswer(first, draft.ts, "OrderFilled")))
    elif numbers_of(report) is None:
        unmatched(draft, report, "report.malformed")
    elif not can_fill(order):
        unmatched(draft, report, "report.contradicts" if order.state == "accepted" else "order.already_final")
    else:
        apply_fill(draft, order, report)


def canceled(draft: Draft, order: Order, report: VenueCanceled) -> None:
    """It is out of the venue's book."""
    if order.state == "accepted":
        unmatched(draft, report, "report.contradicts")
    elif is_open(order.state):
        cancel(draft, order, report.code, report.upstream_code)


def expired(draft: Draft, order: Order, report: VenueExpired) -> None:
    """It ended by its time in force."""
    if order.state == "accepted":
        unmatched(draft, report, "report.contradicts")
    elif is_open(order.state):
        expire(draft, order, report.upstream_code)


def cancel_rejected(draft: Draft, order: Order, report: VenueCancelRejected) -> None:
    """It was not canceled; only a pending cancel is answered."""
    if order.pending == "cancel":
        draft.event(CancelRejected(order.order_id, report.code, report.upstream_code))
        draft.put(order, pending="amend" if order.amend else None, cancel_reason=None)


def replaced(draft: Draft, order: Order, report: VenueReplaced) -> None:
    """The pending amend was done, with the terms that the venue tells; also for an order that has ended since. An amend that had been
    given up for lost counts when its answer comes after all, an older one than the last that was done does not.
    """
    quantity = parse_number(report.quantity)
    price = parse_number(report.price) if report.price is not None else None
    if quantity is None or quantity <= 0 or (report.price is not None and price is None):
        unmatched(draft, report, "report.malformed")
        return
    asked = order.amend
    seq = report.request_seq if report.request_seq is not None else asked.seq if asked else None
    if seq is None:
        if quantity != number(order.quantity) and is_open(order.state):
            unmatched(draft, report, "report.contradicts")
    elif seq > order.amended_seq and (is_open(order.state) or order.state in CORRECTABLE):
        answered = asked is not None and asked.seq == seq
        told = text_of(price) if price is not None else asked.price if asked and answered else order.price
        time_in_force = report.time_in_force or (asked.time_in_force if asked and answered else order.time_in_force)
        amend(draft, order, PendingAmend(seq, told, text_of(quantity), time_in_force, 0))


def replace_rejected(draft: Draft, order: Order, report: VenueReplaceRejected) -> None:
    """It stays as it was; only a pending amend is answered."""
    if order.amend is not None and report.request_seq in {None, order.amend.seq}:
        refuse_amend(draft, order, report.code, report.upstream_code)


def unknown(draft: Draft, order: Order, report: VenueUnknown) -> None:
    """Nobody knows what became of a request; one that has been answered since is no longer in doubt."""
    doubtful = {
        "submit": order.state == "sent",
        "amend": is_open(order.state) and order.amend is not None,
        "cancel": is_open(order.state) and order.pending == "cancel",
    }
    if order.state == "unknown":
        _ask_again(draft, order, report)
    elif report.due_at is None and doubtful[report.request] and order.state != "accepted":
        draft.event(OrderUnknown(order.order_id, report.code, report.request, report.upstream_code))
        ends = max(draft.now, order.valid_until, order.amend.valid_until if order.amend else 0)
        code = report.upstream_code
        draft.put(order, state="unknown", uncertain_since=draft.seq, upstream_code=code, query_at=ends + FIRST_QUERY_NS)


def _ask_again(draft: Draft, order: Order, report: VenueUnknown) -> None:
    """The deadline of an unknown order: its venue is asked again, after pauses that double."""
    if order.query_at is None or report.due_at != order.query_at:
        return
    queries = order.queries + 1
    pause = min(FIRST_QUERY_NS << min(queries, _MOST_DOUBLINGS), _LONGEST_PAUSE_NS)
    draft.event(OrderUnknown(order.order_id, report.code, report.request, again=True))
    draft.put(order, query_at=draft.now + pause, queries=queries)


HANDLERS: Final[dict[type, Handler]] = {
    VenueAcknowledged: acknowledged,
    VenueRejected: rejected,
    VenueFilled: filled,
    VenueCanceled: canceled,
    VenueCancelRejected: cancel_rejected,
    VenueReplaced: replaced,
    VenueReplaceRejected: replace_rejected,
    VenueExpired: expired,
    VenueUnknown: unknown,
}
