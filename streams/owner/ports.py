"""What an owner asks of the outside, beside the log."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol

from ops.runtime.clock import Clock
from ops.runtime.identifiers import Identifiers
from storage.log.port import Log, Record
from storage.models.ownership import Checkpoint, ClaimHistory, Floor
from streams.owner.own_records import OwnRecords
from streams.owner.rules import Command, Event, Rules, State


class CheckpointStore(Protocol):
    """`storage.mongo.ownership.Checkpoints`."""

    async def write(self, checkpoints: Sequence[Checkpoint]) -> list[bytes]: ...
    async def of_partition(self, partition: int) -> list[Checkpoint]: ...
    async def furthest(self, keys: Sequence[bytes]) -> int: ...


class FloorStore(Protocol):
    """`storage.mongo.ownership.Floors`."""

    async def get(self, partition: int) -> Floor: ...
    async def raise_to(self, floor: Floor) -> bool: ...


class ClaimStore(Protocol):
    """`storage.mongo.ownership.ClaimHistories`."""

    async def get(self, partition: int) -> ClaimHistory: ...
    async def extend_to(self, history: ClaimHistory) -> bool: ...


class Controls(Protocol):
    """The versioned controls that `decide` sees. `version` changes at the same instant as what `decide` sees."""

    async def catch_up(self) -> None:
        """Called after the acknowledgement of a claim: start the tail (once), load the documents, and read that tail to
        the end that it has now.
        """
        ...

    @property
    def version(self) -> int: ...


class Membership(Protocol):
    """The group's word on one assignment of a partition."""

    async def still_mine(self) -> bool:
        """By a commit with the assignment's generation. Raises `LogUnavailable` when the group cannot be asked."""
        ...


class CommandOwner(Protocol):
    """What a transport of commands (the batch transport, the memory runner) calls; the calls for one partition never
    overlap, but for `revoked`, which may come at any time.
    """

    async def assigned(self, partition: int, membership: Membership) -> int:
        """Claim and read up; the offset of the topic of commands from which records are to be handed over.

        Records of the partition may come only after this has returned. The group's committed offset does not matter.
        For a partition that is owned already (a new generation, a seek) it goes on with the new membership.
        """
        ...

    async def take(self, partition: int, records: Sequence[Record], acknowledge: Callable[[], object]) -> None:
        """Take the next records; returns when there is room for more. `acknowledge` is called once all of them have
        acknowledged records: then the offset after them may be committed.
        """
        ...

    async def drain(self) -> None:
        """Return when everything that was taken is acknowledged, or its partition has ended."""
        ...

    async def revoked(self, partition: int) -> None:
        """Stop at once. What was not acknowledged is decided by the next owner, from the log."""
        ...


class Observer(Protocol):
    """Hears of what counts, after its acknowledgement, in order; must not raise and not wait."""

    def acknowledged(self, partition: int, offset: int, event: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class OwnerTopics:
    """C, the commands, and R, the records; they have equally many partitions."""

    commands: str
    records: str


@dataclass(frozen=True, slots=True)
class OwnerPorts:
    """All of it. `own` is told what stands, for the relays beside the owner."""

    log: Log
    checkpoints: CheckpointStore
    floors: FloorStore
    claims: ClaimStore
    controls: Controls
    clock: Clock
    identifiers: Identifiers
    observer: Observer | None = None
    own: OwnRecords | None = None


@dataclass(frozen=True, slots=True)
class OwnerOptions:
    """`in_flight` records are appended and not acknowledged at most; `decide_at_once` commands go into one append, and
    hold the event loop that long; `waiting` commands are held in memory at most (twice, while a batch is taken).

    A checkpoint of up to `checkpoint_keys` changed keys is made every `checkpoint_seconds` (large ones up to six times less
    often); deciding pauses for one acknowledgement then. `retry_seconds` lies between tries at a log or a store that does not answer.
    """

    in_flight: int = 2_000
    decide_at_once: int = 100
    waiting: int = 4_000
    checkpoint_seconds: float = 5.0
    checkpoint_keys: int = 200
    retry_seconds: float = 0.2


@dataclass(frozen=True, slots=True)
class Charge(Generic[State, Command, Event]):
    """One partition that somebody has charge of, and all that he works with."""

    partition: int
    rules: Rules[State, Command, Event]
    ports: OwnerPorts
    topics: OwnerTopics
    options: OwnerOptions

    def __str__(self) -> str:
        return f"{self.topics.records}-{self.partition}"
