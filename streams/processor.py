"""The port between a stream processor and what runs it: Faust in the cluster, the memory runner in the local profile."""

from collections.abc import Sequence
from typing import Protocol

from storage.log.port import Record


class Processor(Protocol):
    """A fold of one topic. A runner calls `assign` for a partition, then `fold` for batches of it in offset order
    (records may come again after a crash or a take-over), `flush` after at most the flush interval or 5,000 records,
    and only after `flush` returns commits what was folded. An exception from `fold` or `flush` ends the process
    before anything is committed. Calls never overlap, except that `tick` is not called during `fold` or `flush` either.
    """

    @property
    def name(self) -> str:
        """Also the consumer group's name."""
        ...

    @property
    def topic(self) -> str: ...

    async def assign(self, partition: int, committed: int | None) -> None:
        """Load what is needed to go on at offset `committed` (None: nothing was ever committed)."""
        ...

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        """Take records of one partition into memory. Records that cannot be taken become dead letters at the flush."""
        ...

    async def flush(self) -> None:
        """Make everything folded so far durable: documents first, then records that are derived from them."""
        ...

    async def tick(self, now: int) -> None:
        """Do what is due by the clock (`now` in nanoseconds); called about every 100 ms."""
        ...

    async def revoke(self, partition: int) -> None:
        """Forget the partition's state. Nothing of it may be written afterwards."""
        ...
