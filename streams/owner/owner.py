"""Transport -> partitions: the owner of as many partitions as the group gives to this process."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic

from storage.log.port import Record
from storage.models.ownership import PartitionReport
from streams.owner.partition_owner import PartitionOwner
from streams.owner.ports import Charge, Membership, OwnerOptions, OwnerPorts, OwnerTopics
from streams.owner.rules import Command, Event, Rules, State


class Owner(Generic[State, Command, Event]):
    """See `streams.owner.ports.CommandOwner`. Make it inside the running event loop.

    `failure` gets the first error that ended a partition (a bug in the rules, a log that has lost what follows a floor):
    the process must end then.
    """

    def __init__(
        self,
        rules: Rules[State, Command, Event],
        ports: OwnerPorts,
        topics: OwnerTopics,
        options: OwnerOptions | None = None,
    ) -> None:
        self._rules, self._ports, self._topics = rules, ports, topics
        self._options = options or OwnerOptions()
        self._partitions: dict[int, PartitionOwner[State, Command, Event]] = {}
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def assigned(self, partition: int, membership: Membership) -> int:
        """See `CommandOwner.assigned`."""
        owner = self._partitions.get(partition)
        if owner is None or owner.task.done():
            charge = Charge(partition, self._rules, self._ports, self._topics, self._options)
            owner = PartitionOwner(charge, membership)
            owner.task.add_done_callback(self._ended)
            self._partitions[partition] = owner
        owner.membership = membership
        return await owner.begin()

    async def take(self, partition: int, records: Sequence[Record], acknowledge: Callable[[], object]) -> None:
        """See `CommandOwner.take`."""
        if partition in self._partitions:
            await self._partitions[partition].take(records, acknowledge)

    async def drain(self) -> None:
        """See `CommandOwner.drain`."""
        await asyncio.gather(*(owner.drain() for owner in self._partitions.values()))

    async def revoked(self, partition: int) -> None:
        """See `CommandOwner.revoked`."""
        owner = self._partitions.pop(partition, None)
        if owner is not None:
            await owner.stop()

    def aside(self, partition: int, commands: Sequence[Command]) -> None:
        """See `PartitionOwner.aside`; for a partition that is not owned here they are dropped."""
        if partition in self._partitions:
            self._partitions[partition].aside(commands)

    def reports(self) -> list[PartitionReport]:
        """For the heartbeat."""
        reports = (owner.report() for owner in self._partitions.values())
        return [report for report in reports if report is not None]

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self.failure.done():
            self.failure.set_exception(error)
