"""The worker of owners: one member of their group, which claims what the group gives it and hands commands to the owner."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import cast

from faust.types import TP

from ops.runtime.clock import Clock
from storage.log.port import Log, PositionLost
from streams.app.faust_app import AppOptions
from streams.app.group_member import GroupMember, WorkerFailed, at_most
from streams.app.owned_transport import OwnedConsumer, OwnedTransport
from streams.app.owner_intake import OwnerIntake
from streams.app.worker_state import WorkerState
from streams.owner.ports import CommandOwner

__all__ = ["OwnerWorker", "WorkerFailed"]
_REVOKE_SECONDS = 2.0


class OwnerWorker:
    """One member of a group whose partitions of `topic` have owners. Construct it inside the running event loop; `run` may
    be called once. `failure` (the owner's) ends it.

    At a rebalance the owner has `drain_seconds` to finish, then the partitions go back as they are, and stay claimed here
    until the group says who has them: those that come back are neither claimed nor read up again.
    """

    def __init__(
        self,
        options: AppOptions,
        topic: str,
        owner: CommandOwner,
        log: Log,
        clock: Clock,
        *,
        failure: "asyncio.Future[None]",
        drain_seconds: float = 3.0,
        idle_alarm_seconds: float = 30.0,
    ) -> None:
        self._topic, self._owner, self._log = topic, owner, log
        self._name_on_broker = options.prefix + topic
        self._drain_seconds = drain_seconds
        self._assigned: set[int] = set()
        self._claiming: set[int] = set()
        self._intake = OwnerIntake(topic, owner, self, self.failed)
        self._member = GroupMember(
            options,
            {topic: self._intake},
            self,
            log,
            clock,
            idle_alarm_seconds=idle_alarm_seconds,
            transport=OwnedTransport,
        )
        failure.add_done_callback(self._owner_ended)

    @property
    def state(self) -> WorkerState:
        """The state at this moment; reads memory only. Its partitions are claimed and read up."""
        return replace(self._member.state, claiming=tuple(sorted(self._claiming)))

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish what was taken, commit, leave the group and end every partition.

        Raises as `GroupMember.run`, also when the owner fails.
        """
        try:
            await self._member.run(stop, ())
        finally:
            await self._intake.end()
            await self.keeps(())

    async def keeps(self, partitions: Collection[int]) -> None:
        """From the transport: these are ours, all others end."""
        lost = self._assigned.difference(partitions)
        self._assigned = set(partitions)
        self._claiming = set(partitions)
        if lost:
            await at_most(_REVOKE_SECONDS, self._revoke(lost), "lost partitions did not end")

    async def assigned(self, topic: str, partition: int, generation: int, committed: int | None) -> int:
        """From the transport: claim the partition and read it up; where to begin. The committed offset is only a hint."""
        del topic, committed
        self._claiming.add(partition)
        start = await self._owner.assigned(partition, _Assignment(self._consumer, self._tp(partition), generation))
        bounds = (await self._log.bounds(self._topic))[partition]
        if start < bounds.first:
            raise PositionLost(self._topic, partition, start, bounds)
        self._intake.begin(partition, generation, start)
        self._claiming.discard(partition)
        return start

    async def drain(self) -> None:
        """From the transport: finish what was taken. What the owner has not finished in time is read again."""
        await self._intake.end()
        await at_most(self._drain_seconds, self._owner.drain(), "commands that were taken were not all decided")

    async def revoked(self) -> None:
        """From the transport: the assignment has ended; the next one says what stays."""
        self._claiming.clear()

    def failed(self, error: BaseException) -> None:
        """From the transport and the intake: end `run`."""
        self._member.fail(error)

    def hold(self, partition: int) -> None:
        """From the intake: hand out nothing more of the partition for now."""
        self._consumer.hold(self._tp(partition))

    def release(self, partition: int) -> None:
        """From the intake: there is room again."""
        self._consumer.release(self._tp(partition))

    @property
    def _consumer(self) -> OwnedConsumer:
        return cast("OwnedConsumer", self._member.consumer)

    def _tp(self, partition: int) -> TP:
        return TP(self._name_on_broker, partition)

    async def _revoke(self, partitions: Collection[int]) -> None:
        await asyncio.gather(*(self._owner.revoked(partition) for partition in partitions))

    def _owner_ended(self, failure: "asyncio.Future[None]") -> None:
        if not failure.cancelled() and (error := failure.exception()) is not None:
            self.failed(error)


class _Assignment:
    """A `Membership`: the group's word on one assignment of a partition."""

    def __init__(self, consumer: OwnedConsumer, tp: TP, generation: int) -> None:
        self._consumer, self._tp, self._generation = consumer, tp, generation

    async def still_mine(self) -> bool:
        """See `streams.owner.ports.Membership`."""
        return await self._consumer.still_mine(self._tp, self._generation)
