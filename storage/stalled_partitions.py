"""Tells, from the heartbeats, which partitions do not move although records wait, and which nobody reads: what alerts are made of."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from ops.runtime.clock import Clock
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.heartbeats import HeartbeatSource
from storage.models.fleet import stalled_partitions, unread
from storage.models.operations import Heartbeat
from storage.models.partition_progress import STALLED_SECONDS, PartitionProgress
from storage.topics import Topics

_LOOK_BACK_NS: Final = 3_600 * NANOSECONDS_PER_SECOND
"""What a process that crashed has told last stands for an hour."""


class StalledPartition(NamedTuple):
    """A partition that somebody has to look at: for `seconds` its group `stands` there, or no process of the group's role has
    read it (`unread`). `position` and `end` are as they were told last, 0 where nobody ever did.
    """

    group: str
    topic: str
    partition: int
    position: int
    end: int
    seconds: int
    why: Literal["stands", "unread"]


class StallsInHeartbeats:
    """Tells by what processes say of their progress. Partitions that nobody reads count after 30 s, as those that stand: a take-over is none."""

    def __init__(self, heartbeats: HeartbeatSource, topics: Topics, clock: Clock) -> None:
        self._heartbeats, self._topics, self._clock = heartbeats, topics, clock
        self._unread_since: dict[tuple[str, str, int], float] = {}
        self._known: dict[tuple[str, str, int], PartitionProgress] = {}

    async def look(self) -> list[StalledPartition]:
        """Those that are stalled now. To be called every few seconds: what is not read counts from the first look at it.

        Raises `StoreUnavailable`.
        """
        now = self._clock.now()
        beats = await self._heartbeats.all(now - _LOOK_BACK_NS)
        for heartbeat in sorted(beats, key=lambda one: one.beat_at):
            self._known.update((one.key, one) for one in heartbeat.progress)
        standing = [
            StalledPartition(one.group, one.topic, one.partition, one.position, one.end, one.standing_seconds, "stands")
            for one in stalled_partitions(beats, now)
        ]
        return standing + self._unread(beats, now)

    def _unread(self, beats: Sequence[Heartbeat], now: int) -> list[StalledPartition]:
        """A role's group has its name."""
        moment = self._clock.monotonic()
        missing = [
            (str(gap.role), gap.topic, number) for gap in unread(beats, self._topics, now) for number in gap.partitions
        ]
        self._unread_since = {key: self._unread_since.get(key, moment) for key in missing}
        return [
            self._told(key, int(moment - since))
            for key, since in self._unread_since.items()
            if moment - since >= STALLED_SECONDS
        ]

    def _told(self, key: tuple[str, str, int], seconds: int) -> StalledPartition:
        known = self._known.get(key, PartitionProgress(*key, position=0, end=0))
        return StalledPartition(*key, known.position, known.end, seconds, "unread")
