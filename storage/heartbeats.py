"""Who says which processes there are: what looks at heartbeats asks this, and a test answers it without a store."""

from typing import Protocol

from storage.models.operations import Heartbeat


class HeartbeatSource(Protocol):
    """`storage.mongo.heartbeats.Heartbeats`, as who only looks sees it."""

    async def all(self, since: int) -> list[Heartbeat]:
        """The last beat of every process with `beat_at` >= `since` (ns), by process id. Raises `StoreUnavailable`."""
        ...
