"""Commands that follow from records: the cancels of a cancel-all, and deadlines. Pure, with deterministic ids.

The owner appends them from acknowledged records, and again from state after a take-over; a second one is a repeat. They
carry no `issued_at`, so none is ever too old. A deadline is known by its name: `switch:<dead man>`, `query:<order>`,
`open:<order>`, `day:<order>`; its command has no effect where the account's present one of that name is another.
"""

from typing import Final

from storage.models.order_commands import CancelAll, CancelOrder, Command, ExpireOrder, ReleaseAtOpen, VenueUnknown
from storage.models.order_events import CancelRequested, DeadManSet, Event
from storage.models.order_records import OrderRecord
from storage.models.orders import Order
from streams.orders.evolve import cancel_command_id
from streams.orders.state import AccountState

_SWITCH: Final = "switch:"


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


def deadlines_in(record: OrderRecord) -> dict[str, int | None]:
    """The deadlines that the record sets (ns) or ends (None)."""
    changed: dict[str, int | None] = {}
    for event in record.events:
        _switched(event, changed)
    for order in record.orders:
        changed |= _waits(order)
    return changed


def deadlines_of(state: AccountState) -> dict[str, int]:
    """Every deadline that stands: what a new owner builds its heap from."""
    standing = {_SWITCH + name: switch.due_at for name, switch in state.dead_men.items()}
    for order_id in state.waiting:
        standing |= {name: due for name, due in _waits(state.orders[order_id]).items() if due is not None}
    return standing


def deadline_command(account_id: str, name: str, due_at: int) -> Command:
    """The command for the deadline `name` of an account that was set for `due_at`. Raises `ValueError` for no such name."""
    command_id = f"due:{account_id}:{name}:{due_at}"
    kind, _, subject = name.partition(":")
    match kind:
        case "switch":
            return CancelAll(
                command_id=command_id,
                account_id=account_id,
                reason="dead_man_switch",
                deadline=subject,
                due_at=due_at,
            )
        case "query":
            return VenueUnknown(
                command_id=command_id,
                account_id=account_id,
                order_id=subject,
                code="venue.unanswered",
                due_at=due_at,
            )
        case "open":
            return ReleaseAtOpen(command_id=command_id, account_id=account_id, order_id=subject, due_at=due_at)
        case "day":
            return ExpireOrder(command_id=command_id, account_id=account_id, order_id=subject, due_at=due_at)
    raise ValueError(f"{account_id} has no kind of deadline that is called {name!r}")


def _cancel(account_id: str, seq: int, order_id: str, reason: str) -> CancelOrder:
    name = cancel_command_id(account_id, seq, order_id)
    return CancelOrder(command_id=name, account_id=account_id, order_id=order_id, reason=reason)


def _switched(event: Event, changed: dict[str, int | None]) -> None:
    if isinstance(event, DeadManSet):
        changed[_SWITCH + event.name] = event.due_at
    elif isinstance(event, CancelRequested) and event.deadline is not None:
        changed[_SWITCH + event.deadline] = None


def _waits(order: Order) -> dict[str, int | None]:
    waits = order.state == "accepted"
    return {
        f"query:{order.order_id}": order.query_at,
        f"open:{order.order_id}": order.release_at if waits else None,
        f"day:{order.order_id}": order.expires_at if waits else None,
    }
