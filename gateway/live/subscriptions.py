"""What clients ask for, what they are granted, and what they then have. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.live.topics import Topic


@dataclass(frozen=True, slots=True)
class Resume:
    """What a client says it has: the last seq of each shard (-1: none) of the log with that id."""

    log_id: str
    positions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One topic that a client asks for. `snapshot` False: updates only."""

    topic: Topic
    conflate_ms: int = 0
    snapshot: bool = True
    resume: Resume | None = None


@dataclass(slots=True)
class Granted:
    """The answer for one topic. `code` says why it was refused; the other fields stand only where it is None.

    `since`, where given, is the position of each shard from which on the log owes the client what follows.
    """

    code: str | None = None
    log_id: str = ""
    positions: dict[str, int] = field(default_factory=dict)
    recovered: bool = False
    since: dict[str, int] | None = None


class Subscription:
    """One topic of one client. `live` is False while a resume still reads what the client has missed.

    `positions` are then the seqs up to which each shard was delivered, and `read_by` is what reads.
    """

    __slots__ = ("conflate_ms", "live", "positions", "read_by", "topic")

    def __init__(self, topic: Topic, conflate_ms: int) -> None:
        self.topic, self.conflate_ms = topic, conflate_ms
        self.live = True
        self.positions: dict[str, int] = {}
        self.read_by: object | None = None

    def start_after(self, positions: Mapping[str, int]) -> None:
        """It is owed what follows these positions, and not live before it has it."""
        self.live, self.positions = False, dict(positions)

    def move_to(self, shard: str, seq: int) -> None:
        """It was delivered up to `seq`."""
        if shard in self.positions:
            self.positions[shard] = max(self.positions[shard], seq)

    def go_live(self) -> None:
        """It has what it was owed."""
        self.live, self.positions, self.read_by = True, {}, None
