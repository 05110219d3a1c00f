"""Commands that follow from records: the cancels of a cancel-all, and deadlines. Pure, with deterministic ids.

The owner appends them from acknowledged records, and again from state after a take-over; a second one is a repeat. They
carry no `issued_at`, so none is ever too old.
"""

from collections.abc import Iterator
from typing import NamedTuple

from storage.models.accounts import DeadMan
from storage.models.order_commands import CancelAll, CancelOrder, Command, ExpireOrder, ReleaseAtOpen, VenueUnknown
from storage.models.order_events import CancelRequested, DeadManSet
from storage.models.order_records import OrderRecord
from storage.models.orders import Order
from streams.orders.evolve import cancel_command_id
from streams.orders.state import AccountState


class Deadline(NamedTuple):
    """A command to append at `due_at` (ns), not before. The latest one of a `name` counts; the core ignores the others."""

    due_at: int
    name: str
    command: Command


def follow_ups_of(record: OrderRecord) -> tuple[CancelOrder, ...]:
    """The cancels that the record promises, oldest order first."""
    found: dict[str, CancelOrder] = {}
    for event in record.events:
        if isinstance(event, CancelRequested) and event.order_id is None:
            for order_id in event.found:
                found[order_id] = _cancel(record.account_id, record.seq, order_id, event.reason)
    return tuple(found.values())


def follow_ups_due(state: AccountState) -> tuple[CancelOrder, ...]:
    """The promised cancels that have not been decided: what a new owner appends again."""
    return tuple(
        CancelOrder(command_id=due.command_id, account_id=state.account_id, order_id=order_id, reason=due.reason)
        for order_id, due in state.due_cancels.items()
    )


def deadlines_in(record: OrderRecord) -> tuple[Deadline, ...]:
    """The deadlines that the record sets."""
    switches = [
        _dead_man(record.account_id, DeadMan(event.name, event.due_at, event.timeout_ms, event.spare_reduce_only))
        for event in record.events
        if isinstance(event, DeadManSet) and event.due_at is not None
    ]
    return (*switches, *(deadline for order in record.orders for deadline in _waits(order)))


def deadlines_of(state: AccountState) -> tuple[Deadline, ...]:
    """Every deadline that stands: what a new owner builds its heap from."""
    switches = [_dead_man(state.account_id, switch) for switch in state.dead_men.values()]
    waiting = (deadline for order_id in state.waiting for deadline in _waits(state.orders[order_id]))
    return (*switches, *waiting)


def _cancel(account_id: str, seq: int, order_id: str, reason: str) -> CancelOrder:
    name = cancel_command_id(account_id, seq, order_id)
    return CancelOrder(command_id=name, account_id=account_id, order_id=order_id, reason=reason)


def _dead_man(account_id: str, switch: DeadMan) -> Deadline:
    command = CancelAll(
        command_id=f"due:{account_id}:{switch.name}:{switch.due_at}",
        account_id=account_id,
        spare_reduce_only=switch.spare_reduce_only,
        reason="dead_man_switch",
        deadline=switch.name,
        due_at=switch.due_at,
    )
    return Deadline(switch.due_at, switch.name, command)


def _waits(order: Order) -> Iterator[Deadline]:
    order_id, account_id = order.order_id, order.account_id
    if order.query_at is not None:
        name = f"query:{order_id}"
        command_id = f"due:{account_id}:{name}:{order.query_at}"
        query = VenueUnknown(command_id=command_id, account_id=account_id, order_id=order_id, code="venue.unanswered")
        yield Deadline(order.query_at, name, query)
    if order.state != "accepted":
        return
    if order.release_at is not None:
        name = f"open:{order_id}"
        command_id = f"due:{account_id}:{name}:{order.release_at}"
        release = ReleaseAtOpen(
            command_id=command_id, account_id=account_id, order_id=order_id, due_at=order.release_at
        )
        yield Deadline(order.release_at, name, release)
    if order.expires_at is not None:
        name = f"day:{order_id}"
        command_id = f"due:{account_id}:{name}:{order.expires_at}"
        expire = ExpireOrder(command_id=command_id, account_id=account_id, order_id=order_id, due_at=order.expires_at)
        yield Deadline(order.expires_at, name, expire)
