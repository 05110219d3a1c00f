"""One feed a (venue, symbol): a feed runs only while it holds the lease of each of its symbols."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from ops.runtime.clock import Clock
from storage.models.operations import Lease
from storage.mongo.failures import StoreUnavailable

LEASE_SECONDS: Final = 15.0
Sleep = Callable[[float], Awaitable[None]]


class Leases(Protocol):
    """The repository of leases (`storage.mongo.leases`). Times in nanoseconds since the epoch."""

    async def acquire(self, name: str, holder: str, ttl_seconds: float, now: int) -> bool: ...
    async def renew(self, name: str, holder: str, ttl_seconds: float, now: int) -> bool: ...
    async def release(self, name: str, holder: str) -> bool: ...
    async def holder(self, name: str, now: int) -> Lease | None: ...


class FeedHeldElsewhere(Exception):
    """Another feed publishes the symbol; the text names it. (The CLI exits 75: later it may be free.)"""

    def __init__(self, name: str, holder: str) -> None:
        super().__init__(
            f"{name.removeprefix('feed:')} is published by {holder}; stop that feed first or leave the symbol out "
            f"(if it has died, its lease ends by itself within {LEASE_SECONDS:g} s)"
        )
        self.name, self.holder = name, holder


class FeedLeaseLost(Exception):
    """The lease could not be renewed in time, or another feed took it; publishing has stopped."""


def lease_name(venue: str, symbol: str) -> str:
    """The name of the lease of one venue's symbol."""
    return f"feed:{venue}:{symbol}"


class FeedLease:
    """The leases of one feed. `holder` is what a refused feed reads: which feed, which process, which host; it must be this
    feed's alone.
    """

    def __init__(
        self,
        leases: Leases,
        names: Sequence[str],
        holder: str,
        clock: Clock,
        *,
        lease_seconds: float = LEASE_SECONDS,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._leases = leases
        self._names = tuple(names)
        self._holder = holder
        self._clock = clock
        self._seconds = lease_seconds
        self._sleep = sleep

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Acquire all leases, do `work` while renewing them, release them. What `work` raises comes through.

        Raises `FeedHeldElsewhere` (nothing is kept then), `FeedLeaseLost` after `work` was cancelled and has ended,
        `StoreUnavailable` when the store cannot be reached at the start.
        """
        try:
            await self._acquire()
            await self._renewing(work)
        finally:
            await self._release()

    async def _acquire(self) -> None:
        for name in self._names:
            if not await self._leases.acquire(name, self._holder, self._seconds, self._clock.now()):
                lease = await self._leases.holder(name, self._clock.now())
                raise FeedHeldElsewhere(name, lease.holder if lease else "a feed that is just stopping")

    async def _renewing(self, work: Callable[[], Awaitable[None]]) -> None:
        working = asyncio.ensure_future(work())
        renewing = asyncio.ensure_future(self._renew_until_lost())
        try:
            await asyncio.wait((working, renewing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, renewing):
                task.cancel()
            await asyncio.wait((working, renewing))
        if not working.cancelled():
            working.result()
        if not renewing.cancelled():
            renewing.result()

    async def _renew_until_lost(self) -> None:
        """Renew every third of the lease; give up at two thirds without success, well before another may take it."""
        renewed_at = self._clock.monotonic()
        pause = self._seconds / 3
        while True:
            await self._sleep(pause)
            try:
                await self._renew()
            except StoreUnavailable as error:
                if self._clock.monotonic() - renewed_at >= self._seconds * 2 / 3:
                    raise FeedLeaseLost(f"the leases could not be renewed in time: {error}") from error
                pause = self._seconds / 15
            else:
                renewed_at = self._clock.monotonic()
                pause = self._seconds / 3

    async def _renew(self) -> None:
        for name in self._names:
            if not await self._leases.renew(name, self._holder, self._seconds, self._clock.now()):
                lease = await self._leases.holder(name, self._clock.now())
                raise FeedLeaseLost(
                    f"{name.removeprefix('feed:')} was taken by {lease.holder if lease else 'nobody yet'}"
                )

    async def _release(self) -> None:
        """Give back what is ours (the repository leaves others' leases alone); unreachable, they expire by themselves."""
        try:
            for name in self._names:
                await self._leases.release(name, self._holder)
        except StoreUnavailable:
            return
