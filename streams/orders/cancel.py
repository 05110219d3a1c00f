"""`CancelOrder` and `CancelAll` decided. A cancel never expires and no halt stops it. Pure."""

from storage.models.order_commands import CancelAll, CancelOrder
from storage.models.order_events import CancelFailure, CancelRejected, CancelRequested, CommandDenied, OrderCanceled
from storage.models.orders import Order
from streams.orders.draft import Draft
from streams.orders.life import is_open


def cancel_order(draft: Draft, command: CancelOrder) -> None:
    """The venue is asked, again if it was asked before; an order that was never sent is canceled at once."""
    order = draft.order(command.order_id)
    if order is None or not is_open(order.state):
        draft.event(CancelRejected(command.order_id, _failure(order)))
    elif order.state == "accepted":
        draft.event(OrderCanceled(order.order_id, command.reason))
        draft.put(order, state="canceled", reason=command.reason)
    else:
        draft.event(CancelRequested(order.order_id, command.reason))
        draft.put(order, pending="cancel", cancel_reason=command.reason)


def cancel_all(draft: Draft, command: CancelAll) -> None:
    """Mark what is found; a `CancelOrder` for each follows, unless one is on its way: else who asks a hundred times a second
    would have every order canceled as often, before the first of it is decided. A dead-man switch that is not the present
    one does nothing.
    """
    state = draft.state
    if not state.opened:
        draft.event(CommandDenied(command.command_id, "account.not_open", {"account_id": state.account_id}))
        return
    spares = command.spare_reduce_only
    if command.deadline is not None:
        armed = state.dead_men.get(command.deadline)
        if armed is None or armed.due_at != command.due_at:
            return
        spares = armed.spare_reduce_only
    failed: list[CancelFailure] = []
    if command.order_ids is None:
        candidates = list(state.orders.values())
    else:
        candidates = []
        for order_id in dict.fromkeys(command.order_ids):
            order = draft.order(order_id)
            if order is None or not is_open(order.state):
                failed.append(CancelFailure(order_id, _failure(order)))
            else:
                candidates.append(order)
    picked = [
        order.order_id for order in candidates if _is_picked(order, command) and not (spares and order.reduce_only)
    ]
    draft.event(
        CancelRequested(
            reason=command.reason,
            found=tuple(order_id for order_id in picked if order_id not in state.due_cancels),
            failed=tuple(failed),
            deadline=command.deadline,
            promised=tuple(order_id for order_id in picked if order_id in state.due_cancels),
        )
    )


def _failure(order: Order | None) -> str:
    return "order.not_found" if order is None else "order.already_final"


def _is_picked(order: Order, command: CancelAll) -> bool:
    return (command.symbol is None or order.symbol == command.symbol) and (
        command.strategy_id is None or order.strategy_id == command.strategy_id
    )
