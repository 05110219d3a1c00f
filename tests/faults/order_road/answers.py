"""What clients were told, held against the log: every answer is there, and no order that nobody was told of."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from storage.models.order_events import (
    AmendRejected,
    CancelRejected,
    CancelRequested,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderDenied,
)
from storage.models.order_records import OrderRecord
from storage.models.orders import Order
from streams.orders.life import is_open
from tests.faults.order_road.checks import Told
from tests.faults.order_road.traders import Asked
from tests.faults.report import Kind, Wrong

FINAL, NOT_FOUND = "order.already_final", "order.not_found"
Terms = tuple[str | None, ...]


@dataclass(slots=True)
class Book:
    """What an account's records say of its orders, as far as answers must agree with it. `ended` and `canceled` have been so at
    some time, `named` are those that a cancel has named, `kept` those of which one was refused; amends are by (seq of the record,
    order), refusals by (what, order, code).
    """

    accepted: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    canceled: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    amended: dict[tuple[int, str], Decimal] = field(default_factory=dict)
    refused: set[tuple[str, str, str]] = field(default_factory=set)

    def take(self, record: OrderRecord) -> None:
        """The next record."""
        self.ended |= {order.order_id for order in record.orders if not is_open(order.state)}
        self.canceled |= {order.order_id for order in record.orders if order.status == "canceled"}
        for event in record.events:
            self._take(event, record.seq)

    def _take(self, event: Event, seq: int) -> None:
        match event:
            case OrderAccepted():
                self.accepted.add(event.order_id)
            case OrderDenied():
                self.refused.add(("place", event.order_id, event.code))
            case AmendRejected():
                self.refused.add(("amend", event.order_id, event.code))
            case CancelRejected():
                self.kept.add(event.order_id)
                self.refused.add(("cancel", event.order_id, event.code))
            case OrderAmended():
                self.amended[seq, event.order_id] = Decimal(event.quantity)
            case CancelRequested(order_id=None):
                self.named.update(event.found, event.promised, (one.order_id for one in event.failed))


def check_answers(told: Told, asked: list[Asked]) -> list[Wrong]:
    """Everybody has a final answer, the log says the same, a repeat says it again, and each key had one effect."""
    books: dict[str, Book] = defaultdict(Book)
    for account_id, records in told.records.items():
        for record in records:
            books[account_id].take(record)
    wrong = []
    for one in asked:
        found = [*_wrong_with(one, books[one.account_id]), *_wrong_with_repeat(one, books[one.account_id])]
        wrong += [Wrong(kind, f"{one.kind} {one.key}: {what}") for kind, what in found]
    places = [one for one in asked if one.kind == "place"]
    return [*wrong, *_names(places), *_strays(told, places)]


def _wrong_with(one: Asked, book: Book) -> Iterator[Wrong]:
    if one.status == 0:
        yield Wrong("unanswered", f"after {one.tries} tries in {one.seconds:.0f} s: {dict(one.met)}")
    elif one.status >= 500 or one.status in {401, 403, 422}:
        yield Wrong("unanswered", f"{one.status} {one.answer}")
    else:
        yield from _JUDGES[one.kind](one, book)


def _wrong_with_repeat(one: Asked, book: Book) -> Iterator[Wrong]:
    """It has the bytes of the first answer; that of a cancel shows the present of the same orders (docs/decisions/0083)."""
    again = one.repeat
    if again is None:
        return
    if again.status == 0 or one.kind == "cancel":
        yield from _wrong_with(again, book)
    elif (again.status, again.raw) != (one.status, one.raw):
        yield Wrong("otherwise", f"a repeat was answered {again.status} {again.raw!r}, first {one.status} {one.raw!r}")


def _wrong_with_place(one: Asked, book: Book) -> Iterator[Wrong]:
    if one.status == 200:
        if one.data["order_id"] not in book.accepted:
            yield Wrong("lost", f"{one.data['order_id']} was answered 200, and the log has it not")
        return
    order_id, code = (one.error["details"] or {}).get("order_id"), one.error["code"]
    if order_id in book.accepted:
        yield Wrong("otherwise", f"{order_id} was answered {one.status} {code}, and is accepted")
    elif ("place", order_id, code) not in book.refused:
        yield Wrong("lost", f"{order_id} was answered {one.status} {code}, and the log does not refuse it")


def _wrong_with_amend(one: Asked, book: Book) -> Iterator[Wrong]:
    order_id = one.target.rpartition("/")[2]
    if one.status == 200:
        seq = one.data["seq"]
        if book.amended.get((seq, order_id)) != Decimal(one.body["quantity"]):
            yield Wrong("lost", f"{order_id} was answered 200 as of {seq}, and that record does not amend it so")
        return
    code = one.error["code"]
    if code == NOT_FOUND and order_id in book.accepted:
        yield Wrong("otherwise", f"{order_id} was answered {one.status} {code}, and is accepted")
    elif not any(("amend", order_id, told) in book.refused for told in _on_the_log(code, one.error["details"] or {})):
        yield Wrong("lost", f"an amend of {order_id} was answered {one.status} {code}, and the log does not refuse it")


def _on_the_log(code: str, details: dict[str, Any]) -> set[str]:
    """As what a client's code may stand there: the venue's own has another name in the catalogue, and of an order that the core has
    forgotten the gateway knows that it has ended.
    """
    told = details.get("code", code) if code == "venue.rejected" else code
    return {told, NOT_FOUND} if told == FINAL else {told}


def _wrong_with_cancel(one: Asked, book: Book) -> Iterator[Wrong]:
    if one.status != 200:
        yield Wrong("otherwise", f"was answered {one.status} {one.error['code']}")
        return
    states = {order_id: state for state in ("canceled", "pending") for order_id in one.data[state]}
    states |= {failed["order_id"]: failed["error_code"] for failed in one.data["failed"]}
    if sorted(states) != sorted(one.body["order_ids"]):
        yield Wrong("lost", f"{one.body['order_ids']} were to be canceled, and the answer is about {sorted(states)}")
    for order_id, state in states.items():
        if order_id not in book.named:
            yield Wrong("lost", f"{order_id} was answered {state}, and no cancel on the log names it")
        elif not _is_so(order_id, state, book):
            kind: Kind = "lost" if state == "pending" else "otherwise"
            yield Wrong(kind, f"{order_id} was answered {state}, and the log does not say so")


def _is_so(order_id: str, state: str, book: Book) -> bool:
    """A cancel that was pending has come to something by now."""
    match state:
        case "pending":
            return order_id in book.ended or order_id in book.kept
        case "canceled":
            return order_id in book.canceled
        case "order.already_final":
            return order_id in book.ended
        case "order.not_found":
            return order_id not in book.accepted
        case _:
            return ("cancel", order_id, state) in book.refused


_JUDGES: dict[str, Callable[[Asked, Book], Iterator[Wrong]]] = {
    "place": _wrong_with_place,
    "amend": _wrong_with_amend,
    "cancel": _wrong_with_cancel,
}


def _names(places: list[Asked]) -> list[Wrong]:
    """A key is told of one order, and of no other key's."""
    keys: dict[str, list[str]] = defaultdict(list)
    for one in places:
        for order_id in _told_of(one):
            keys[order_id].append(one.key)
    several = {one.key: sorted(_told_of(one)) for one in places if len(_told_of(one)) > 1}
    return [
        *(Wrong("doubled", f"{key} was told of {len(ids)} orders: {ids}") for key, ids in several.items()),
        *(Wrong("lost", f"{names} were all told of {one}") for one, names in keys.items() if len(names) > 1),
    ]


def _told_of(one: Asked) -> set[str]:
    return one.order_ids | (one.repeat.order_ids if one.repeat else set())


def _strays(told: Told, places: list[Asked]) -> list[Wrong]:
    """Every order, accepted or denied, is one that some key was told of. A key that never was told anything may have had one."""
    known = set().union(*map(_told_of, places))
    untold = Counter(_asked_terms(one) for one in places if one.status == 0 and not _told_of(one))
    wrong = []
    for account_id, record, event in _decided(told):
        if event.order_id in known:
            continue
        terms = next((_terms(account_id, one) for one in record.orders if one.order_id == event.order_id), ())
        if untold[terms]:
            untold[terms] -= 1
            continue
        done = "accepted" if isinstance(event, OrderAccepted) else "denied"
        wrong.append(Wrong("doubled", f"{account_id}: {event.order_id} was {done}, and no key was told of it"))
    return wrong


def _decided(told: Told) -> Iterator[tuple[str, OrderRecord, OrderAccepted | OrderDenied]]:
    for account_id, records in told.records.items():
        for record in records:
            for event in record.events:
                if isinstance(event, OrderAccepted | OrderDenied):
                    yield account_id, record, event


def _asked_terms(one: Asked) -> Terms:
    body = one.body
    numbers = (_plain(body["quantity"]), _plain(body.get("price")))
    return (one.account_id, body["symbol"], body["side"], body["type"], *numbers, body.get("client_order_id"))


def _terms(account_id: str, order: Order) -> Terms:
    numbers = (_plain(order.quantity), _plain(order.price))
    return (account_id, order.symbol, order.side, order.type, *numbers, order.client_order_id)


def _plain(number: str | None) -> str | None:
    return None if number is None else str(Decimal(number).normalize())
