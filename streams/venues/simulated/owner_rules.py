"""On the road of an order: `venue-requests` -> here -> `venue-reports`. The engine as an owner of partitions takes it.

The owner is handed these rules; quotes and the clock reach it as asides, made by `quotes_seen` and `due`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.log.port import Message, Record
from storage.models.reading import UNREADABLE
from storage.models.venues import (
    RECORD_SCHEMA,
    CheckConnector,
    VenueRecord,
    decode_record,
    decode_request,
    encode,
)
from streams.owner.rules import Decision, Moment
from streams.venues.simulated.agenda import Agenda
from streams.venues.simulated.board import FeedBoard
from streams.venues.simulated.decide import (
    Checked,
    Command,
    Elapsed,
    QuoteMoved,
    Requested,
    Unreadable,
    decide,
    symbol_of,
)
from streams.venues.simulated.draft import LARGEST_STEP
from streams.venues.simulated.schedule import next_due
from streams.venues.simulated.snapshots import restore, snapshot
from streams.venues.simulated.state import SymbolState, evolve

_HEADERS: Final = (("schema", RECORD_SCHEMA),)
LONGEST_KEY: Final = 100
LONGEST_REASON: Final = 500
NO_SYMBOL: Final = "-"
LOOK_AGAIN: Final = NANOSECONDS_PER_SECOND
"""A symbol with something scheduled is looked at this often (ns) at least: its own clock may go at another pace."""


class QuoteRecord(Protocol):
    """A record of `quotes`."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class SimulatedVenueRules:
    """`streams.owner.rules.Rules` of `SymbolState`, `Command` and `VenueRecord`. Deadlines are asides here, not commands:
    they carry no right of a client, and a symbol that is taken over is asked again at the next `due`.

    The states that asides are picked by are those of the partitions owned here; a symbol belongs to one of them, and its
    state is replaced by every claim. `let_go` when a partition is not owned here any more.
    """

    def __init__(self, board: FeedBoard) -> None:
        self.board = board
        self._states: dict[str, SymbolState] = {}
        self._agenda = Agenda()
        self._to_show: set[str] = set()

    def decode(self, record: Record) -> Command:
        """A request; one that cannot be read, or has another symbol than its key, is refused on the log."""
        symbol = _symbol_of(record.key)
        try:
            request = decode_request(record.value or b"")
        except UNREADABLE as error:
            return Unreadable(record.offset, symbol, f"not a venue request: {error}"[:LONGEST_REASON])
        if isinstance(request, CheckConnector):
            return Checked(record.offset, symbol, request)
        if request.symbol != symbol:
            reason = f"the key says {symbol!r} and the value says {request.symbol!r}"
            return Unreadable(record.offset, symbol, reason[:LONGEST_REASON])
        return Requested(record.offset, request)

    def key(self, command: Command) -> bytes:
        """The symbol, or the connector that is to be checked."""
        return symbol_of(command).encode()

    def new_state(self, key: bytes) -> SymbolState:
        """A symbol without orders."""
        return self._keep(SymbolState(key.decode()))

    def restore(self, key: bytes, value: bytes) -> SymbolState:  # noqa: ARG002  (the checkpoint names its symbol)
        """A symbol as a checkpoint has it."""
        return self._keep(restore(value))

    def _keep(self, state: SymbolState) -> SymbolState:
        self._states[state.symbol] = state
        self._to_show.add(state.symbol)
        self._agenda.look(state.symbol, 0)
        return state

    def let_go(self, is_gone: Callable[[str], bool]) -> None:
        """Forget states and quotes of the symbols that are owned by somebody else now."""
        for symbol in [symbol for symbol in self._states if is_gone(symbol)]:
            del self._states[symbol]
            self._agenda.drop(symbol)
            self._to_show.discard(symbol)
        self.board.forget(is_gone)

    def snapshot(self, state: SymbolState) -> bytes:
        """The checkpoint of a symbol."""
        return snapshot(state)

    def decide(self, state: SymbolState, command: Command, moment: Moment) -> Decision[VenueRecord] | None:
        """One record for each request; None for an aside that changes nothing."""
        feed = command.feed if isinstance(command, QuoteMoved) else None
        record = decide(state, command, self.board.market(state.symbol, moment.ts, moment.epoch, feed))
        return None if record is None else Decision(record, encode(record), _HEADERS)

    def evolve(self, state: SymbolState, event: VenueRecord) -> None:
        """Take a record in."""
        evolve(state, event)
        if len(event.orders) + len(event.reports) + len(event.withheld) >= LARGEST_STEP:
            self._to_show.add(state.symbol)
        if state.is_scheduled:
            self._agenda.look(state.symbol, 0)

    def read(self, record: Record) -> VenueRecord:
        """A record of ours."""
        return decode_record(record.value or b"")

    def follow_ups(self, event: VenueRecord) -> Sequence[Message]:  # noqa: ARG002
        """None: the reports are relayed."""
        return ()

    def follow_ups_of(self, state: SymbolState) -> Sequence[Message]:  # noqa: ARG002
        """None."""
        return ()

    def deadlines(self, event: VenueRecord) -> Mapping[str, int | None]:  # noqa: ARG002
        """None: see `due`."""
        return {}

    def deadlines_of(self, state: SymbolState) -> Mapping[str, int]:  # noqa: ARG002
        """None: see `due`."""
        return {}

    def deadline_command(self, key: bytes, name: str, due: int) -> Message:
        """Never asked for. Raises `ValueError`."""
        raise ValueError(f"the simulated venue has no deadline {name!r} of {key!r} at {due}")

    def quotes_seen(self, records: Sequence[QuoteRecord]) -> list[Command]:
        """Take records of `quotes` in; the asides for those that may change something, each with its own book."""
        asides: list[Command] = []
        for record in records:
            symbol = (record.key or b"").decode(errors="replace")
            feed = self.board.see(symbol, record.offset, record.value or b"")
            state = self._states.get(symbol)
            if feed is not None and state is not None and self.board.moves(state, feed):
                asides.append(QuoteMoved(symbol, feed))
        return asides

    def due(self, now: int) -> list[Command]:
        """The asides for the symbols that have something due at `now` (ns): ask every 10 to 100 ms.

        A symbol that was taken over is shown its newest quote once: that may have come while nobody owned it. So is one
        of which a quote has touched more than fits into a record.
        """
        asides: list[Command] = []
        while self._to_show:
            symbol = self._to_show.pop()
            if (feed := self.board.newest(symbol)) is not None:
                asides.append(QuoteMoved(symbol, feed))
        for symbol in self._agenda.take(now):
            state = self._states.get(symbol)
            if state is not None and state.is_scheduled and self._is_due(state, now):
                asides.append(Elapsed(symbol))
        return asides

    def look_again(self) -> None:
        """Something besides quotes and records has changed: look at all symbols at the next `due`."""
        for symbol, state in self._states.items():
            if state.is_scheduled:
                self._agenda.look(symbol, 0)

    def _is_due(self, state: SymbolState, now: int) -> bool:
        """Notes when to look again, too: also after what is due, since an aside may be lost."""
        moment = next_due(state, self.board.market(state.symbol, now))
        is_due = moment is not None and moment <= now
        later = now + LOOK_AGAIN
        self._agenda.look(state.symbol, later if moment is None or is_due else min(moment, later))
        return is_due


def _symbol_of(key: bytes | None) -> str:
    """What a record is keyed by; `-` for a key that is no symbol, so that its refusal stands somewhere."""
    try:
        symbol = (key or b"").decode()
    except UnicodeDecodeError:
        return NO_SYMBOL
    return symbol if 0 < len(symbol) <= LONGEST_KEY else NO_SYMBOL
