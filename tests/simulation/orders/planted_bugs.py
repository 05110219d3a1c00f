"""Ten bugs that the simulation must find: each a small patch of the order core, as somebody might write it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from storage.models.money import ZERO, average_price, notional, number, plus, times
from storage.models.order_commands import CancelOrder, PlaceOrder, VenueUnknown
from storage.models.order_events import OrderCanceled
from storage.models.orders import Order
from streams.orders import decide, draft, evolve, fills, follow_ups, images, place, positions, reports, settling
from streams.orders.life import is_open

Plant = Callable[[pytest.MonkeyPatch], None]


def a_fill_under_a_second_report_id_counts_again(patch: pytest.MonkeyPatch) -> None:
    """Fills are known by the report that brought them."""
    patch.setattr(reports, "seen_in", lambda *_: None)


def valid_until_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    """An order that was given up is accepted after all."""
    admission = place._admission

    def patient(working: draft.Draft, command: PlaceOrder, asked: Any) -> Any:
        return admission(working, replace(command, valid_until=command.valid_until + 3_600_000_000_000), asked)

    patch.setattr(place, "_admission", patient)


def a_partial_fill_frees_no_margin(patch: pytest.MonkeyPatch) -> None:
    """The whole quantity stays reserved."""
    reserved = images._reserved
    patch.setattr(
        images, "_reserved", lambda order, amend, _left, *rest: reserved(order, amend, number(order.quantity), *rest)
    )


def commands_are_not_remembered(patch: pytest.MonkeyPatch) -> None:
    """A repeat is decided anew."""
    patch.setattr(evolve, "_remember", lambda *_: None)


def a_fill_after_the_cancel_is_dropped(patch: pytest.MonkeyPatch) -> None:
    """Final is final."""
    lives: Callable[[Order], bool] = lambda order: is_open(order.state) and order.state != "accepted"  # noqa: E731
    patch.setattr(reports, "can_fill", lives)
    patch.setattr("streams.orders.reconcile.can_fill", lives)


def fees_are_paid_to_the_client(patch: pytest.MonkeyPatch) -> None:
    """The sign of a fee is lost."""

    def charge(working: draft.Draft, currency: str, fee: Decimal) -> None:
        working.paid_fees = draft._added(working.paid_fees, currency, fee)
        working.credit(currency, fee)

    patch.setattr(draft.Draft, "charge", charge)


def a_flip_keeps_the_old_average(patch: pytest.MonkeyPatch) -> None:
    """Going through zero counts as a reduction."""
    dealt = positions.dealt

    def flipped(position: Any, change: Decimal, price: Decimal, multiplier: Decimal) -> positions.Dealt:
        after = dealt(position, change, price, multiplier)
        net = number(position.net_qty) if position is not None else ZERO
        if net and after.net and net.is_signed() != after.net.is_signed():
            average = number(position.avg_price)
            return after._replace(average=average, cost=notional(average, after.net, multiplier))
        return after

    patch.setattr(fills, "dealt", flipped)


def a_timeout_means_rejected(patch: pytest.MonkeyPatch) -> None:
    """What nobody knows is called a failure."""

    def failed(working: draft.Draft, order: Order, report: VenueUnknown) -> None:
        if report.request == "submit" and order.state == "sent":
            settling.reject(working, order, report.code, None)

    patch.setitem(decide._REPORTS, VenueUnknown, failed)


def a_cancel_is_done_when_it_is_asked(patch: pytest.MonkeyPatch) -> None:
    """The venue is not asked at all."""
    cancel_order = decide._COMMANDS[CancelOrder]

    def at_once(working: draft.Draft, command: CancelOrder) -> None:
        order = working.order(command.order_id)
        if order is None or not is_open(order.state):
            cancel_order(working, command)
            return
        working.event(OrderCanceled(order.order_id, command.reason))
        working.put(order, state="canceled", reason=command.reason)

    patch.setitem(decide._COMMANDS, CancelOrder, at_once)


def a_new_owner_forgets_the_promised_cancels(patch: pytest.MonkeyPatch) -> None:
    """After a crash a cancel-all is half done."""
    patch.setattr(follow_ups, "follow_ups_due", lambda _: ())


def a_late_fill_reopens_the_order(patch: pytest.MonkeyPatch) -> None:
    """A fill always makes an order partially filled or filled."""

    def reopened(order: Order, filled: Decimal) -> str:
        return "filled" if filled >= number(order.quantity) else "partially_filled"

    patch.setattr(fills, "_state_after", reopened)


def a_pending_amend_reserves_what_was(patch: pytest.MonkeyPatch) -> None:
    """An amend upwards reserves only when the venue has confirmed it."""
    reserved = images._reserved
    patch.setattr(images, "_reserved", lambda order, _amend, *rest: reserved(order, None, *rest))


def a_short_averages_its_sales_wrongly(patch: pytest.MonkeyPatch) -> None:
    """Adding to a short takes the last price for the average."""
    dealt = positions.dealt

    def last_price(position: Any, change: Decimal, price: Decimal, multiplier: Decimal) -> positions.Dealt:
        after = dealt(position, change, price, multiplier)
        if position is not None and after.net < 0 and change < 0 and number(position.net_qty) < 0:
            cost = notional(price, after.net, multiplier)
            return after._replace(average=average_price(cost, times(after.net, multiplier)), cost=plus(cost, ZERO))
        return after

    patch.setattr(fills, "dealt", last_price)


PLANTED: tuple[Plant, ...] = (
    a_fill_under_a_second_report_id_counts_again,
    valid_until_is_not_looked_at,
    a_partial_fill_frees_no_margin,
    commands_are_not_remembered,
    a_fill_after_the_cancel_is_dropped,
    fees_are_paid_to_the_client,
    a_flip_keeps_the_old_average,
    a_timeout_means_rejected,
    a_cancel_is_done_when_it_is_asked,
    a_new_owner_forgets_the_promised_cancels,
    a_late_fill_reopens_the_order,
    a_pending_amend_reserves_what_was,
    a_short_averages_its_sales_wrongly,
)
