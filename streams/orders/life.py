"""The life of an order as data: which state may follow which, and what each is called in the contract. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from storage.models.orders import OrderState, OrderStatus

_OPEN: Final = frozenset({"accepted", "sent", "acknowledged", "partially_filled", "unknown"})
TRANSITIONS: Final[Mapping[OrderState, frozenset[OrderState]]] = MappingProxyType(
    {
        "accepted": frozenset({"sent", "canceled", "expired"}),
        "sent": frozenset({"acknowledged", "partially_filled", "filled", "rejected", "canceled", "expired", "unknown"}),
        "acknowledged": frozenset({"partially_filled", "filled", "canceled", "expired", "unknown"}),
        "partially_filled": frozenset({"partially_filled", "filled", "canceled", "expired", "unknown"}),
        "unknown": frozenset({"sent", "acknowledged", "partially_filled", "filled", "rejected", "canceled", "expired"}),
        "filled": frozenset(),
        "canceled": frozenset(),
        "rejected": frozenset(),
        "expired": frozenset(),
        "denied": frozenset(),
    }
)
CORRECTABLE: Final = frozenset({"canceled", "expired"})
"""Final states that a late fill still corrects: it counts, and one that completes the order makes it filled."""
_STATUS: Final[Mapping[OrderState, OrderStatus]] = MappingProxyType(
    {
        "accepted": "new",
        "sent": "new",
        "acknowledged": "new",
        "partially_filled": "partially_filled",
        "filled": "filled",
        "canceled": "canceled",
        "rejected": "rejected",
        "expired": "canceled",
        "denied": "rejected",
    }
)


def is_open(state: OrderState) -> bool:
    """Whether an order in `state` may still change by itself; else it is final."""
    return state in _OPEN


def status_of(state: OrderState, *, filled: bool) -> OrderStatus:
    """The contract's name of `state`; an unknown order shows what it was before, which `filled` (anything at all) tells."""
    if state == "unknown":
        return "partially_filled" if filled else "new"
    return _STATUS[state]
