"""One membership of a group: joins, works until it is told to stop, hands back and leaves; or says why it could not go on."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, cast

from aiokafka.errors import KafkaError

from ops.runtime.clock import Clock
from storage.log.port import Bounds, Log, LogUnavailable
from storage.models.partition_progress import PartitionProgress, Standstills
from streams.app.batch import BatchTaker
from streams.app.batch_transport import BatchConsumer, BatchTransport, PartitionListener
from streams.app.faust_app import AppOptions, build_app
from streams.app.stall_watch import StallWatch
from streams.app.worker_state import PartitionState, WorkerState

logger = logging.getLogger(__name__)
Work = Callable[[], Coroutine[Any, Any, None]]
_LOOK_SECONDS = 5.0
_STOP_SECONDS = 15.0
_LEFT_SECONDS = 3.0


class WorkerFailed(Exception):
    """The worker cannot go on and its process must end with 1: what was not committed is read again."""


class GroupMember:
    """Batches go to the `takers` of their topics, and `listener` hears where partitions begin and end. Construct it inside
    the running event loop; `run` may be called once.
    """

    def __init__(
        self,
        options: AppOptions,
        takers: Mapping[str, BatchTaker],
        listener: PartitionListener,
        log: Log,
        clock: Clock,
        *,
        idle_alarm_seconds: float,
        transport: type[BatchTransport] = BatchTransport,
    ) -> None:
        self._options, self._takers, self._log, self._clock = options, takers, log, clock
        self._watch = StallWatch(idle_alarm_seconds)
        self._bounds: dict[tuple[str, int], Bounds] = {}
        self._standstills = {topic: Standstills() for topic in takers}
        self._seen: dict[str, dict[int, PartitionProgress]] = {}
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._app = build_app(options, takers, listener, transport)

    @property
    def consumer(self) -> BatchConsumer:
        """The consumer of the transport."""
        return cast("BatchConsumer", self._app.consumer)

    @property
    def state(self) -> WorkerState:
        """The state at this moment; reads memory only."""
        app = self._app
        return WorkerState(
            group=self._options.group,
            joined=app.started and not app.rebalancing and app.flow_control.is_active(),
            partitions=tuple(self._partition_states()),
            records=sum(taker.records for taker in self._takers.values()),
        )

    def _partition_states(self) -> Iterator[PartitionState]:
        for topic, taker in self._takers.items():
            for one in self._progress(topic, taker):
                seen = self._seen.get(topic, {}).get(one.partition)
                stands = seen is not None and seen.position == one.position
                yield PartitionState(
                    topic,
                    one.partition,
                    one.position,
                    one.lag if (topic, one.partition) in self._bounds else None,
                    seen.standing_seconds if seen is not None and stands else 0,
                )

    def _progress(self, topic: str, taker: BatchTaker) -> Iterator[PartitionProgress]:
        """How far the partitions are now, to where the log reached at the last look."""
        for partition, progress in sorted(taker.partitions.items()):
            first, end = self._bounds.get((topic, partition), (0, 0))
            yield PartitionProgress(self._options.group, topic, partition, max(first, progress.durable), end)

    def fail(self, error: BaseException) -> None:
        """End `run` with this error, if nothing has ended it before."""
        if not self._failure.done():
            self._failure.set_exception(error)

    async def run(self, stop: asyncio.Event, beside: Sequence[Work]) -> None:
        """Work until `stop` is set, with what is to run `beside`; then hand back, commit and leave the group.

        Raises `LogUnavailable` when the broker or a topic is missing at the start, `WorkerFailed` (its cause is what
        was raised) when something failed, Faust crashes, or the group has forgotten this member.
        """
        await self._check_topics()
        work = [asyncio.create_task(each()) for each in (self._serve, self._look_at_the_log, *beside)]
        halt = asyncio.create_task(stop.wait())
        ends: list[asyncio.Future[Any]] = [halt, self._failure, *work]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            self._raise_failure(work)
            await at_most(_STOP_SECONDS, self.consumer.hand_back(), "partitions were not handed back")
            self._raise_failure(work)
        finally:
            await self._close([halt, *work])

    async def _check_topics(self) -> None:
        missing = sorted(set(self._takers) - set(await self._log.admin().existing()))
        if missing:
            raise LogUnavailable(
                f"{self._options.broker} has no topic {', '.join(missing)}: run `omniaxs topics apply`"
            )

    def _raise_failure(self, work: Sequence[asyncio.Task[None]]) -> None:
        """Raise what `fail` was told where it was told something, else the error of the task that ended."""
        for ended in (self._failure, *work):
            if ended.done() and not ended.cancelled():
                error = ended.exception()
                what = str(error) if isinstance(error, WorkerFailed) else f"{type(error).__name__}: {error}"
                raise WorkerFailed(f"group {self._options.group}: {what}") from error

    async def _close(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        """Leave the group, within bounds, and end the tasks."""
        await at_most(_STOP_SECONDS, self._app.stop(), "faust did not stop")
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
                for topic, taker in self._takers.items():
                    await self._look(topic, taker)
            except (LogUnavailable, KafkaError, TimeoutError) as error:
                logger.warning("cannot read the ends of the topics: %s", error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look(self, topic: str, taker: BatchTaker) -> None:
        bounds = await self._log.bounds(topic)
        self._bounds.update({(topic, partition): bound for partition, bound in bounds.items()})
        seen = self._standstills[topic].look(self._clock.monotonic(), list(self._progress(topic, taker)))
        self._seen[topic] = {one.partition: one for one in seen}
        committed = await self._log.committed(self._options.group, topic)
        partition = self._watch.look(self._clock.monotonic(), topic, taker.partitions, bounds, committed)
        if partition is not None:
            raise WorkerFailed(f"{topic}-{partition} has records that no member of the group takes; joining again")


async def at_most(seconds: float, work: Coroutine[Any, Any, None], complaint: str) -> None:
    """Wait for `work`, but not longer: what ignores being cancelled (a client without its broker) is left behind."""
    task = asyncio.ensure_future(work)
    await asyncio.wait([task], timeout=seconds)
    if task.done():
        task.result()
    else:
        task.cancel()
        logger.warning("%s within %s s; the broker will notice", complaint, seconds)
