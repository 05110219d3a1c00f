"""Last step on the road of a write: what the core has answered, as an HTTP answer. Pure.

One answer gives one body, so a repeat has the bytes of the first.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from gateway.http.answer import Field
from gateway.http.calls import Refusal, Reply
from gateway.trading.deciding import KnownAnswer
from gateway.trading.order_view import OrderView, encode_view, order_view
from gateway.trading.requests import Begun
from ops.runtime.errors import CATALOGUE, HubError
from storage.models.order_events import FirstAnswer

REPLAYED: Final[Field] = (b"idempotency-replayed", b"true")
UNKNOWN: Final = "order.outcome_unknown"
LATE: Final = "order.expired_in_transit"
encode: Final = msgspec.json.Encoder().encode


def success(begun: Begun, seq: int | None, data: bytes) -> Reply:
    """200 with `data`, as of the account's record `seq` (None: no record was made)."""
    return Reply(data, _fields(begun, seq), begun.first)


def view_of(answer: FirstAnswer, order_id: str) -> OrderView:
    """The order of an answer; one that is not `order_id` is the one of before, with the same client order id."""
    if answer.order is None:
        raise HubError("system.internal")
    return order_view(answer.order, duplicate=answer.order.order_id != order_id)


def order_reply(begun: Begun, answer: FirstAnswer, order_id: str) -> Reply:
    """200 with the order as the answer has it."""
    return success(begun, answer.seq, encode_view(view_of(answer, order_id)))


def refuse(begun: Begun, answer: FirstAnswer, order_id: str | None) -> NoReturn:
    """Raises what the core has denied, with its figures."""
    code, details, upstream_code = refusal_of(answer, order_id)
    raise Refusal(
        code, details, fields=_fields(begun, answer.seq), first=begun.first, upstream_code=upstream_code
    )  # fmt: skip


def refusal_of(answer: FirstAnswer, order_id: str | None) -> tuple[str, dict[str, Any], str | None]:
    """Code, details and the venue's own code of a denial. `details.order_id` is the order that was asked about; another
    order that a denial names is `details.other_order_id`. A code that the catalogue does not have is the venue's.
    """
    details = dict(answer.details or {})
    upstream_code = details.pop("upstream_code", None)
    if order_id is not None:
        other = details.get("order_id", order_id)
        if other != order_id:
            details["other_order_id"] = other
        details["order_id"] = order_id
    code = answer.code or "system.internal"
    if code not in CATALOGUE:
        details["code"], code = code, "venue.rejected"
    return code, details, upstream_code


class Answered(NamedTuple):
    """What a command was answered; `remembered`: that was before, and the present may be another."""

    answer: FirstAnswer
    remembered: bool


def answered(begun: Begun, decided: KnownAnswer | None, details: Mapping[str, Any]) -> Answered:
    """What the command was answered. Raises what is said, with `details`, where nobody has decided it (503), or where it was
    never done and is too old to be.
    """
    if decided is None:
        refuse_unknown(details)
    if decided.answer is None:
        raise Refusal(LATE, details, fields=_fields(begun, decided.seq), first=begun.first)
    return Answered(decided.answer, decided.remembered)


def refuse_unknown(details: Mapping[str, Any]) -> NoReturn:
    """Raises 503: nobody has said yet what came of it."""
    raise HubError(UNKNOWN, details)


def _fields(begun: Begun, seq: int | None) -> tuple[Field, ...]:
    account_seq: tuple[Field, ...] = () if seq is None else ((b"x-account-seq", b"%d" % seq),)
    return (*account_seq, REPLAYED) if begun.repeated else account_seq
