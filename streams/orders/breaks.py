"""Reconciliation breaks: a venue and we disagree about an order. One stands for an order until they agree again. Pure.

Whatever brings a break also asks the venue for the order, unless it is the venue's answer to that: `Reconcile` never asks.
"""

from typing import Any, Final

from storage.models.order_commands import Reconcile, SettleBreak, VenueReport
from storage.models.order_events import BreakSettled, CommandDenied, OrderResolved, ReportUnmatched, Unmatched
from storage.models.orders import Order
from streams.orders.draft import Draft

MOST_BREAKS: Final = 1_000
"""Of one account at once; beyond that the oldest is given up for a new one, so that the state stays small."""


def keep_unmatched(
    draft: Draft, order_id: str, reason: Unmatched, report: dict[str, Any], asked: tuple[str, str] | None
) -> None:
    """Keep a report that fits nothing. `asked` is the symbol and connector at which the order is asked after."""
    symbol, connector = asked or (None, None)
    draft.event(ReportUnmatched(order_id, reason, report, break_of(draft, order_id), symbol, connector))


def place_of(order: Order | None, report: VenueReport) -> tuple[str, str] | None:
    """Where an order can be asked after: as we know it, else as the report says."""
    symbol = order.symbol if order else report.symbol
    connector = order.connector if order and order.connector else report.connector
    return (symbol, connector) if symbol and connector else None


def break_of(draft: Draft, order_id: str) -> int:
    """The seq of the record that raised the break of an order: this one's, where none stands."""
    standing = draft.state.breaks
    if order_id in standing:
        return standing[order_id]
    if len(standing) >= MOST_BREAKS and not any(isinstance(event, BreakSettled) for event in draft.events):
        oldest = next(iter(standing))
        draft.event(BreakSettled(oldest, standing[oldest], "given_up"))
    return draft.seq


def settle_if_agreed(draft: Draft, report: Reconcile, *, conclusive: bool) -> None:
    """End the break of the order when the venue's answer has left no difference."""
    raised = draft.state.breaks.get(report.order_id)
    if raised is not None and conclusive and not any(_differs(event) for event in draft.events):
        draft.event(BreakSettled(report.order_id, raised, "reconciled"))


def settle_break(draft: Draft, command: SettleBreak) -> None:
    """An operator has looked into it."""
    raised = draft.state.breaks.get(command.order_id)
    if raised is None:
        draft.event(
            CommandDenied(
                command.command_id, "order.not_found", {"order_id": command.order_id, "reason": "no break stands"}
            )
        )
    else:
        draft.event(BreakSettled(command.order_id, raised, "operator", command.reference))


def _differs(event: object) -> bool:
    return isinstance(event, ReportUnmatched) or (isinstance(event, OrderResolved) and event.difference is not None)
