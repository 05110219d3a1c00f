"""What waits for one slow client, by delivery class. Pure; bounded: see `LiveLimits`.

Within a shard nothing is ever reordered: what waits is sent in the order of `seq`, also when values were conflated.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.live.frames import Address, Delivery, Frame, json_frame
from gateway.live.limits import LiveLimits

SNAPSHOT_WAITS: Final = -2


@dataclass(slots=True)
class Losses:
    """How many messages of one family were replaced by newer ones, or dropped."""

    conflated: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    gaps: dict[str, int] = field(default_factory=dict)


class Backlog:
    """Frames that wait for one client. `subscribed_as` names the topic under which the client gets a frame.

    `announced`: the client was told that it lags.
    """

    __slots__ = (
        "_gaps",
        "_latest",
        "_limits",
        "_losses",
        "_lossless",
        "_queue",
        "_ready",
        "_subscribed_as",
        "announced",
        "lossless_bytes",
    )

    def __init__(self, limits: LiveLimits, subscribed_as: Callable[[Address], str], losses: Losses) -> None:
        self._limits, self._subscribed_as, self._losses = limits, subscribed_as, losses
        self._ready: deque[Frame] = deque()
        self._lossless: deque[Frame] = deque()
        self._queue: deque[Frame] = deque()
        self._gaps: dict[tuple[str, str], tuple[str, int, int]] = {}
        self._latest: dict[Address, tuple[Frame, int]] = {}
        self.lossless_bytes = 0
        self.announced = False

    def __bool__(self) -> bool:
        return bool(self._ready or self._lossless or self._queue or self._latest or self._gaps)

    def hold(self, frames: Sequence[Frame]) -> bool:
        """Keep frames that must all be sent: snapshots and the end of a resume. False: too many bytes wait already.

        Latest values take the place of older ones of their symbols and are not counted: there is one a symbol.
        """
        addresses = {frame.address for frame in frames if frame.address.delivery is Delivery.LATEST}
        if addresses:
            self._ready = deque(frame for frame in self._ready if frame.address not in addresses)
            for address in addresses:
                self._latest.pop(address, None)
        self._ready.extend(frames)
        held = sum(len(frame.wire) for frame in self._ready if frame.address.delivery is not Delivery.LATEST)
        return held <= self._limits.buffered_bytes

    def add(self, frame: Frame) -> bool:
        """Keep a live frame by its class. False: a lossless one has no room, the client must be closed."""
        delivery = frame.address.delivery
        if delivery is Delivery.LATEST:
            self._replace(frame)
        elif delivery is Delivery.QUEUED:
            self._queue.append(frame)
            if len(self._queue) > self._limits.queued_messages:
                self._drop(self._queue.popleft())
        else:
            self._lossless.append(frame)
            self.lossless_bytes += len(frame.wire)
            return self.lossless_bytes <= self._limits.lossless_bytes
        return True

    def take(self, budget: int) -> list[bytes]:
        """The next whole frames, oldest first, until they come to `budget` bytes (at least one when there is any)."""
        taken: list[bytes] = []
        while budget > 0:
            if self._ready:
                wire = self._ready.popleft().wire
            elif self._lossless:
                wire = self._lossless.popleft().wire
                self.lossless_bytes -= len(wire)
            elif self._refill(taken):
                continue
            else:
                break
            taken.append(wire)
            budget -= len(wire)
        return taken

    def unsent(self) -> dict[str, int]:
        """The lowest `seq` that waits, by shard; `SNAPSHOT_WAITS` where a snapshot does (its seqs tell no position)."""
        lowest: dict[str, int] = {}
        waiting = [*self._ready, *self._lossless, *self._queue, *(frame for frame, _ in self._latest.values())]
        for frame in waiting:
            shard = frame.address.shard
            seq = SNAPSHOT_WAITS if frame.type == "snapshot" else frame.seq
            lowest[shard] = min(lowest.get(shard, seq), seq)
        for (_, shard), (_, first, _) in self._gaps.items():
            lowest[shard] = min(lowest.get(shard, first), first)
        return lowest

    def keep_only(self, wanted: Callable[[Frame], bool], topics: Collection[str]) -> None:
        """Forget what the client no longer wants: `wanted` tells for frames, `topics` for gaps. The gap of a wildcard that has
        ended is one of each of its symbols that stay.
        """
        gaps, self._gaps = self._gaps, {}
        for (topic, shard), (family, first, last) in gaps.items():
            for name in (topic,) if topic in topics else _covered_by(topic, topics):
                _, from_, to = self._gaps.get((name, shard), (family, first, last))
                self._gaps[name, shard] = (family, min(first, from_), max(last, to))
        self._ready = deque(frame for frame in self._ready if wanted(frame))
        self._lossless = deque(frame for frame in self._lossless if wanted(frame))
        self.lossless_bytes = sum(len(frame.wire) for frame in self._lossless)
        self._queue = deque(frame for frame in self._queue if wanted(frame))
        self._latest = {address: entry for address, entry in self._latest.items() if wanted(entry[0])}

    def _refill(self, taken: list[bytes]) -> bool:
        """Move the next class to what is sent: gaps and the queue together, then the latest values of all symbols."""
        if self._gaps or self._queue:
            for (topic, shard), (family, first, last) in self._gaps.items():
                taken.append(gap_frame(topic, shard, first, last))
                self._losses.gaps[family] = self._losses.gaps.get(family, 0) + 1
            self._gaps.clear()
            self._ready, self._queue = self._queue, self._ready
        elif self._latest:
            self._ready.extend(frame.conflating(dropped) for frame, dropped in self._latest.values())
            self._latest.clear()
        return bool(self._ready)

    def _replace(self, frame: Frame) -> None:
        """The newest goes to the end, so that the dictionary stays in the order of `seq` in each shard."""
        address = frame.address
        older = self._latest.pop(address, None)
        if older is None:
            self._latest[address] = (frame, 0)
            return
        passed, dropped = older
        self._latest[address] = (frame, dropped + passed.conflated + 1)
        _count(self._losses.conflated, address.family)

    def _drop(self, frame: Frame) -> None:
        address = frame.address
        key = (self._subscribed_as(address), address.shard)
        _, first, _ = self._gaps.get(key, ("", frame.seq, 0))
        self._gaps[key] = (address.family, first, frame.seq)
        _count(self._losses.dropped, address.family)


def gap_frame(topic: str, shard: str, first: int, last: int) -> bytes:
    """Says that the messages of `topic` in `shard` from `first` to `last` were dropped and will not come."""
    return json_frame({"type": "gap", "topic": topic, "shard": shard, "from": first, "to": last})


def _covered_by(topic: str, topics: Iterable[str]) -> list[str]:
    return [name for name in topics if topic.endswith(".*") and name.startswith(topic[:-1])]


def _count(counts: dict[str, int], family: str) -> None:
    counts[family] = counts.get(family, 0) + 1
