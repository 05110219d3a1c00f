"""On the road of an order (d): valid records reduced to the last after-image of each document. Pure.

However the records of an account are cut into batches, and whatever of them comes again, writing each batch's `Changes` under
their guards leaves the same documents as one batch of all of them.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, parse_timestamp
from storage.models.money import money, notional, number, text_of
from storage.models.order_answers import amend_outcome, answer_of
from storage.models.order_events import AmendRejected, CommandRepeated, DeadManSet, Event, OrderAmended, OrderFilled
from storage.models.order_records import OrderRecord
from storage.models.orders import Order
from storage.models.positions import Position
from storage.models.read_models import AccountDocument, CommandAnswer, Fill, amend_outcome_id
from streams.orders.projection.account_fold import AccountFold

ANSWERS_KEPT_NS: Final = 25 * 3_600 * NANOSECONDS_PER_SECOND
"""An hour longer than order requests, which are dropped some minutes late and by another clock: a repeat whose request is
still known and whose answer is not would be told that it was never done.
"""
_KNOWN_ACCOUNTS: Final = 10_000
_NO_CLIENT_WAITS: Final = frozenset(
    {
        "CommandTooOld",
        "OrderAcknowledged",
        "OrderExpired",
        "OrderFilled",
        "OrderRejected",
        "OrderResolved",
        "OrderSent",
        "OrderUnknown",
        "ReportUnmatched",
    }
)
"""First events of records that no client's command begins with; repeats of those are never asked for."""
_OF_A_CONNECTION: Final = "ws:"
"""How the switches are called that gateways arm for their connections, several times a minute each: not by a request."""
_Key = tuple[str, str]


class Changes(NamedTuple):
    """What is to be written, in this order. `denied` orders are inserted where none is, the rest is guarded by its seq."""

    orders: list[Order]
    denied: list[Order]
    positions: list[Position]
    fills: list[Fill]
    answers: list[CommandAnswer]
    accounts: list[AccountDocument]

    @classmethod
    def joined(cls, parts: Iterable["Changes"]) -> "Changes":
        """Those of several partitions as one, so that each kind of document takes one command."""
        return cls(*([item for some in kind for item in some] for kind in zip(*parts, strict=True)))


class Fold:
    """The records of one partition since the last `drain`, and its accounts as they stand.

    With `forgetful` a great many accounts are forgotten at a `drain`, and are unknown again: their documents have it all.
    """

    def __init__(self, *, forgetful: bool) -> None:
        self._forgetful = forgetful
        self._accounts: dict[str, AccountFold] = {}
        self._forget_pending()

    def unknown(self, records: Iterable[OrderRecord]) -> set[str]:
        """The accounts whose documents must be told by `know` before the records are taken."""
        return {record.account_id for record in records} - self._accounts.keys()

    def know(self, account_id: str, document: AccountDocument | None) -> None:
        """Go on with an account from its stored document (None: there is none)."""
        self._accounts[account_id] = AccountFold(document or AccountDocument(account_id, 0, ""))

    def take(self, record: OrderRecord) -> None:
        """Take in a record of a known account; one that its document has already changes nothing.

        Raises `SequenceBroken` when a record of the account is left out.
        """
        if not self._accounts[record.account_id].take(record):
            return
        self._changed[record.account_id] = None
        for order in record.orders:
            self._take_order(order)
        for position in record.positions:
            self._positions[position.account_id, position.symbol] = position
        self._fills += [_fill(record, event) for event in record.events if isinstance(event, OrderFilled)]
        self._take_answer(record)

    def drain(self) -> Changes:
        """What was taken since the last time, each document once."""
        changes = Changes(
            list(self._orders.values()),
            list(self._denied.values()),
            list(self._positions.values()),
            self._fills,
            list(self._answers.values()),
            [self._accounts[account_id].document() for account_id in self._changed],
        )
        self._forget_pending()
        if self._forgetful and len(self._accounts) > _KNOWN_ACCOUNTS:
            self._accounts.clear()
        return changes

    def _forget_pending(self) -> None:
        self._orders: dict[_Key, Order] = {}
        self._denied: dict[_Key, Order] = {}
        self._positions: dict[_Key, Position] = {}
        self._fills: list[Fill] = []
        self._answers: dict[str, CommandAnswer] = {}
        self._changed: dict[str, None] = {}

    def _take_order(self, order: Order) -> None:
        key = (order.account_id, order.order_id)
        if order.state == "denied":
            self._denied.setdefault(key, order)
        else:
            self._orders[key] = order

    def _take_answer(self, record: OrderRecord) -> None:
        answer = _answer(record)
        if answer is not None:
            self._answers.setdefault(answer.command_id, answer)
        for outcome in _amend_outcomes(record):
            self._answers.setdefault(outcome.command_id, outcome)


def _answer(record: OrderRecord) -> CommandAnswer | None:
    """What the record tells the client of its command; None where it is no first answer, or nobody's."""
    first = record.events[0] if record.events else None
    if isinstance(first, CommandRepeated):
        told, duplicate = first.answer, first.duplicate
        if not duplicate:
            return None
    elif first is None or type(first).__name__ in _NO_CLIENT_WAITS or _is_of_a_connection(first):
        return None
    else:
        told, duplicate = answer_of(record), False
    return CommandAnswer(record.cause.command_id, record.account_id, record.seq, told, _end_of(record), duplicate)


def _is_of_a_connection(event: Event) -> bool:
    return isinstance(event, DeadManSet) and event.name.startswith(_OF_A_CONNECTION)


def _end_of(record: OrderRecord) -> int:
    """Until when what it tells is kept (ns)."""
    return parse_timestamp(record.ts) + ANSWERS_KEPT_NS


def _amend_outcomes(record: OrderRecord) -> Iterator[CommandAnswer]:
    """What the venue did about amends that it was asked for: what a client that sends its amend again is told."""
    for event in record.events:
        if isinstance(event, OrderAmended | AmendRejected) and event.request_seq is not None:
            order = next((order for order in record.orders if order.order_id == event.order_id), None)
            told = amend_outcome(record, event, order)
            identity = amend_outcome_id(record.account_id, event.request_seq)
            yield CommandAnswer(identity, record.account_id, record.seq, told, _end_of(record))


def _fill(record: OrderRecord, event: OrderFilled) -> Fill:
    order = next((order for order in record.orders if order.order_id == event.order_id), None)
    return Fill(
        fill_id=event.fill_id,
        order_id=event.order_id,
        account_id=record.account_id,
        symbol=event.symbol,
        side=event.side,  # type: ignore[arg-type]  # the event has the order's side as plain text
        price=event.price,
        quantity=event.quantity,
        fee=event.fee,
        fee_currency=event.fee_currency,
        liquidity=event.liquidity,
        realized_pnl=event.realized_pnl,
        ts=_time_of(record, event),
        seq=record.seq,
        late=event.late,
        notional=_notional(event, order),
        currency="" if order is None else order.currency,
    )


def _notional(event: OrderFilled, order: Order | None) -> str:
    """A record has the image of every order that it changed."""
    if order is None:
        return "0"
    return text_of(money(notional(number(event.price), number(event.quantity), number(order.multiplier))))


def _time_of(record: OrderRecord, event: OrderFilled) -> str:
    """The venue's time, or the record's where that is no time that can be sorted by."""
    try:
        parse_timestamp(event.ts)
    except ValueError:
        return record.ts
    return event.ts
