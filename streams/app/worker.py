"""The worker of one group: joins, works until it is told to stop, drains and leaves; or says why it could not go on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, cast

from aiokafka.errors import KafkaError

from ops.runtime.clock import Clock
from storage.log.port import Bounds, Log, LogUnavailable
from streams.app.batch_transport import BatchConsumer
from streams.app.faust_app import AppOptions, build_app
from streams.app.stall_watch import StallWatch
from streams.app.topic_runner import TopicRunner
from streams.app.worker_state import PartitionState, WorkerState
from streams.processor import Processor

logger = logging.getLogger(__name__)
_TICK_SECONDS = 0.1
_LOOK_SECONDS = 5.0
_STOP_SECONDS = 15.0
_LEFT_SECONDS = 3.0


class WorkerFailed(Exception):
    """The worker cannot go on and its process must end with 1: what was not committed is read again."""


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
        self._options = options
        self._log = log
        self._clock = clock
        self._flush_seconds = flush_seconds
        self._watch = StallWatch(idle_alarm_seconds)
        self._bounds: dict[tuple[str, int], Bounds] = {}
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._runners = {
            topic: TopicRunner(topic, members, clock, self._fail) for topic, members in _by_topic(processors).items()
        }
        self._app = build_app(options, self._runners, self)

    @property
    def state(self) -> WorkerState:
        """The state at this moment; reads memory only."""
        app = self._app
        return WorkerState(
            group=self._options.group,
            joined=app.started and not app.rebalancing and app.flow_control.is_active(),
            partitions=tuple(self._partition_states()),
            records=sum(runner.records for runner in self._runners.values()),
        )

    def _partition_states(self) -> Iterator[PartitionState]:
        now = self._clock.monotonic()
        for topic, runner in self._runners.items():
            for partition, progress in sorted(runner.partitions.items()):
                bounds = self._bounds.get((topic, partition))
                lag = None if bounds is None else max(0, bounds.next - max(bounds.first, progress.durable))
                yield PartitionState(topic, partition, progress.durable, lag, now - progress.moved)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then flush, commit and leave the group.

        Raises `LogUnavailable` when the broker or a topic is missing at the start, `WorkerFailed` (its cause is what
        was raised) when a processor raises, Faust crashes, or the group has forgotten this member.
        """
        await self._check_topics()
        work = [asyncio.create_task(self._serve()), asyncio.create_task(self._look_at_the_log())]
        for runner in self._runners.values():
            work.append(asyncio.create_task(_every(_TICK_SECONDS, runner.tick)))
            work.append(asyncio.create_task(_every(self._flush_seconds, runner.flush)))
        halt = asyncio.create_task(stop.wait())
        ends: list[asyncio.Future[Any]] = [halt, self._failure, *work]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            self._raise_failure(work)
            hand_back = cast("BatchConsumer", self._app.consumer).hand_back()
            await _at_most(_STOP_SECONDS, hand_back, "partitions were not handed back")
            self._raise_failure(work)
        finally:
            await self._close([halt, *work])

    async def _check_topics(self) -> None:
        missing = sorted(set(self._runners) - set(await self._log.admin().existing()))
        if missing:
            raise LogUnavailable(
                f"{self._options.broker} has no topic {', '.join(missing)}: run `omniaxs topics apply`"
            )

    def _raise_failure(self, work: Sequence[asyncio.Task[None]]) -> None:
        """Raise the processor's own error where there is one, else that of the task that ended."""
        for ended in (self._failure, *work):
            if ended.done() and not ended.cancelled():
                error = ended.exception()
                what = str(error) if isinstance(error, WorkerFailed) else f"{type(error).__name__}: {error}"
                raise WorkerFailed(f"group {self._options.group}: {what}") from error

    async def _close(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        """Leave the group, within bounds, and end the tasks."""
        await _at_most(_STOP_SECONDS, self._app.stop(), "faust did not stop")
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_LEFT_SECONDS)
        for ended in (self._failure, *tasks):
            if ended.done() and not ended.cancelled():
                ended.exception()

    async def _serve(self) -> None:
        """Run Faust; ends only by raising."""
        await self._app.start()
        await self._app.wait_until_stopped()
        raise WorkerFailed("Faust has stopped") from self._app.crash_reason

    async def _look_at_the_log(self) -> None:
        """Keep the ends for the lag, and raise when this member idles although there is work that nobody does."""
        while True:
            try:
                for topic, runner in self._runners.items():
                    await self._look(topic, runner)
            except (LogUnavailable, KafkaError, TimeoutError) as error:
                logger.warning("cannot read the ends of the topics: %s", error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look(self, topic: str, runner: TopicRunner) -> None:
        bounds = await self._log.bounds(topic)
        self._bounds.update({(topic, partition): bound for partition, bound in bounds.items()})
        committed = await self._log.committed(self._options.group, topic)
        partition = self._watch.look(self._clock.monotonic(), topic, runner.partitions, bounds, committed)
        if partition is not None:
            raise WorkerFailed(f"{topic}-{partition} has records that no member of the group takes; joining again")

    async def assigned(self, topic: str, partition: int, generation: int, committed: int | None) -> None:
        """From the transport: records of the partition follow."""
        await self._runners[topic.removeprefix(self._options.prefix)].assign(partition, generation, committed)

    async def drain(self) -> None:
        """From the transport: finish what was taken."""
        for runner in self._runners.values():
            await runner.flush()

    async def revoked(self) -> None:
        """From the transport: all partitions have ended."""
        for runner in self._runners.values():
            await runner.revoke()

    def _fail(self, error: Exception) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)


def _by_topic(processors: Sequence[Processor]) -> dict[str, list[Processor]]:
    by_topic: dict[str, list[Processor]] = {}
    for processor in processors:
        by_topic.setdefault(processor.topic, []).append(processor)
    return by_topic


async def _at_most(seconds: float, work: Coroutine[Any, Any, None], complaint: str) -> None:
    """Wait for `work`, but not longer: what ignores being cancelled (a client without its broker) is left behind."""
    task = asyncio.ensure_future(work)
    await asyncio.wait([task], timeout=seconds)
    if task.done():
        task.result()
    else:
        task.cancel()
        logger.warning("%s within %s s; the broker will notice", complaint, seconds)


async def _every(seconds: float, call: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await call()
