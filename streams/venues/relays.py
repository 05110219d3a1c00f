"""On the road of an order: `venue-reports` -> here -> `order-commands`, what a venue's relay passes on. Pure."""

from typing import Final

from storage.log.port import Message, Record
from storage.models.order_commands import encode_command
from storage.models.venues import decode_record
from streams.venues.commands import command_of

_SCHEMA: Final = ("schema", b"order-command.1")


def order_commands(record: Record) -> list[Message]:
    """The commands that a record of a venue gives to accounts, in the order of its reports; often none.

    Their ids are the reports', so that one which is relayed again has no second effect.
    """
    return [
        Message(
            report.account_id.encode(),
            encode_command(command_of(report)),
            (_SCHEMA, ("event-id", report.report_id.encode())),
        )
        for report in decode_record(record.value or b"").reports
    ]
