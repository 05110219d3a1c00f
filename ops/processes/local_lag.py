"""How far the processors of `omniaxs up` are: what a group of the cluster knows of itself, asked of the runners."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from ops.processes.partition_metrics import PartitionMetrics
from ops.processes.platform import Platform
from storage.log.port import LogUnavailable
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
        self._moved: dict[tuple[str, int], tuple[int, float]] = {}
        self.states: tuple[WorkerState, ...] = ()

    def lag(self) -> dict[str, int]:
        """Records behind by `topic-partition`, for the heartbeat: of several readers the slowest."""
        lag: dict[str, int] = {}
        for state in self.states:
            for held in state.partitions:
                name = f"{held.topic}-{held.partition}"
                lag[name] = max(lag.get(name, 0), held.lag or 0)
        return lag

    async def run(self) -> None:
        """Look until cancelled; a log that is away is asked again."""
        while True:
            try:
                self.states = tuple([await self._look(reader) for reader in self._readers])
            except LogUnavailable as error:
                _log.warning("the lag is not known for now: %s", error)
            else:
                self._metrics.show(self.states)
            await asyncio.sleep(_EVERY_SECONDS)

    async def _look(self, reader: Reader) -> WorkerState:
        positions = dict(reader.positions())
        bounds = await self._log.bounds(reader.topic)
        held = [
            PartitionState(
                reader.topic, partition, at, max(0, bounds[partition].next - at), self._idle(reader, partition, at)
            )
            for partition, at in sorted(positions.items())
        ]
        return WorkerState(reader.group, joined=True, partitions=tuple(held), records=0)

    def _idle(self, reader: Reader, partition: int, at: int) -> float:
        """Seconds for which the partition has not moved."""
        now, key = self._clock.monotonic(), (reader.group, partition)
        seen, since = self._moved.get(key, (-1, now))
        if seen != at:
            self._moved[key] = at, now
            return 0.0
        return now - since
