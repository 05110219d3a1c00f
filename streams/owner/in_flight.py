"""What one claim has appended and does not know to stand yet. Pure.

Records stand in the order in which they were decided, so the oldest tells under which version of the controls there is
still an unacknowledged one.
"""

from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple

from storage.log.port import Message
from streams.owner.inbox import Handed
from streams.owner.rules import Event


class Decided(NamedTuple, Generic[Event]):
    """One decided record: its key, its event, the command's offset and batch (None for an aside), the time, and the record
    as it is appended.
    """

    key: bytes
    event: Event
    cause: int | None
    handed: Handed | None
    ts: int
    message: Message


@dataclass(frozen=True, slots=True)
class Append(Generic[Event]):
    """One append under way; all of its records were decided under one version of the controls."""

    decided: Sequence[Decided[Event]]
    controls_version: int
    offsets: Awaitable[list[int]]


class InFlight(Generic[Event]):
    """Appends in their order."""

    def __init__(self) -> None:
        self._appends: deque[Append[Event]] = deque()
        self.records = 0

    def put(self, append: Append[Event]) -> None:
        """One more is under way."""
        self._appends.append(append)
        self.records += len(append.decided)

    def oldest(self) -> Append[Event] | None:
        """The one whose acknowledgement comes next."""
        return self._appends[0] if self._appends else None

    def acknowledged(self) -> None:
        """The oldest stands."""
        self.records -= len(self._appends.popleft().decided)

    def applied(self, version: int) -> int:
        """The version of the controls that counts as applied while `version` is the present one: no record that was
        decided under an earlier one is unacknowledged.
        """
        return self._appends[0].controls_version if self._appends else version
