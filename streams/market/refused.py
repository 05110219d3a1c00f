"""A record that a fold cannot take, as the pure part names it."""

from typing import Literal, NamedTuple

from storage.log.port import Record

Kind = Literal["undecodable", "unknown_symbol", "impossible", "late", "correction"]


class Refused(NamedTuple):
    """A record that a fold cannot take; `reason` says why in words, `kind` is what is counted."""

    record: Record
    kind: Kind
    reason: str
