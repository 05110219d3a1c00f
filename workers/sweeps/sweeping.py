"""Sweeps run in every worker process, each in one at a time: a lease says whose turn it is."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ops.runtime.clock import Clock
from ops.runtime.metrics import SWEPT, Metrics
from storage.mongo.failures import StoreUnavailable

_log = logging.getLogger(__name__)
_LEASE_INTERVALS: Final = 3
"""Another process takes a sweep over when its holder was silent for so many intervals."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Something to look for every `seconds`; `work` says how many it found and dealt with."""

    name: str
    seconds: float
    work: Callable[[], Awaitable[int]]


class SweepLeases(Protocol):
    """`storage.mongo.leases.Leases`."""

    async def acquire(self, name: str, holder: str, ttl_seconds: float, now: int) -> bool: ...
    async def release(self, name: str, holder: str) -> bool: ...


class Sweeping:
    """All sweeps of one process, which holds leases as `holder`."""

    def __init__(
        self, sweeps: Sequence[Sweep], leases: SweepLeases, holder: str, *, clock: Clock, metrics: Metrics
    ) -> None:
        self._sweeps, self._leases, self._holder, self._clock = sweeps, leases, holder, clock
        self._counter = metrics.counter(SWEPT)
        for sweep in sweeps:
            self._counter.labels(sweep=sweep.name)

    async def run(self) -> None:
        """Sweep until cancelled, then give the leases back. A store that is away is asked again at the next turn."""
        try:
            async with asyncio.TaskGroup() as group:
                for sweep in self._sweeps:
                    group.create_task(self._repeat(sweep), name=f"sweep {sweep.name}")
        finally:
            await self._release()

    async def once(self, sweep: Sweep) -> int:
        """One turn: how many it dealt with; 0 too when it is another's turn."""
        lease, now = _lease(sweep), self._clock.now()
        if not await self._leases.acquire(lease, self._holder, sweep.seconds * _LEASE_INTERVALS, now):
            return 0
        found = await sweep.work()
        if found:
            self._counter.labels(sweep=sweep.name).inc(found)
            _log.info("sweep %s: %d", sweep.name, found)
        return found

    async def _repeat(self, sweep: Sweep) -> None:
        while True:
            try:
                await self.once(sweep)
            except StoreUnavailable as error:
                _log.warning("sweep %s waits for the store: %s", sweep.name, error)
            await asyncio.sleep(sweep.seconds)

    async def _release(self) -> None:
        for sweep in self._sweeps:
            try:
                await self._leases.release(_lease(sweep), self._holder)
            except StoreUnavailable:
                return  # they end by themselves


def _lease(sweep: Sweep) -> str:
    return f"sweep {sweep.name}"
