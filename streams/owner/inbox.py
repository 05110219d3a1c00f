"""The commands that were handed over and whose records are not all acknowledged yet: kept, so that a new claim can
decide them again. Pure.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from storage.log.port import Record


@dataclass(slots=True, eq=False)
class Handed:
    """One batch of commands. `next` is the index of the first that is not decided, `open` how many are not done."""

    records: Sequence[Record]
    acknowledge: Callable[[], object]
    next: int = 0
    open: int = field(init=False)

    def __post_init__(self) -> None:
        self.open = len(self.records)


class Inbox:
    """Batches in offset order. What was taken before is left out; bounded by whoever hands over (see `undecided`)."""

    def __init__(self) -> None:
        self._deciding: deque[Handed] = deque()
        self._held: dict[int, Handed] = {}
        self.undecided = 0
        self.taken = -1

    def __len__(self) -> int:
        """The batches that are not done."""
        return len(self._held)

    def put(self, records: Sequence[Record], acknowledge: Callable[[], object]) -> None:
        """Take a batch."""
        fresh = [record for record in records if record.offset > self.taken]
        if not fresh:
            acknowledge()
            return
        self.taken = fresh[-1].offset
        handed = self._held[fresh[0].offset] = Handed(fresh, acknowledge)
        self._deciding.append(handed)
        self.undecided += len(fresh)

    def next(self) -> tuple[Record, Handed] | None:
        """The next command to decide and its batch."""
        if not self._deciding:
            return None
        handed = self._deciding[0]
        record = handed.records[handed.next]
        handed.next += 1
        self.undecided -= 1
        if handed.next == len(handed.records):
            self._deciding.popleft()
        return record, handed

    def done(self, handed: Handed) -> None:
        """One command of the batch has its acknowledged record."""
        handed.open -= 1
        if not handed.open:
            del self._held[handed.records[0].offset]
            handed.acknowledge()

    def rewind(self) -> None:
        """All that is held is to be decided again, by a new claim."""
        self._deciding = deque(self._held.values())
        for handed in self._deciding:
            handed.next, handed.open = 0, len(handed.records)
        self.undecided = sum(len(handed.records) for handed in self._deciding)
