"""The rule behind "lag without assignment": a group can forget a topic, and its members then idle for ever."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from storage.log.port import Bounds


@dataclass(frozen=True, slots=True)
class _Standing:
    offset: int
    since: float


class StallWatch:
    """Notices partitions with lag whose commits stand still while this member has no partition of their topic.

    Where other members read a topic its commits move, so a spare member is not alarmed. Times are monotonic seconds.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._standing: dict[tuple[str, int], _Standing] = {}

    def look(
        self,
        now: float,
        topic: str,
        assigned: Collection[int],
        bounds: Mapping[int, Bounds],
        committed: Mapping[int, int],
    ) -> int | None:
        """The partition of `topic` that has stood still for too long, if there is one."""
        for partition, bound in bounds.items():
            offset = max(bound.first, committed.get(partition, bound.first))
            key = topic, partition
            if assigned or offset >= bound.next:
                self._standing.pop(key, None)
                continue
            standing = self._standing.get(key)
            if standing is None or standing.offset != offset:
                self._standing[key] = _Standing(offset, now)
            elif now - standing.since >= self._seconds:
                return partition
        return None
