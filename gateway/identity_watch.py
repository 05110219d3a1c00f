"""What is told on `platform-events` about keys and people is felt here at once: caches read again, sockets are looked through."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from storage.identity_events import IdentityEvent, IdentityTail
from storage.log.port import Log


class Cache(Protocol):
    """What reads again what it holds (KeyCache, SessionCache)."""

    async def refresh(self) -> None: ...


class Sockets(Protocol):
    """What closes the connections of keys that do not count any more (LiveSockets)."""

    def drop_invalid(self) -> None: ...


class IdentityWatch:
    """Makes sooner what the caches find by themselves within 2 s."""

    def __init__(self, log: Log, caches: Sequence[Cache], sockets: Sockets) -> None:
        self._tail = IdentityTail(log, self._feel)
        self._caches, self._sockets = caches, sockets

    async def run(self) -> None:
        """Listen until cancelled. Raises `TailClosed` when the log was closed."""
        await self._tail.run()

    async def _feel(self, _events: Sequence[IdentityEvent]) -> None:
        await asyncio.gather(*(cache.refresh() for cache in self._caches))
        self._sockets.drop_invalid()
