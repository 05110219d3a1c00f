"""A command that cannot be carried out, decided: it is told why, and nothing changes. Pure."""

from storage.models.order_events import CommandDenied, ReportUnmatched
from streams.orders.draft import Draft
from streams.orders.malformed import Malformed


def refuse(draft: Draft, command: Malformed) -> None:
    """A venue's report is kept, as any that fits nothing; another command is denied."""
    if command.order_id is not None:
        report = {**(command.report or {}), "malformed": command.details}
        draft.event(ReportUnmatched(command.order_id, "report.malformed", report))
    else:
        draft.event(CommandDenied(command.command_id, command.code, command.details))
