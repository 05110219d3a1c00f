"""One partition of a tailed topic as clients know it: its name, how far it was read, and its newest frames. Pure."""

from bisect import bisect_left
from collections.abc import Hashable, Iterator
from typing import Final

from gateway.live.frames import Address, Frame

HISTORY_BYTES: Final = 256 * 1024
HISTORY_MILLISECONDS: Final = 120_000
HISTORY_FRAMES: Final = 256


class Shard:
    """`position` is the last seq that was read (-1: none), `history_start` the seq from which on all frames are kept.

    The newest frames are kept, so that a client that comes back soon is served without reading the log: those of the last
    two minutes (as the log dates them), at least 256 of them, but no more than `history_bytes`. They are trimmed when they are
    twice that, so that what a gateway keeps is settled within minutes, however quiet a topic is.
    """

    __slots__ = ("_bytes", "_frames", "_history_bytes", "addresses", "history_start", "name", "partition", "position")

    def __init__(self, name: str, partition: int, start: int, history_bytes: int = HISTORY_BYTES) -> None:
        self.name, self.partition = name, partition
        self.position = start - 1
        self.addresses: dict[Hashable, Address] = {}
        self._history_bytes = history_bytes
        self.history_start = start
        self._frames: list[Frame] = []
        self._bytes = 0

    def append(self, frame: Frame) -> None:
        """Keep the newest frame."""
        self._frames.append(frame)
        self._bytes += len(frame.wire)
        many = len(self._frames) > 2 * HISTORY_FRAMES
        aged = many and frame.appended - self._frames[0].appended > 2 * HISTORY_MILLISECONDS
        if aged or self._bytes > 2 * self._history_bytes:
            self._trim(frame.appended - HISTORY_MILLISECONDS)

    def restart(self, start: int) -> None:
        """Forget the history: reading goes on at `start`, with a hole before it, or in a log that begins anew."""
        if start <= self.position:
            for address in self.addresses.values():
                address.last = None
        self.position = start - 1
        self.history_start = start
        self._frames.clear()
        self._bytes = 0

    def remembers(self, seq: int) -> bool:
        """Whether every record from `seq` on that was read is still in the history."""
        return seq >= self.history_start

    def since(self, seq: int, limit: int) -> list[Frame]:
        """The remembered frames from `seq` on, at most `limit` of them."""
        first = bisect_left(self._frames, seq, key=lambda frame: frame.seq)
        return self._frames[first : first + limit]

    def newest_first(self) -> Iterator[Frame]:
        """The remembered frames, newest first."""
        return reversed(self._frames)

    def _trim(self, oldest: int) -> None:
        """Leave what was appended since `oldest` and the newest ones, as much of it as fits."""
        count = 0
        may_go = len(self._frames) - HISTORY_FRAMES
        for frame in self._frames:
            if self._bytes <= self._history_bytes and (frame.appended >= oldest or count >= may_go):
                break
            self._bytes -= len(frame.wire)
            count += 1
        self.history_start = self._frames[count - 1].seq + 1
        del self._frames[:count]
