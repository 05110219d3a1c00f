"""Tells, from the heartbeats, which partitions are read by nobody or do not move: what an alert is made of."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol

from ops.runtime.clock import Clock
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.fleet import ALIVE_SECONDS, stalled_partitions, unread
from storage.models.operations import Heartbeat
from storage.models.partition_progress import STALLED_SECONDS
from storage.topics import Topics

_FORGOTTEN_NS: Final = ALIVE_SECONDS * NANOSECONDS_PER_SECOND


class StalledPartition(NamedTuple):
    """A partition that somebody has to look at. `reader` is the group that stands there, or the role of which no process
    reads it; `seconds` for how long, `lag` the records that wait (None: nobody reads, so nobody knows).
    """

    reader: str
    topic: str
    partition: int
    why: Literal["stands", "unread"]
    seconds: int
    lag: int | None

    @property
    def subject(self) -> str:
        """What an alert about it is about: `orders order-commands-3`."""
        return f"{self.reader} {self.topic}-{self.partition}"


class StalledPartitions(Protocol):
    """Who tells."""

    async def look(self) -> Sequence[StalledPartition]:
        """Those that are stalled now. Call it every few seconds: what was not looked at before has no past. Raises
        `StoreUnavailable`.
        """
        ...


class HeartbeatSource(Protocol):
    """The processes' heartbeats (storage/mongo/heartbeats.py)."""

    async def all(self, since: int) -> list[Heartbeat]: ...


class StallsInHeartbeats:
    """See `StalledPartitions`. Partitions that nobody reads count after 30 s, as those that stand: a take-over is none."""

    def __init__(self, heartbeats: HeartbeatSource, topics: Topics, clock: Clock) -> None:
        self._heartbeats, self._topics, self._clock = heartbeats, topics, clock
        self._unread_since: dict[tuple[str, str, int], float] = {}

    async def look(self) -> list[StalledPartition]:
        """See `StalledPartitions.look`."""
        now = self._clock.now()
        beats = await self._heartbeats.all(now - _FORGOTTEN_NS)
        standing = [
            StalledPartition(one.group, one.topic, one.partition, "stands", one.standing_seconds, one.lag)
            for one in stalled_partitions(beats, now)
        ]
        return standing + self._unread(beats, now)

    def _unread(self, beats: Sequence[Heartbeat], now: int) -> list[StalledPartition]:
        moment = self._clock.monotonic()
        missing = [
            (gap.role, gap.topic, number) for gap in unread(beats, self._topics, now) for number in gap.partitions
        ]
        self._unread_since = {key: self._unread_since.get(key, moment) for key in missing}
        return [
            StalledPartition(role, topic, number, "unread", int(moment - since), None)
            for (role, topic, number), since in self._unread_since.items()
            if moment - since >= STALLED_SECONDS
        ]
