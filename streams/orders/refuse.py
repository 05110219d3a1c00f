"""A command that cannot be carried out, decided: it is told why, and nothing changes. Pure."""

from storage.models.order_events import CommandDenied
from streams.orders.breaks import keep_unmatched
from streams.orders.draft import Draft
from streams.orders.malformed import Malformed


def refuse(draft: Draft, command: Malformed) -> None:
    """A venue's report is kept, as any that fits nothing, and its order asked after; another command is denied."""
    if command.order_id is not None:
        known = command.report or {}
        order = draft.order(command.order_id)
        asks = str(known.get("type")).startswith("Venue") and order is not None and order.connector is not None
        asked = (order.symbol, order.connector) if asks and order and order.connector else None
        report = {**known, "malformed": command.details}
        keep_unmatched(draft, command.order_id, "report.malformed", report, asked)
    else:
        draft.event(CommandDenied(command.command_id, command.code, command.details))
