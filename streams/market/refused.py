"""A record that a fold cannot take, as the pure part names it."""

from typing import NamedTuple

from storage.log.port import Record


class Refused(NamedTuple):
    """`reason` is a stable code (`trade.late`), `text` says it in words, `error` is what was raised, if anything was."""

    record: Record
    reason: str
    text: str
    error: Exception | None = None
