"""Each process says every second that it lives, what it holds and how far behind it is."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ops.processes.platform import Platform, product_version
from ops.runtime.health import Health
from ops.runtime.metrics import LOOP_DELAY, PROCESS_READY
from storage.models.operations import Heartbeat, Role
from storage.mongo.connect import StoreUnavailable
from storage.mongo.heartbeats import Heartbeats

_log = logging.getLogger(__name__)
INTERVAL_SECONDS = 1.0
FORGOTTEN_SECONDS = 3_600  # what a crashed process leaves is shown for an hour


@dataclass(frozen=True, slots=True)
class Progress:
    """What a role reports beside its being alive: partitions held by topic, lag by `topic-partition`, rates, details."""

    partitions: dict[str, list[int]] = field(default_factory=dict)
    lag: dict[str, int] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


class HeartbeatTask:
    """Writes the heartbeat until cancelled, then removes it, so that a clean stop does not look like a crash."""

    def __init__(self, platform: Platform, role: Role, health: Health, progress: Callable[[], Progress]) -> None:
        self._platform = platform
        self._role: Role = role
        self._health = health
        self._progress = progress
        self._process_id = f"{role}-{socket.gethostname()}-{os.getpid()}"
        self._started_at = platform.clock.now()
        self._repository = Heartbeats(platform.store.database)

    async def run(self) -> None:
        """Beat every second; a store that is away is logged and tried again at the next beat."""
        try:
            while True:
                await self._beat()
                before = self._platform.clock.monotonic()
                await asyncio.sleep(INTERVAL_SECONDS)
                late = self._platform.clock.monotonic() - before - INTERVAL_SECONDS
                self._platform.metrics.histogram(LOOP_DELAY).observe(max(0.0, late))
        finally:
            await self._remove()

    async def _beat(self) -> None:
        ready = not await self._health.problems()
        self._platform.metrics.gauge(PROCESS_READY).labels(role=self._role).set(ready)
        said = self._progress()
        now = self._platform.clock.now()
        try:
            await self._repository.remove_silent(now - FORGOTTEN_SECONDS * 1_000_000_000)
            await self._repository.beat(
                Heartbeat(
                    process_id=self._process_id,
                    role=self._role,
                    version=product_version(),
                    host=socket.gethostname(),
                    started_at=self._started_at,
                    beat_at=now,
                    ready=ready,
                    partitions=said.partitions,
                    lag=said.lag,
                    rates=said.rates,
                    details=said.details,
                )
            )
        except StoreUnavailable as error:
            _log.warning("heartbeat not written", extra={"reason": str(error)})

    async def _remove(self) -> None:
        try:
            await self._repository.remove(self._process_id)
        except StoreUnavailable as error:
            _log.warning("heartbeat not removed", extra={"reason": str(error)})
