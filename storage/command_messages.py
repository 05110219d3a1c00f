"""A command as it stands on `order-commands`, whoever sends it: a gateway, the core itself, a venue's relay. Pure."""

from typing import Final

from storage.log.port import Headers, Message
from storage.models.order_commands import Command, encode_command

COMMAND_SCHEMA: Final = b"order-command.1"


def command_message(command: Command, traceparent: str | None = None) -> Message:
    """Keyed by its account; its id is the event's, so that one which is sent again has no second effect."""
    headers: Headers = (("schema", COMMAND_SCHEMA), ("event-id", command.command_id.encode()))
    if traceparent is not None:
        headers = (*headers, ("traceparent", traceparent.encode()))
    return Message(command.account_id.encode(), encode_command(command), headers)
