"""Prefixed, time-sortable ids (`ten_...`) and UUIDv7 event ids. Passed in where a rule must be repeatable."""

from typing import Protocol

import uuid_utils


class Identifiers(Protocol):
    """Makes ids. `new("ten")` is `ten_` plus 32 hex digits of a UUIDv7; `event_id()` is a UUIDv7 in text form."""

    def new(self, prefix: str) -> str: ...
    def event_id(self) -> str: ...


class SystemIdentifiers:
    """Ids from the machine's clock and randomness."""

    def new(self, prefix: str) -> str:
        """A new id, e.g. `key_0198...`; ids of one process sort by the time they were made."""
        return f"{prefix}_{uuid_utils.uuid7().hex}"

    def event_id(self) -> str:
        """A new UUIDv7 in its text form."""
        return str(uuid_utils.uuid7())
