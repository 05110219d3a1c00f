"""Which trades of a run were published lately: a repeat of one is dropped before it reaches the log. Pure."""

from heapq import heappush, heappushpop
from typing import Final

from storage.models.market_data import Trade

REMEMBERED: Final = 100_000
Identity = tuple[str, int, str | None]
_KINDS: Final = 1 << 32
"""More than there are pairs of a symbol and a kind of correction."""
_NOBODY: Final = _KINDS - 1


def identity_of(trade: Trade) -> Identity:
    """(symbol, venue_seq, kind of correction): a correction that carries its print's number is no repeat of the print."""
    return trade.symbol, trade.venue_seq, trade.correction.kind if trade.correction else None


class RecentIdentities:
    """The last `capacity` identities; the oldest is forgotten when it is full.

    The memory of all of them (8 MB of 100,000) is taken at once: how much a feed has says nothing about how long it has run.
    """

    def __init__(self, capacity: int = REMEMBERED) -> None:
        self._ring = [_NOBODY - number * _KINDS for number in range(capacity)]
        self._known = set(self._ring)
        self._next = 0
        self._kinds: dict[tuple[str, str | None], int] = {}

    def __contains__(self, identity: Identity) -> bool:
        return self._number_of(identity) in self._known

    def add(self, identity: Identity) -> None:
        """Remember one."""
        number = self._number_of(identity)
        if number not in self._known:
            self._known.discard(self._ring[self._next])
            self._known.add(number)
            self._ring[self._next] = number
            self._next = (self._next + 1) % len(self._ring)

    def _number_of(self, identity: Identity) -> int:
        """One number for each identity, so that neither needs an object of its own beside it."""
        symbol, venue_seq, kind = identity
        return venue_seq * _KINDS + self._kinds.setdefault((symbol, kind), len(self._kinds))


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
