"""What a client is told of a record: the part of it that a repeated command is answered with. Pure.

The core remembers it, the projection keeps it, the gateway answers with it: so all three say the same.
"""

from typing import Final

from storage.models.order_events import (
    AmendRejected,
    CancelRejected,
    CancelRequested,
    CommandDenied,
    CommandRepeated,
    CommandTooOld,
    DeadManSet,
    Details,
    Event,
    FirstAnswer,
    OrderAmended,
    OrderDenied,
    TradingStateChanged,
)
from storage.models.order_records import OrderRecord
from storage.models.orders import Order

_WITH_ORDER: Final = frozenset(
    {
        "OrderAccepted",
        "OrderDenied",
        "AmendRequested",
        "OrderAmended",
        "AmendRejected",
        "CancelRequested",
        "OrderCanceled",
    }
)


def answer_of(record: OrderRecord) -> FirstAnswer:
    """The answer that a record gives to its command: the kind of its first event, what it says, the order it is about."""
    if not record.events:
        return FirstAnswer(record.seq, record.ts, "none")
    first = record.events[0]
    kind = type(first).__name__
    code, details = _said_by(first)
    order = record.orders[0] if record.orders and kind in _WITH_ORDER else None
    return FirstAnswer(record.seq, record.ts, kind, code, details, order)


def first_answer(record: OrderRecord) -> FirstAnswer | None:
    """The first answer to the command that `record` is of, which may be a repeat. None: the core takes it for too old, and what the read
    models have at or past this record is true.
    """
    first = record.events[0] if record.events else None
    if isinstance(first, CommandTooOld):
        return None
    return first.answer if isinstance(first, CommandRepeated) else answer_of(record)


def amend_outcome(record: OrderRecord, event: OrderAmended | AmendRejected, order: Order | None) -> FirstAnswer:
    """What a client is told when the venue has answered its amend; `order` is the record's image of it."""
    if isinstance(event, OrderAmended):
        return FirstAnswer(record.seq, record.ts, "OrderAmended", order=order)
    details = event.details if event.upstream_code is None else {**event.details, "upstream_code": event.upstream_code}
    return FirstAnswer(record.seq, record.ts, "AmendRejected", event.code, details, order)


def _said_by(event: Event) -> tuple[str | None, Details | None]:
    match event:
        case OrderDenied() | AmendRejected() | CommandDenied():
            return event.code, event.details
        case CancelRejected():
            return event.code, None
        case DeadManSet():
            return None, {"deadline": event.deadline, "armed": event.armed}
        case TradingStateChanged():
            return None, {"state": event.state, "since": event.since, "set_by": event.set_by}
        case CancelRequested(order_id=None):
            failed = [{"order_id": one.order_id, "code": one.code} for one in event.failed]
            return None, {"found": [*event.found, *event.promised], "failed": failed}
        case _:
            return None, None
