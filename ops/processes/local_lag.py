"""How far the processors of `omniaxs up` are: what a group of the cluster knows of itself, asked of the runners."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from ops.processes.checks import LAG_BOUND, standing
from ops.processes.partition_metrics import PartitionMetrics
from ops.processes.platform import Platform
from storage.log.port import LogUnavailable
from storage.models.partition_progress import PartitionProgress, Standstills
from streams.app.worker_state import PartitionState, WorkerState

_EVERY_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)

Positions = Callable[[], Mapping[int, int]]
"""For each partition the next offset that is not durable yet."""


class Reader(NamedTuple):
    """Who reads `topic` as the only member of `group`."""

    group: str
    topic: str
    positions: Positions


class LocalLag:
    """Looks once a second. `states` is what it saw last."""

    def __init__(self, platform: Platform, readers: Sequence[Reader]) -> None:
        self._log, self._clock, self._readers = platform.log, platform.clock, readers
        self._metrics = PartitionMetrics(platform.metrics, platform.topics)
        self._standstills = {reader: Standstills() for reader in readers}
        self.states: tuple[WorkerState, ...] = ()

    @property
    def reads(self) -> list[PartitionProgress]:
        """Where each reader stands in each partition, for the heartbeat."""
        return [one for state in self.states for one in state.progress]

    async def is_bounded(self) -> str | None:
        """The problem in words while some reader is far behind, or nothing is known yet."""
        if not self.states:
            return "has not yet seen how far the log reaches"
        behind = [f"{state.group}: {state.lag} records" for state in self.states if state.lag > LAG_BOUND]
        return f"behind: {', '.join(behind)}" if behind else None

    async def moves(self) -> str | None:
        """The problem in words while partitions are stalled."""
        return standing([held for state in self.states for held in state.stalled])

    async def run(self) -> None:
        """Look until cancelled; a log that is away is asked again."""
        while True:
            try:
                await self.look()
            except LogUnavailable as error:
                _log.warning("the lag is not known for now: %s", error)
            await asyncio.sleep(_EVERY_SECONDS)

    async def look(self) -> None:
        """Look once. Raises `LogUnavailable`."""
        self.states = tuple([await self._look(reader) for reader in self._readers])
        self._metrics.show(self.states)

    async def _look(self, reader: Reader) -> WorkerState:
        bounds = await self._log.bounds(reader.topic)
        now_at = [
            PartitionProgress(
                reader.group, reader.topic, partition, max(at, bounds[partition].first), bounds[partition].next
            )
            for partition, at in sorted(reader.positions().items())
        ]
        seen = self._standstills[reader].look(self._clock.monotonic(), now_at)
        held = [PartitionState(one.topic, one.partition, one.position, one.lag, one.standing_seconds) for one in seen]
        return WorkerState(reader.group, joined=True, partitions=tuple(held), records=0)
