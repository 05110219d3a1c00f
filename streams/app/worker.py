"""The worker of processors: one member of their group, which folds, flushes and commits what was made durable."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from ops.runtime.clock import Clock
from storage.log.port import Log
from streams.app.faust_app import AppOptions
from streams.app.group_member import GroupMember, Work, WorkerFailed
from streams.app.topic_runner import TopicRunner
from streams.app.worker_state import WorkerState
from streams.processor import Processor

__all__ = ["StreamWorker", "WorkerFailed"]
_TICK_SECONDS = 0.1


class StreamWorker:
    """One member of a group. Construct it inside the running event loop; `run` may be called once.

    All processors share the group; several on one topic each get every batch, in the order given.
    """

    def __init__(
        self,
        options: AppOptions,
        processors: Sequence[Processor],
        log: Log,
        clock: Clock,
        *,
        flush_seconds: float = 0.1,
        idle_alarm_seconds: float = 30.0,
    ) -> None:
        self._prefix = options.prefix
        self._flush_seconds = flush_seconds
        self._runners = {
            topic: TopicRunner(topic, members, clock, self._fail) for topic, members in _by_topic(processors).items()
        }
        self._member = GroupMember(options, self._runners, self, log, clock, idle_alarm_seconds=idle_alarm_seconds)

    @property
    def state(self) -> WorkerState:
        """The state at this moment; reads memory only."""
        return self._member.state

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then flush, commit and leave the group. Raises as `GroupMember.run`, also when a
        processor raises.
        """
        beside = []
        for runner in self._runners.values():
            beside += [_every(_TICK_SECONDS, runner.tick), _every(self._flush_seconds, runner.flush)]
        await self._member.run(stop, beside)

    async def assigned(self, topic: str, partition: int, generation: int, committed: int | None) -> None:
        """From the transport: records of the partition follow."""
        await self._runners[topic.removeprefix(self._prefix)].assign(partition, generation, committed)

    async def drain(self) -> None:
        """From the transport: finish what was taken."""
        for runner in self._runners.values():
            await runner.flush()

    async def revoked(self) -> None:
        """From the transport: all partitions have ended."""
        for runner in self._runners.values():
            await runner.revoke()

    def _fail(self, error: Exception) -> None:
        self._member.fail(error)


def _by_topic(processors: Sequence[Processor]) -> dict[str, list[Processor]]:
    by_topic: dict[str, list[Processor]] = {}
    for processor in processors:
        by_topic.setdefault(processor.topic, []).append(processor)
    return by_topic


def _every(seconds: float, call: Callable[[], Awaitable[None]]) -> Work:
    async def calling() -> None:
        while True:
            await asyncio.sleep(seconds)
            await call()

    return calling
