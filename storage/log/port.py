"""The log port: what every process may ask of the log, whichever adapter stands behind it.

Promises that hold on both adapters (memory, Kafka) and are held by one behavioural suite, tests/integration/log:
records of one key keep their order; an acknowledged append is on the log exactly once; offsets of a partition only
grow; a tail delivers every retained record from its start on, in offset order per partition, and never commits.
"""

from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

Headers = tuple[tuple[str, bytes], ...]
BATCH_RECORDS: Final = 1_000  # a reader that handles a batch at once blocks the event loop for a few ms at most


class Record(Protocol):
    """One record as read from the log. aiokafka's own `ConsumerRecord` fits, so Kafka records are never copied."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int:
        """Milliseconds since the epoch at which it was appended."""
        ...

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Message(NamedTuple):
    """What is to be appended: key and value bytes, and headers (`event-id`, `schema`, `traceparent`, ...)."""

    key: bytes
    value: bytes
    headers: Headers = ()


class Position(NamedTuple):
    """Where an appended record stands."""

    partition: int
    offset: int


class Bounds(NamedTuple):
    """Offsets of one partition: `first` is the oldest that is retained, `next` the one that the next append gets."""

    first: int
    next: int


@dataclass(frozen=True, slots=True)
class TopicReport:
    """What `apply` found or did for one topic: `action` is `created`, `unchanged` or `updated`."""

    topic: str
    partitions: int
    action: str


class ExistingTopic(NamedTuple):
    """A topic as it is: its partition count, and in words each setting that is not as `storage.topics` wants it."""

    partitions: int
    differences: tuple[str, ...] = ()


class LogUnavailable(Exception):
    """The log cannot be reached or was closed; the text names the address and what failed, in one readable line."""


class AppendUnknown(Exception):
    """An append failed or timed out and may or may not be on the log."""


class TailClosed(Exception):
    """A reader waits on, or reads from, a tail that was closed, or whose log was."""


class PositionLost(Exception):
    """A reader asked for an offset that the log no longer holds (or never held)."""

    def __init__(self, topic: str, partition: int, offset: int, bounds: Bounds) -> None:
        super().__init__(f"{topic}-{partition} holds offsets {bounds.first} to {bounds.next - 1}, not {offset}")
        self.topic, self.partition, self.offset, self.bounds = topic, partition, offset, bounds


class Tail(Protocol):
    """A reader outside any group. Use it as an async context manager."""

    async def batch(self) -> Sequence[Record]:
        """The next records (1 to `BATCH_RECORDS`, of one partition, in offset order); waits until there are some.

        Raises `PositionLost` when the position of a partition is not (or no longer) held by the log; `add` with
        another offset moves that partition on. Raises `TailClosed` when tail or log are closed, also while it waits.
        """
        ...

    def positions(self) -> Mapping[int, int]:
        """For each partition the next offset that `batch` will deliver."""
        ...

    async def add(self, partition: int, offset: int) -> None:
        """Also deliver `partition`, from `offset` on; one that is delivered already goes on from there. May be called
        before the tail is entered, and while it is.
        """
        ...

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PartitionWriter(Protocol):
    """A producer of its own for one partition: what an owner appends with under one claim (docs/decisions/0058)."""

    def append(self, messages: Sequence[Message]) -> Awaitable[list[int]]:
        """Append at once, in the order in which the calls are made, without waiting for those before; await it for the
        offsets (ascending; records of other writers may lie between).

        The awaitable raises `AppendUnknown`; then nothing that was given to this writer later is on the log or ever
        will be, unless it has been acknowledged, and every further append raises it too. Raises `ValueError` at once
        for a message larger than the topic allows (none of `messages` is appended then). Waits for no slow reader.
        """
        ...

    async def close(self) -> None:
        """Give up: what is not acknowledged may or may not be on the log, or come onto it later (`AppendUnknown`)."""
        ...


class TopicsAdmin(Protocol):
    """Makes and looks at topics, by our names for them. `storage.log.topics_admin` has the rules."""

    async def existing(self) -> Mapping[str, ExistingTopic]:
        """Those of our topics that are there. Raises `LogUnavailable`, as all of these do."""
        ...

    async def create(self, topics: Sequence[str]) -> None:
        """Make these topics as `storage.topics` says; one that somebody else has just made is left as it is."""
        ...

    async def update(self, topic: str) -> None:
        """Give an existing topic the settings that `storage.topics` wants; its other settings stay."""
        ...


class Log(Protocol):
    """The log of facts. Topics and partition counts are those of `storage.topics`."""

    async def start(self) -> None:
        """Connect. Raises `LogUnavailable` within a bounded time when the log cannot be reached."""
        ...

    async def close(self) -> None:
        """Flush what was sent and disconnect."""
        ...

    async def append(self, topic: str, message: Message) -> Position:
        """Append at once (no linger) and return when acknowledged.

        Raises `AppendUnknown`; `LogUnavailable` on a log that was closed or cannot send now, and `ValueError` for a message
        larger than its topic allows (nothing is appended then).
        """
        ...

    async def append_many(self, topic: str, messages: Sequence[Message]) -> list[Position]:
        """Append in the given order (that of each partition), batched; returns when all are acknowledged.

        Raises as `append` does. After `AppendUnknown` any of the messages may be on the log; of each partition it is
        always a leading part.
        """
        ...

    async def writer(self, topic: str, partition: int) -> PartitionWriter:
        """A new writer, with a producer id that no other has. Raises `LogUnavailable`; `ValueError` for a partition that
        the topic does not have.
        """
        ...

    def tail(self, topic: str, start: Mapping[int, int], *, growing: bool = False) -> Tail:
        """Read `topic` from the given offsets on (only the partitions named), outside any group. What `add` adds to a tail
        that is `growing` is read at once, else within a second.

        Raises `ValueError` for a partition that the topic does not have.
        """
        ...

    def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[Record]]:
        """The retained records with start <= offset < stop that are there now, then ends.

        Raises `PositionLost` when `start` is gone (or lies beyond the next offset).
        """
        ...

    async def bounds(self, topic: str) -> dict[int, Bounds]:
        """Oldest and next offset of every partition of `topic`."""
        ...

    async def ends(self, topics: Collection[str]) -> dict[str, dict[int, int]]:
        """The next offset of every partition of each of these topics, in one question: who asks often asks this."""
        ...

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """The next offset that `group` will read, per partition; partitions without a commit are left out."""
        ...

    async def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Store next offsets for a group that has no running members (memory runner, CLI)."""
        ...

    def admin(self) -> TopicsAdmin:
        """Makes and looks at topics; usable before `start`."""
        ...
