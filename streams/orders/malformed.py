"""What stands on `order-commands` and cannot be carried out: a command all the same, which is refused. Pure.

So it gives a record as every command does, holds up nobody, and whoever waits for its id is answered; its bytes stay
where they are.
"""

from typing import Any, Final

import msgspec

from storage.models.order_commands import Command
from storage.models.reading import UNREADABLE
from storage.topics import ORDER_COMMANDS

MALFORMED: Final = "command.malformed"
TOO_LARGE: Final = "command.too_large"
LONGEST_ID: Final = 200
_LONGEST_REPORT: Final = 65_536


class Malformed(msgspec.Struct, frozen=True):
    """`details` say where it stands and what is wrong. A venue's report names its `order_id` and is kept whole, up to
    64 KiB: that is a break, as any report is that fits nothing.
    """

    command_id: str
    account_id: str
    code: str
    details: dict[str, Any]
    order_id: str | None = None
    report: dict[str, Any] | None = None
    issued_at: int | None = None


AnyCommand = Command | Malformed
"""Whatever may stand on the topic."""


def malformed(value: bytes, account_id: str, place: tuple[int, int], text: str) -> Malformed:
    """A command that cannot be read, with what of it can; `place` is partition and offset, `text` what is wrong."""
    partition, offset = place
    found = _object(value)
    command_id = found.get("command_id")
    if not isinstance(command_id, str) or not 0 < len(command_id) <= LONGEST_ID:
        command_id = f"malformed:{ORDER_COMMANDS}-{partition}-{offset}"
    details = {"topic": ORDER_COMMANDS, "partition": partition, "offset": offset, "reason": text}
    order_id, kind = found.get("order_id"), found.get("type")
    reports = isinstance(kind, str) and (kind.startswith("Venue") or kind == "Reconcile")
    if not reports or not isinstance(order_id, str) or len(order_id) > LONGEST_ID:
        return Malformed(command_id, account_id, MALFORMED, details)
    kept = found if len(value) <= _LONGEST_REPORT else {}
    return Malformed(command_id, account_id, MALFORMED, details, order_id, kept)


def too_large(command: AnyCommand, order_id: str | None, offset: int) -> Malformed:
    """A command whose record would be larger than its topic takes; `order_id` is that of a venue's report."""
    details = {"topic": ORDER_COMMANDS, "offset": offset, "reason": "its record would be larger than its topic takes"}
    return Malformed(command.command_id, command.account_id, TOO_LARGE, details, order_id)


def _object(value: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(value)
    except UNREADABLE:
        return {}
    return found if isinstance(found, dict) else {}
