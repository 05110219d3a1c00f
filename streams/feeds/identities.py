"""Which trades of a run were published lately: a repeat of one is dropped before it reaches the log. Pure."""

from collections import OrderedDict
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
