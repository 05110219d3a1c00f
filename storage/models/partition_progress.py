"""How far the readers of a topic are, and which of them stand although records wait for them. Pure.

A partition that does not move while its log grows is an alert: whoever should read it hangs, or nobody does.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

STALLED_SECONDS: Final = 30
"""A partition that stands for so long although records wait is stalled: longer than a take-over takes (5 to 15 s)."""


class PartitionProgress(NamedTuple):
    """One partition as the reader group `group` has it. `position` is the first offset whose effect is not durable yet (never
    below the oldest that the log keeps), `end` the offset that the next record gets. `standing_seconds`: for how long it has
    not moved although records were waiting; 0 while it moves or nothing waits.
    """

    group: str
    topic: str
    partition: int
    position: int
    end: int
    standing_seconds: int = 0

    @property
    def lag(self) -> int:
        """Records that wait."""
        return max(0, self.end - self.position)

    @property
    def key(self) -> tuple[str, str, int]:
        """Which partition of whom."""
        return self.group, self.topic, self.partition


def stalled(before: Iterable[PartitionProgress], after: Iterable[PartitionProgress]) -> list[PartitionProgress]:
    """Those of `after` that are where they were at `before`, although records were waiting there already.

    A record that came since is no sign: its reader may be about to take it. One that was there before and is still not taken
    says that nothing moves, whether or not the log has grown further.
    """
    waiting = {one.key: one.position for one in before if one.lag}
    return [one for one in after if waiting.get(one.key) == one.position and one.lag]


class Standstills:
    """Follows partitions from look to look, and knows since when each stands. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._looked_at = 0.0
        self._last: Sequence[PartitionProgress] = ()
        self._since: dict[tuple[str, str, int], float] = {}

    def look(self, now: float, seen: Sequence[PartitionProgress]) -> list[PartitionProgress]:
        """`seen` with the seconds for which each stands. A partition that is not among them is forgotten."""
        still = [one.key for one in stalled(self._last, seen)]
        self._since = {key: self._since.get(key, self._looked_at) for key in still}
        self._looked_at, self._last = now, tuple(seen)
        return [one._replace(standing_seconds=self._seconds(one, now)) for one in seen]

    def _seconds(self, one: PartitionProgress, now: float) -> int:
        since = self._since.get(one.key)
        return 0 if since is None else int(now - since)


def long_standing(seen: Iterable[PartitionProgress], seconds: int = STALLED_SECONDS) -> list[PartitionProgress]:
    """Those that are stalled, the longest first."""
    found = [one for one in seen if one.standing_seconds >= seconds]
    return sorted(found, key=lambda one: (-one.standing_seconds, one.key))
