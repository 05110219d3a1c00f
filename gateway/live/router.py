"""Who gets which frame: subscribers by exact key and by wildcard, clients with the same topics as one group. Pure.

No client is looked at while records come in: a frame is put on the few groups (or conflating buckets) that want it, and
a flush joins a group's frames once for all of its members.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple, Protocol

from gateway.live.backlog import Backlog
from gateway.live.frames import PART, Address, Delivery, Frame, part_route

Later = Callable[[float, Callable[[], None]], object]
"""Calls a function after some seconds."""


class Route(NamedTuple):
    """A router key that a client listens to, and for how many milliseconds values are conflated on the way (0: not)."""

    key: str
    conflate_ms: int = 0


class Member(Protocol):
    """A client as the router sees it: plain attributes, since they are read for each client at each flush."""

    backlog: Backlog | None
    """What waits for it; None while it is not slow."""
    buffered: Callable[[], int]
    """Bytes in its write buffer."""
    write: Callable[[bytes], None]
    written: int
    """Bytes written so far."""

    def absorb(self, frames: Sequence[Frame]) -> None:
        """Keep them until it can take them; may close the client."""
        ...

    def abort(self) -> None:
        """Drop the connection."""
        ...


class Sink(Protocol):
    """What a route leads to."""

    group: "Group"

    def take(self, frame: Frame) -> None: ...


@dataclass(slots=True)
class Delivered:
    """Messages handed to clients since the start, by family."""

    messages: dict[str, int] = field(default_factory=dict)


class Group:
    """Clients with the same routes, and the frames that they are about to get."""

    __slots__ = ("_dirty", "buckets", "group", "members", "pending", "routes", "unchecked")

    def __init__(self, routes: frozenset[Route], dirty: "list[Group]") -> None:
        self.routes, self._dirty = routes, dirty
        self.group = self
        self.members: dict[Member, None] = {}
        self.pending: list[Frame] = []
        self.buckets: list[Bucket] = []
        self.unchecked = 0

    def take(self, frame: Frame) -> None:
        """Add to what the next flush brings."""
        if not self.pending:
            self._dirty.append(self)
        self.pending.append(frame)


class Bucket:
    """Conflates the latest values of a group's routes for a time; passes everything else on at once."""

    __slots__ = ("_later", "_seconds", "_values", "group")

    def __init__(self, group: Group, conflate_ms: int, later: Later) -> None:
        self.group, self._seconds, self._later = group, conflate_ms / 1000, later
        self._values: dict[Address, tuple[Frame, int]] = {}

    def take(self, frame: Frame) -> None:
        """Keep the newest of each symbol until the time is over."""
        if frame.address.delivery is not Delivery.LATEST:
            self.group.take(frame)
            return
        if not self._values:
            self._later(self._seconds, self.release)
        _, dropped = self._values.pop(frame.address, (None, -1))
        self._values[frame.address] = (frame, dropped + 1)

    def unsent(self) -> Iterable[Frame]:
        """What is kept."""
        return (frame for frame, _ in self._values.values())

    def release(self) -> None:
        """Put what was kept on the group."""
        values, self._values = self._values, {}
        for frame, dropped in values.values():
            self.group.take(frame.conflating(dropped))


class Router:
    """The groups and their routes. `slow_bytes`: with more than that in its write buffer a client is slow."""

    def __init__(self, slow_bytes: int, later: Later, delivered: Delivered) -> None:
        self._slow_bytes, self._later, self._delivered = slow_bytes, later, delivered
        self._groups: dict[frozenset[Route], Group] = {}
        self._sinks: dict[str, list[Sink]] = {}
        self._divided: dict[str, int] = {}
        self.dirty: list[Group] = []

    def publish(self, frame: Frame) -> None:
        """Put `frame` on every group that wants it."""
        address = frame.address
        for sink in self._sinks.get(address.route, ()):
            sink.take(frame)
        if address.wildcard is not None:
            for sink in self._sinks.get(address.wildcard, ()):
                sink.take(frame)
        if address.parts is not None and address.route in self._divided:
            self._publish_parts(frame)

    def flush(self) -> None:
        """Give every group's members what is pending: one joined write for each that is not slow."""
        dirty, self.dirty[:] = self.dirty[:], []
        for group in dirty:
            self._flush(group)

    def move(self, member: Member, old: frozenset[Route], new: frozenset[Route]) -> None:
        """Take `member` from the group of `old` to that of `new` (either may be empty); what was pending goes out first."""
        self.settle(old)
        self.settle(new)
        if (left := self._groups.get(old)) is not None:
            left.members.pop(member, None)
            if not left.members:
                self._close(left)
        if new:
            group = self._groups.get(new) or self._open(new)
            group.members[member] = None

    def settle(self, routes: frozenset[Route]) -> None:
        """Give the group of `routes` what is pending; members that are too slow may be closed, and so leave it, meanwhile."""
        group = self._groups.get(routes)
        if group is not None:
            for bucket in group.buckets:
                bucket.release()
            self._flush(group)

    def unsent(self, routes: frozenset[Route]) -> dict[str, int]:
        """The lowest `seq` that a client with `routes` still waits for in its group, by shard."""
        group = self._groups.get(routes)
        if group is None:
            return {}
        lowest: dict[str, int] = {}
        for frame in chain(group.pending, *(bucket.unsent() for bucket in group.buckets)):
            shard = frame.address.shard
            lowest[shard] = min(lowest.get(shard, frame.seq), frame.seq)
        return lowest

    def _publish_parts(self, frame: Frame) -> None:
        """Put `frame` once on every group that wants a part that it touches."""
        route = frame.address.route
        keys = [part_route(route, part) for part in frame.parts]
        for sink in dict.fromkeys(chain.from_iterable(self._sinks.get(key, ()) for key in keys)):
            sink.take(frame)

    def _flush(self, group: Group) -> None:
        frames, group.pending = group.pending, []
        if not frames:
            return
        data = frames[0].wire if len(frames) == 1 else b"".join([frame.wire for frame in frames])
        size = len(data)
        group.unchecked += size
        full = self._full_buffers(group) if group.unchecked > self._slow_bytes // 4 else ()
        absorbing: list[Member] = []
        ended: list[Member] = []
        for member in group.members:
            if member.backlog is not None or member in full:
                absorbing.append(member)
                continue
            try:
                member.write(data)
            except RuntimeError:  # its transport was ended under us: one client's end must not end the feed
                ended.append(member)
            else:
                member.written += size
        for member in absorbing:
            member.absorb(frames)
        for member in ended:
            member.abort()
        self._count(frames, len(group.members) - len(absorbing))

    def _full_buffers(self, group: Group) -> Container[Member]:
        """The members with too much in their write buffers. Looked at each time a quarter of that has been written."""
        group.unchecked = 0
        return {member for member in group.members if member.buffered() > self._slow_bytes}

    def _count(self, frames: Iterable[Frame], members: int) -> None:
        messages = self._delivered.messages
        for frame in frames:
            family = frame.address.family
            messages[family] = messages.get(family, 0) + members

    def _open(self, routes: frozenset[Route]) -> Group:
        group = self._groups[routes] = Group(routes, self.dirty)
        buckets = {ms: Bucket(group, ms, self._later) for ms in {route.conflate_ms for route in routes} if ms}
        group.buckets.extend(buckets.values())
        for key, conflate_ms in routes:
            self._sinks.setdefault(key, []).append(buckets.get(conflate_ms, group))
            self._count_part(key, 1)
        return group

    def _close(self, group: Group) -> None:
        del self._groups[group.routes]
        for key, _ in group.routes:
            sinks = [sink for sink in self._sinks[key] if sink.group is not group]
            if sinks:
                self._sinks[key] = sinks
            else:
                del self._sinks[key]
            self._count_part(key, -1)

    def _count_part(self, key: str, change: int) -> None:
        """Take note of how many routes want parts of a key."""
        route, mark, _ = key.partition(PART)
        if mark:
            count = self._divided.pop(route, 0) + change
            if count:
                self._divided[route] = count
