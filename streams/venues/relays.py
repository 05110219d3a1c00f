"""On the road of an order: `venue-reports` -> here -> `order-commands`, what a venue's relay passes on. Pure."""

from storage.command_messages import command_message
from storage.log.port import Message, Record
from storage.models.venues import decode_record
from streams.venues.commands import command_of


def order_commands(record: Record) -> list[Message]:
    """The commands that a record of a venue gives to accounts, in the order of its reports; often none.

    Their ids are the reports', so that one which is relayed again has no second effect.
    """
    return [command_message(command_of(report)) for report in decode_record(record.value or b"").reports]
