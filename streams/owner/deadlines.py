"""The deadlines of a partition's keys: a heap over what the acknowledged records say. Pure."""

import heapq
from collections.abc import Mapping
from typing import Final, NamedTuple

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND

LONGEST_PAUSE: Final = 5.0
"""Seconds. The wall clock may be set forward; a deadline is late by that at most, as it is by a take-over."""
_SPARE_ENTRIES: Final = 64


class Deadline(NamedTuple):
    """`due` in nanoseconds since the epoch."""

    due: int
    key: bytes
    name: str


class Deadlines:
    """Each deadline is given out once; a key's later record may move, drop or repeat it. What is kept stays proportional to
    the deadlines that stand, however often they are moved.
    """

    def __init__(self) -> None:
        self._heap: list[Deadline] = []
        self._present: dict[bytes, dict[str, int]] = {}
        self._given: dict[tuple[bytes, str], int] = {}
        self._standing = 0

    def change(self, key: bytes, changes: Mapping[str, int | None]) -> None:
        """These deadlines of `key` are at another time now, or off (None); its others stay as they were."""
        present = self._present.get(key, {})
        before = len(present)
        for name, due in changes.items():
            if due is None:
                present.pop(name, None)
                self._given.pop((key, name), None)
            elif present.get(name) != due:
                present[name] = due
                if self._given.get((key, name)) != due:
                    heapq.heappush(self._heap, Deadline(due, key, name))
        self._standing += len(present) - before
        if present:
            self._present[key] = present
        else:
            self._present.pop(key, None)
        if len(self._heap) > 2 * self._standing + _SPARE_ENTRIES:
            self._heap = [deadline for deadline in set(self._heap) if self._stands(deadline)]
            heapq.heapify(self._heap)

    def __len__(self) -> int:
        """How many entries are kept, those that no longer stand too."""
        return len(self._heap)

    def next_due(self) -> int | None:
        """The time of the earliest deadline that still stands and was not given out."""
        while self._heap and not self._stands(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0].due if self._heap else None

    def pause(self, now: int) -> float | None:
        """Seconds to sleep at `now` until the next one is due, not longer than the wall clock may be trusted to go on as it does;
        None without one.
        """
        due = self.next_due()
        return None if due is None else min((due - now) / NANOSECONDS_PER_SECOND, LONGEST_PAUSE)

    def take_due(self, now: int) -> list[Deadline]:
        """Those that stand and are due, in the order of their time."""
        due = []
        while (first := self.next_due()) is not None and first <= now:
            deadline = heapq.heappop(self._heap)
            self._given[deadline.key, deadline.name] = deadline.due
            due.append(deadline)
        return due

    def _stands(self, deadline: Deadline) -> bool:
        present = self._present.get(deadline.key, {}).get(deadline.name)
        return present == deadline.due and self._given.get((deadline.key, deadline.name)) != deadline.due
