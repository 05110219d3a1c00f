"""Commands -> owner over a log in this process: what the batch transport is to the cluster. Every partition is ours."""

import asyncio
from collections.abc import Sequence

from storage.log.port import Log, Record
from streams.owner.ports import CommandOwner


class OnlyMember:
    """The group of one: whoever asks is told that the partition is still his."""

    async def still_mine(self) -> bool:
        """Always."""
        return True


class MemoryOwnerRunner:
    """Hands every partition of `topic` to `owner`, as the only member of `group`. `run` may be called once.

    Records come from where the owner says, after it has said so; offsets are committed as a hint for lag alone.
    """

    def __init__(self, log: Log, topic: str, owner: CommandOwner, group: str) -> None:
        self._log, self._topic, self._owner, self._group = log, topic, owner, group
        self._done: dict[int, int] = {}
        self._ready = asyncio.Event()

    async def ready(self) -> None:
        """Return when every partition is claimed and read up."""
        await self._ready.wait()

    def positions(self) -> dict[int, int]:
        """For each partition the offset after the last command whose record is acknowledged."""
        return dict(self._done)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what was taken. Raises what the owner raises."""
        partitions = sorted(await self._log.bounds(self._topic))
        member = OnlyMember()
        starts = await asyncio.gather(*(self._owner.assigned(partition, member) for partition in partitions))
        self._done = dict(zip(partitions, starts, strict=True))
        reading = asyncio.create_task(self._read())
        stopping = asyncio.create_task(stop.wait())
        self._ready.set()
        try:
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                await reading
            reading.cancel()
            await asyncio.wait({reading})
            await self._owner.drain()
            await self._log.commit(self._group, self._topic, self._done)
        finally:
            for task in (reading, stopping):
                task.cancel()
            await asyncio.gather(reading, stopping, return_exceptions=True)
            for partition in partitions:
                await self._owner.revoked(partition)

    async def _read(self) -> None:
        async with self._log.tail(self._topic, self._done) as tail:
            while True:
                records = await tail.batch()
                await self._owner.take(records[0].partition, records, _Done(self._done, records))


class _Done:
    """Notes how far a partition has come, once its batch is done."""

    def __init__(self, done: dict[int, int], records: Sequence[Record]) -> None:
        self._done, self._partition, self._next = done, records[0].partition, records[-1].offset + 1

    def __call__(self) -> None:
        self._done[self._partition] = max(self._next, self._done[self._partition])
