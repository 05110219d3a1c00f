"""What an owner is given: the rules of what it owns (orders, a venue's books). All of them are pure and total."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from storage.log.port import Headers, Message, Record

State = TypeVar("State")
Command = TypeVar("Command")
Event = TypeVar("Event")


class Moment(NamedTuple):
    """When and under what a command is decided. `ts` (ns) never goes back within a partition; `cause` is the command's
    offset (None for an aside); `controls_version` the version of the controls that `decide` sees.
    """

    ts: int
    epoch: int
    cause: int | None
    controls_version: int


@dataclass(frozen=True, slots=True)
class Decision(Generic[Event]):
    """The one record of a command: `value` as it is appended (under `headers` besides the owner's own), and the same
    decoded, as `evolve` takes it.
    """

    event: Event
    value: bytes
    headers: Headers = ()


class Rules(Protocol[State, Command, Event]):
    """State is kept by key; a command changes the state of its key alone. An exception from any of these ends the
    process: bad input is a command that is refused.
    """

    def decode(self, record: Record) -> Command:
        """The command in a record of the topic of commands."""
        ...

    def key(self, command: Command) -> bytes:
        """The key whose state decides it; also the key of its record."""
        ...

    def new_state(self, key: bytes) -> State:
        """The state of a key before its first record."""
        ...

    def decide(self, state: State, command: Command, moment: Moment) -> Decision[Event] | None:
        """Decide, without changing `state`. None (nothing happens) is allowed for an aside only."""
        ...

    def evolve(self, state: State, event: Event) -> None:
        """Bring `state` up to the event, in place."""
        ...

    def read(self, record: Record) -> Event:
        """The event in a record of ours."""
        ...

    def snapshot(self, state: State) -> bytes:
        """The state as a checkpoint keeps it."""
        ...

    def restore(self, key: bytes, snapshot: bytes) -> State:
        """The state of a checkpoint."""
        ...

    def follow_ups(self, event: Event) -> Sequence[Message]:
        """The commands that an acknowledged event asks for, with deterministic ids: they may be appended again."""
        ...

    def follow_ups_of(self, state: State) -> Sequence[Message]:
        """After a take-over: those that the state still waits for."""
        ...

    def deadlines(self, event: Event) -> Mapping[str, int | None]:
        """The deadlines of the key that this event changed: name -> time (ns), None where it is off now."""
        ...

    def deadlines_of(self, state: State) -> Mapping[str, int]:
        """After a take-over: all deadlines of the key."""
        ...

    def deadline_command(self, key: bytes, name: str, due: int) -> Message:
        """The command for a deadline that is due: it names the deadline and its time, and has a deterministic id."""
        ...
