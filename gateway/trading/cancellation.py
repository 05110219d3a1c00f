"""What became of the orders of one cancel, as far as records and read models have told. Pure."""

from collections.abc import Iterable
from typing import Final

import msgspec

from storage.models.order_events import CancelRejected, FirstAnswer
from storage.models.order_records import OrderRecord
from storage.models.orders import Order

PENDING: Final = "pending"
CANCELED: Final = "canceled"
FINAL: Final = "order.already_final"
NOT_SELECTED: Final = "order.not_selected"


class Failure(msgspec.Struct, frozen=True):
    """One order that was not canceled, and why."""

    order_id: str
    error_code: str


class CancelResult(msgspec.Struct, frozen=True):
    """`canceled` are canceled now; `pending` were asked and are not confirmed yet; `failed` is the rest."""

    canceled: list[str]
    pending: list[str]
    failed: list[Failure]


class Cancellation:
    """Each order as `pending`, `canceled` or the code of why it failed; the newest image of an order counts.

    `seq` is that of the last record that was taken.
    """

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self._seqs: dict[str, int] = {}
        self.seq = 0

    @property
    def pending(self) -> list[str]:
        """The orders whose end is not known yet."""
        return [order_id for order_id, state in self._states.items() if state == PENDING]

    def begin(self, answer: FirstAnswer) -> None:
        """The orders that the core found, and those that it could not cancel."""
        details = answer.details or {}
        for order_id in details.get("found", ()):
            self._states[order_id] = PENDING
        for one in details.get("failed", ()):
            self._states[one["order_id"]] = one["code"]

    def leave_out(self, order_ids: Iterable[str]) -> None:
        """Of the orders that were named, those that the core has neither found nor failed: another selector left them out."""
        for order_id in order_ids:
            self._states.setdefault(order_id, NOT_SELECTED)

    def fail(self, order_id: str, code: str) -> None:
        """An order that was not canceled."""
        self._states[order_id] = code

    def failed_with(self, code: str) -> list[str]:
        """The orders that failed for one reason."""
        return [order_id for order_id, state in self._states.items() if state == code]

    def take(self, record: OrderRecord) -> None:
        """The account's next record."""
        self.seq = record.seq
        for event in record.events:
            if isinstance(event, CancelRejected) and self._states.get(event.order_id) == PENDING:
                self._states[event.order_id] = event.code
        self.show(record.orders)

    def show(self, orders: Iterable[Order]) -> None:
        """Orders as they stand: those that have ended are no longer pending; older images than one seen before say nothing."""
        for order in orders:
            order_id = order.order_id
            if order_id not in self._states or order.seq < self._seqs.get(order_id, 0):
                continue
            self._seqs[order_id] = order.seq
            if order.status == "canceled":
                self._states[order_id] = CANCELED
            elif order.status in {"filled", "rejected"}:
                self._states[order_id] = FINAL

    def result(self) -> CancelResult:
        """All of it, in the order in which it was asked."""
        states = self._states.items()
        failed = [Failure(order_id, state) for order_id, state in states if state not in {PENDING, CANCELED}]
        canceled = [order_id for order_id, state in states if state == CANCELED]
        return CancelResult(canceled, self.pending, failed)
