"""The heartbeat and the other deadlines of connections: one timer wheel for all of them. Pure; time is passed in.

websocket.md: the first ping 20 s after open, then every 20 s; no pong within 10 s after the ping has left the process's
write buffer closes with 4408; a buffer that has not moved for 60 s closes with 4413.
"""

from typing import Final, Generic, TypeVar

from gateway.live.close_codes import HEARTBEAT_MISSED, TOO_SLOW

PING_SECONDS: Final = 20.0
PONG_SECONDS: Final = 10.0
STUCK_SECONDS: Final = 60.0
_LEAVING_SECONDS: Final = 0.25
Item = TypeVar("Item")


class Wheel(Generic[Item]):
    """Items by the time at which they are due, in slots of `slot_seconds`: putting and taking cost the same however many
    there are. An item comes out at most one slot late.
    """

    def __init__(self, slot_seconds: float) -> None:
        self._slot_seconds = slot_seconds
        self._slots: dict[int, list[Item]] = {}
        self._turned_to: int | None = None

    def put(self, item: Item, due: float) -> None:
        """Have `item` come out once, when `due` (seconds) has come."""
        slot = int(due / self._slot_seconds) + 1
        if self._turned_to is not None:
            slot = max(slot, self._turned_to + 1)
        self._slots.setdefault(slot, []).append(item)

    def turn(self, now: float) -> list[Item]:
        """Everything that is due."""
        current = int(now / self._slot_seconds)
        due: list[Item] = []
        for slot in sorted(slot for slot in self._slots if slot <= current):
            due += self._slots.pop(slot)
        self._turned_to = current
        return due


class Heartbeat:
    """Pings and pongs of one connection. All times are seconds of one monotonic clock."""

    __slots__ = ("_drained", "_ping_end", "_ping_left_at", "_unmoved_since", "next_ping_at")

    def __init__(self, now: float) -> None:
        self.next_ping_at = now + PING_SECONDS
        self._ping_end: int | None = None
        self._ping_left_at: float | None = None
        self._drained = 0
        self._unmoved_since: float | None = None

    def ping_sent(self, now: float, written: int) -> None:
        """A ping was written; `written` counts all bytes so far, the ping included."""
        self.next_ping_at = now + PING_SECONDS
        if self._ping_end is None:
            self._ping_end = written

    def pong_came(self) -> None:
        """The client answered."""
        self._ping_end = self._ping_left_at = None

    def moved(self, now: float, written: int, buffered: int) -> None:
        """Take note of how far the write buffer has been emptied."""
        drained = written - buffered
        if not buffered:
            self._unmoved_since = None
        elif self._unmoved_since is None or drained != self._drained:
            self._unmoved_since = now
        self._drained = drained
        if self._ping_end is not None and self._ping_left_at is None and drained >= self._ping_end:
            self._ping_left_at = now

    def verdict(self, now: float) -> int | None:
        """The close code that is due, if one is."""
        if self._ping_left_at is not None and now - self._ping_left_at >= PONG_SECONDS:
            return HEARTBEAT_MISSED
        if self._unmoved_since is not None and now - self._unmoved_since >= STUCK_SECONDS:
            return TOO_SLOW
        return None

    def due(self, now: float) -> float:
        """When to look again: often while a ping has not left the buffer, else at the next deadline."""
        if self._ping_left_at is not None:
            return min(self.next_ping_at, self._ping_left_at + PONG_SECONDS)
        return now + _LEAVING_SECONDS if self._ping_end is not None else self.next_ping_at
