"""Each process says twice a second that it lives, what it holds and how far behind it is.

A process that owns partitions also says at once when what it reports of them changes: a halt waits for that.
"""

import asyncio
import itertools
import logging
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.processes.platform import Platform, product_version
from ops.processes.recent import Recent
from ops.runtime.health import Health
from ops.runtime.metrics import LOOP_DELAY, PROCESS_READY
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.operations import Heartbeat, OwnedPartition, Role
from storage.models.partition_progress import PartitionProgress
from storage.mongo.connect import StoreUnavailable
from storage.mongo.heartbeats import Heartbeats

_log = logging.getLogger(__name__)
INTERVAL_SECONDS = 0.5
LOOK_SECONDS = 0.02  # what is watched is looked at this often
_BEATS_BETWEEN_LOOKS = 2  # at its own health: each look asks log and store
_BEATS_BETWEEN_SWEEPS = 120
FORGOTTEN_SECONDS = 3_600  # what a crashed process leaves is shown for an hour


@dataclass(frozen=True, slots=True)
class Progress:
    """What a role reports beside its being alive: where each partition that it reads stands, details, and what the owners of
    partitions say (`storage.models.operations.owned_partitions`).
    """

    reads: Sequence[PartitionProgress] = ()
    details: dict[str, Any] = field(default_factory=dict)
    owners: list[OwnedPartition] = field(default_factory=list)


class HeartbeatTask:
    """Writes the heartbeat until cancelled, then removes it, so that a clean stop does not look like a crash.

    `watched` (an owned role's `reports`, for one) is looked at every 20 ms; when what it returns is another value than
    before, the process beats at once.
    """

    def __init__(
        self,
        platform: Platform,
        role: Role,
        health: Health,
        progress: Callable[[], Progress],
        watched: Callable[[], object] | None = None,
    ) -> None:
        self._platform = platform
        self._role: Role = role
        self._health = health
        self._progress = progress
        self._watched = watched
        self._process_id = f"{role}-{socket.gethostname()}-{os.getpid()}"
        self._started_at = platform.clock.now()
        self._version = product_version()
        self._problems: dict[str, str] = {"process": "starting"}
        self._ready_since = self._started_at
        self._recent = Recent(platform.metrics, platform.clock)
        self._seen: object = None
        self._beating = asyncio.Lock()
        self._repository = Heartbeats(platform.store.database)

    async def run(self) -> None:
        """Beat twice a second; a store that is away is logged and tried again at the next beat."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beat_regularly())
                if self._watched is not None:
                    group.create_task(self._beat_on_change(self._watched))
        finally:
            await self._remove()

    async def beat_once(self) -> None:
        """Look at the process's health, and tell of it."""
        self._look_at(await self._health.problems())
        await self._beat()

    async def _beat_regularly(self) -> None:
        for number in itertools.count():
            if number % _BEATS_BETWEEN_LOOKS == 0:
                await self.beat_once()
            else:
                await self._beat()
            if number % _BEATS_BETWEEN_SWEEPS == 0:
                await self._forget()
            before = self._platform.clock.monotonic()
            await asyncio.sleep(INTERVAL_SECONDS)
            late = self._platform.clock.monotonic() - before - INTERVAL_SECONDS
            self._platform.metrics.histogram(LOOP_DELAY).observe(max(0.0, late))

    def _look_at(self, problems: dict[str, str]) -> None:
        if bool(problems) != bool(self._problems):
            self._ready_since = self._platform.clock.now()
        self._problems = problems
        self._platform.metrics.gauge(PROCESS_READY).labels(role=self._role).set(not problems)

    async def _beat_on_change(self, watched: Callable[[], object]) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if watched() != self._seen:
                await self._beat()

    async def _beat(self) -> None:
        """One after the other, so that an older one never replaces a newer one."""
        async with self._beating:
            self._seen = self._watched() if self._watched is not None else None
            heartbeat = self._heartbeat()
            try:
                await self._repository.beat(heartbeat)
            except StoreUnavailable as error:
                _log.warning("heartbeat not written", extra={"reason": str(error)})

    def _heartbeat(self) -> Heartbeat:
        said, recent = self._progress(), self._recent.figures()
        return Heartbeat(
            process_id=self._process_id,
            role=self._role,
            version=self._version,
            host=socket.gethostname(),
            started_at=self._started_at,
            beat_at=self._platform.clock.now(),
            ready=not self._problems,
            ready_since=self._ready_since,
            problems=self._problems,
            progress=list(said.reads),
            recent=recent,
            partitions=_partitions(said.reads),
            lag=_lag(said.reads),
            rates=recent.rates(),
            details=said.details,
            owners=said.owners,
        )

    async def _forget(self) -> None:
        before = self._platform.clock.now() - FORGOTTEN_SECONDS * NANOSECONDS_PER_SECOND
        try:
            await self._repository.remove_silent(before)
        except StoreUnavailable as error:
            _log.warning("old heartbeats not removed", extra={"reason": str(error)})

    async def _remove(self) -> None:
        try:
            await self._repository.remove(self._process_id)
        except StoreUnavailable as error:
            _log.warning("heartbeat not removed", extra={"reason": str(error)})


def _partitions(reads: Sequence[PartitionProgress]) -> dict[str, list[int]]:
    """Which are read, by topic."""
    found: dict[str, set[int]] = {}
    for one in reads:
        found.setdefault(one.topic, set()).add(one.partition)
    return {topic: sorted(partitions) for topic, partitions in found.items()}


def _lag(reads: Sequence[PartitionProgress]) -> dict[str, int]:
    """Records behind by `topic-partition`; of several readers the slowest."""
    lag: dict[str, int] = {}
    for one in reads:
        name = f"{one.topic}-{one.partition}"
        lag[name] = max(lag.get(name, 0), one.lag)
    return lag
