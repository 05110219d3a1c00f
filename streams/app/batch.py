"""What the Faust app hands over: whole fetches of a partition; and what is known of each partition that is read here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from storage.log.port import Record


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition in offset order, read in one generation of the group. `acknowledge` allows their commit."""

    partition: int
    generation: int
    records: Sequence[Record]
    acknowledge: Callable[[], object]


@dataclass(slots=True)
class Progress:
    """One assigned partition. `read` is the next offset to take, `durable` the next one whose effect is not durable yet;
    `begun`: a batch was taken.
    """

    generation: int
    read: int
    durable: int
    begun: bool = False


class BatchTaker(Protocol):
    """Takes the batches of one topic."""

    @property
    def topic(self) -> str: ...

    @property
    def partitions(self) -> Mapping[int, Progress]:
        """The assigned partitions whose state is loaded."""
        ...

    @property
    def records(self) -> int:
        """How many were made durable since the start."""
        ...

    async def take(self, batch: Batch) -> None:
        """Take a batch; one of an assignment that has ended is dropped. While this waits nothing more is handed over."""
        ...
