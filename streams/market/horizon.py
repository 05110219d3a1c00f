"""Whether silence is silence: the clock may speak only when everything that the log held has been folded."""

from streams.market.ports import LogBounds


class Horizon:
    """For each partition of `topic`, where the log ended when somebody asked. A processor that reads a backlog must
    not take what it has not read yet for what did not happen (docs/decisions/0024).
    """

    def __init__(self, log: LogBounds, topic: str) -> None:
        self._log = log
        self._topic = topic
        self._ends: dict[int, tuple[int, int]] = {}

    async def settled_at(self, partition: int, position: int, now: int) -> int | None:
        """A time (ns, at most `now`) such that all that the log held then stands before `position`; None: not yet."""
        if partition not in self._ends:
            bounds = (await self._log.bounds(self._topic))[partition]
            empty = bounds.first == bounds.next
            self._ends[partition] = (now, 0 if empty else bounds.next)
        asked_at, end = self._ends[partition]
        if position < end:
            return None
        del self._ends[partition]
        return asked_at

    def forget(self, partition: int) -> None:
        """Drop what was noted of a partition."""
        self._ends.pop(partition, None)
