"""An owner whose valid records are relayed on for as long as its partition is ours."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from storage.log.port import LogUnavailable, Record
from storage.models.ownership import PartitionReport
from storage.mongo.failures import StoreUnavailable
from streams.owner.ports import CommandOwner, Membership
from streams.owner.relay import Relay

logger = logging.getLogger(__name__)


class FailingOwner(CommandOwner, Protocol):
    """`streams.owner.owner.Owner`: it says what ended it, and what it owns."""

    @property
    def failure(self) -> "asyncio.Future[None]": ...

    def reports(self) -> list[PartitionReport]: ...


class RelayedOwner:
    """A `CommandOwner` over `owner`: starts `relays_of(partition)` after the partition's claim, stops them when it is
    revoked. Make it inside the running event loop.

    `failure` gets the first error of the owner or of a relay: the process must end then. A log or a store that does not
    answer is no such error; the relay then begins again where its progress was stored.
    """

    def __init__(
        self, owner: FailingOwner, relays_of: Callable[[int], Sequence[Relay]], retry_seconds: float = 0.2
    ) -> None:
        self._owner, self._relays_of, self._retry_seconds = owner, relays_of, retry_seconds
        self._wanted: set[int] = set()
        self._running: dict[int, list[asyncio.Task[None]]] = {}
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        owner.failure.add_done_callback(self._ended)

    async def assigned(self, partition: int, membership: Membership) -> int:
        """See `CommandOwner.assigned`."""
        self._wanted.add(partition)
        start = await self._owner.assigned(partition, membership)
        if partition in self._wanted and partition not in self._running:
            self._running[partition] = [self._start(relay) for relay in self._relays_of(partition)]
        return start

    async def take(self, partition: int, records: Sequence[Record], acknowledge: Callable[[], object]) -> None:
        """See `CommandOwner.take`."""
        await self._owner.take(partition, records, acknowledge)

    async def drain(self) -> None:
        """See `CommandOwner.drain`. What is not relayed yet is relayed by the next owner."""
        await self._owner.drain()

    async def revoked(self, partition: int) -> None:
        """See `CommandOwner.revoked`."""
        self._wanted.discard(partition)
        tasks = self._running.pop(partition, [])
        for task in tasks:
            task.cancel()
        await asyncio.gather(self._owner.revoked(partition), *(_end(task) for task in tasks))

    def reports(self) -> list[PartitionReport]:
        """For the heartbeat."""
        return self._owner.reports()

    def _start(self, relay: Relay) -> "asyncio.Task[None]":
        task = asyncio.create_task(self._run(relay), name="relay")
        task.add_done_callback(self._ended)
        return task

    async def _run(self, relay: Relay) -> None:
        while True:
            try:
                await relay.run()
            except (LogUnavailable, StoreUnavailable) as error:
                logger.warning("a relay begins again: %s", error)
                await asyncio.sleep(self._retry_seconds)

    def _ended(self, task: "asyncio.Future[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self.failure.done():
            self.failure.set_exception(error)


async def _end(task: "asyncio.Task[None]") -> None:
    """Wait for a cancelled task; what it raised is the owner's failure already."""
    await asyncio.wait([task])
