"""Look-ups of keys that are not in memory: all that wait go in one query, and queries begin at most twenty times a second."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from ops.runtime.errors import HubError
from storage.mongo.failures import StoreUnavailable

Found = TypeVar("Found")
REST_SECONDS: Final = 0.05
"""From the beginning of a query to that of the next: the longest that the first request of a key waits for those of strangers,
beside the queries themselves."""


class KeyLookups(Generic[Found]):
    """Bounded work for the store, however many unknown keys a stranger tries: requests that wait share a query, and between the
    beginnings of two lie 50 ms at least.
    """

    def __init__(self, read: Callable[[list[str]], Awaitable[dict[str, Found]]]) -> None:
        self._read = read
        self._wanted: set[str] = set()
        self._began = -REST_SECONDS
        self._running: asyncio.Task[dict[str, Found]] | None = None
        self._next: asyncio.Task[dict[str, Found]] | None = None

    async def find(self, key_id: str) -> Found | None:
        """The key as the store has it now; None for an unknown one. Raises `system.unavailable` while the store is away."""
        if self._next is None:
            self._wanted = set()
            self._next = asyncio.create_task(self._run(self._wanted, self._running), name="key look-up")
        self._wanted.add(key_id)
        try:
            found = await asyncio.shield(self._next)
        except StoreUnavailable as error:
            raise HubError("system.unavailable", {"component": "database"}) from error
        return found.get(key_id)

    async def _run(self, wanted: set[str], before: "asyncio.Task[dict[str, Found]] | None") -> dict[str, Found]:
        if before is not None:
            await asyncio.wait([before])
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._began + REST_SECONDS - loop.time())
        self._began = loop.time()
        self._running, self._next = self._next, None  # who comes from now on waits for the query after this one
        return await self._read(list(wanted))
