"""Which trades of a run were published lately: a repeat of one is dropped before it reaches the log. Pure."""

from collections import OrderedDict
from heapq import heappush, heappushpop
from typing import Final

from storage.models.market_data import Trade

REMEMBERED: Final = 100_000
Identity = tuple[str, int, str | None]


def identity_of(trade: Trade) -> Identity:
    """(symbol, venue_seq, kind of correction): a correction that carries its print's number is no repeat of the print."""
    return trade.symbol, trade.venue_seq, trade.correction.kind if trade.correction else None


class RecentIdentities:
    """The last `capacity` identities; the oldest is forgotten when it is full."""

    def __init__(self, capacity: int = REMEMBERED) -> None:
        self._capacity = capacity
        self._known: OrderedDict[Identity, None] = OrderedDict()

    def __contains__(self, identity: Identity) -> bool:
        return identity in self._known

    def __len__(self) -> int:
        return len(self._known)

    def add(self, identity: Identity) -> None:
        """Remember one."""
        self._known[identity] = None
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)


class NewestPrints:
    """The `capacity` prints with the greatest lines of those added, in whatever order: partitions are read one by one."""

    def __init__(self, capacity: int = REMEMBERED) -> None:
        self._capacity = capacity
        self._prints: list[tuple[int, int, Identity]] = []
        self._added = 0

    def add(self, line: int, identity: Identity) -> None:
        """Keep one; the one with the lowest line is dropped when there are too many."""
        self._added += 1
        entry = (line, self._added, identity)
        if len(self._prints) < self._capacity:
            heappush(self._prints, entry)
        else:
            heappushpop(self._prints, entry)

    def in_order(self) -> list[Identity]:
        """What is kept, by line."""
        return [identity for _, _, identity in sorted(self._prints)]
