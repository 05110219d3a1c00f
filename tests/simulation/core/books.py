"""What stands on the log, read as it comes by somebody who trusts nobody: after each append the invariants must hold."""

from collections import Counter
from typing import Final

from ops.runtime.timestamps import parse_timestamp
from storage.log.memory_partition import MemoryRecord
from storage.log.port import Message
from storage.log.valid_records import ValidRecords
from storage.models import venues
from storage.models.order_answers import answer_of
from storage.models.order_commands import PlaceOrder, decode_command
from storage.models.order_events import CommandRepeated, CommandTooOld
from storage.models.order_records import OrderRecord, decode_record
from storage.models.ownership import decided_at_of, epoch_of
from storage.models.reading import UNREADABLE
from storage.models.venues import SubmitRequest, VenueRecord
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, VENUE_REPORTS, VENUE_REQUESTS
from streams.orders.evolve import evolve
from streams.orders.follow_ups import deadline_command, deadlines_in, deadlines_of, follow_ups_of
from streams.orders.relays import venue_requests
from streams.orders.state import AccountState
from streams.venues.relays import order_commands
from streams.venues.simulated import state as venue_state
from tests.simulation.core.shelves import Shelves
from tests.simulation.orders.ledger import Broken, Ledger
from tests.simulation.owner.simulated_log import Broker

PATIENCE_NS: Final = 3_000_000_000


class Wrong(AssertionError):
    """Something that must never be."""


class Books:
    """`broken` is the first invariant that did not hold; after it nothing more is looked at."""

    def __init__(self, broker: Broker, shelves: Shelves) -> None:
        self._broker, self._shelves = broker, shelves
        self._judges = {ORDER_EVENTS: ValidRecords(), VENUE_REPORTS: ValidRecords()}
        self._takers = {ORDER_EVENTS: self._take_decided, VENUE_REPORTS: self._take_reported}
        self._latest = dict.fromkeys(self._judges, 0)
        self._causes = dict.fromkeys(self._judges, 0)
        self._named: dict[str, list[bytes]] = {VENUE_REQUESTS: [], ORDER_COMMANDS: []}
        self.broken: Wrong | None = None
        self.records: list[tuple[int, OrderRecord]] = []
        self.first: dict[str, OrderRecord] = {}
        self.ledgers: dict[str, Ledger] = {}
        self.states: dict[str, AccountState] = {}
        self.symbols: dict[str, venue_state.SymbolState] = {}
        self.requests: list[bytes] = []
        self.reports: list[bytes] = []
        self.follow_ups: set[bytes] = set()
        self._valid_until: dict[str, int] = {}
        self._submits_read = 0
        self._told: dict[str, int] = {}
        self.events: Counter[str] = Counter()
        self.superseded = 0

    def landed(self, topic: str) -> None:
        """Called after each append."""
        if topic in self._named:
            names, records = self._named[topic], self._broker.records[topic]
            names += [event_id(record) for record in records[len(names) :]]
        judge = self._judges.get(topic)
        if judge is None or self.broken is not None:
            return
        new = self._broker.records[topic][judge.anchor.upto + 1 :]
        valid = judge.take(new)
        self.superseded += sum(epoch_of(record.headers) is not None for record in new) - len(valid)
        try:
            for record in valid:
                self._takers[topic](record)
        except (Broken, Wrong, LookupError, ValueError, ArithmeticError) as error:
            place = f"{topic}@{record.offset}"
            self.broken = Wrong(f"{place}: {error}" if isinstance(error, AssertionError) else f"{place}: {error!r}")

    def _in_time(self, topic: str, record: MemoryRecord) -> None:
        ts = decided_at_of(record.headers)
        require(ts >= self._latest[topic], f"decided {self._latest[topic] - ts} ns before its predecessor")
        self._latest[topic] = ts

    def _next_cause(self, topic: str, offset: int) -> None:
        require(offset == self._causes[topic], f"answers the command at {offset}, and {self._causes[topic]} is next")
        self._causes[topic] += 1

    def _take_decided(self, record: MemoryRecord) -> None:
        self._in_time(ORDER_EVENTS, record)
        decided = decode_record(record.value)
        self._next_cause(ORDER_EVENTS, decided.cause.offset)
        account_id = decided.account_id
        ledger = self.ledgers.setdefault(account_id, Ledger())
        state = self.states.setdefault(account_id, AccountState(account_id))
        ledger.take(decided, self._limit_of(decided), parse_timestamp(decided.ts))
        evolve(state, decided)
        ledger.compare(state)
        self._take_answer(decided)
        for event in decided.events:
            self.events[f"event {type(event).__name__}"] += 1
        self.requests += [event_id(message) for message in venue_requests(record)]
        self.follow_ups.update(command.command_id.encode() for command in follow_ups_of(decided))
        for name, due in deadlines_in(decided).items():
            if due is not None:
                self.follow_ups.add(deadline_command(account_id, name, due).command_id.encode())
        self.records.append((record.offset, decided))

    def _limit_of(self, decided: OrderRecord) -> int | None:
        try:
            command = decode_command(self._broker.records[ORDER_COMMANDS][decided.cause.offset].value)
        except UNREADABLE:
            return None
        self.events[f"command {type(command).__name__}"] += 1
        return command.valid_until if isinstance(command, PlaceOrder) else None

    def _take_answer(self, decided: OrderRecord) -> None:
        """A command has one effect, and each repeat the first answer."""
        first, begun = decided.events[0] if decided.events else None, decided.cause.command_id
        before = self.first.setdefault(begun, decided)
        if before is decided or isinstance(first, CommandTooOld):
            return
        require(isinstance(first, CommandRepeated), f"{begun} has a second effect: {first}")
        earlier = before.events[0] if before.events else None
        told = earlier.answer if isinstance(earlier, CommandRepeated) else answer_of(before)
        require(first.answer == told, f"{begun} is answered with {first.answer}, first it was {told}")

    def _take_reported(self, record: MemoryRecord) -> None:
        self._in_time(VENUE_REPORTS, record)
        reported = venues.decode_record(record.value)
        if reported.cause.topic == VENUE_REQUESTS:
            self._next_cause(VENUE_REPORTS, reported.cause.offset)
        state = self.symbols.setdefault(reported.symbol, venue_state.SymbolState(reported.symbol))
        self._check_limits(state, reported)
        venue_state.evolve(state, reported)
        self.reports += [event_id(message) for message in order_commands(record)]

    def _check_limits(self, state: venue_state.SymbolState, reported: VenueRecord) -> None:
        """An order is put on the venue once, and not after its time."""
        for image in reported.orders:
            if image.order_id in state.orders or image.status == "rejected":
                continue
            limit = self._limit_of_submit(image.order_id)
            late = parse_timestamp(reported.ts) - limit
            require(late <= 0, f"{image.order_id} was put on the venue {late / 1e9:.3f} s after its time")

    def _limit_of_submit(self, order_id: str) -> int:
        submits = self._broker.records[VENUE_REQUESTS]
        for record in submits[self._submits_read :]:
            request = venues.decode_request(record.value)
            if isinstance(request, SubmitRequest):
                self._valid_until.setdefault(request.order_id, parse_timestamp(request.valid_until))
        self._submits_read = len(submits)
        return self._valid_until[order_id]

    def written(self) -> None:
        """Called after each write of read models: who reads `as_of_seq` finds all up to it, or what came later."""
        if self.broken is None:
            try:
                self._check_read_models()
            except Wrong as wrong:
                self.broken = wrong

    def _check_read_models(self) -> None:
        kinds = self._shelves.kinds
        for account_id, document in kinds["accounts"].items():
            before = self._told.get(account_id, 0)
            if document.as_of_seq == before:
                continue
            require(document.as_of_seq > before, f"{account_id}: as_of_seq went back from {before}")
            self._told[account_id] = document.as_of_seq
            for _, record in self.records:
                if record.account_id == account_id and before < record.seq <= document.as_of_seq:
                    self._check_written(record)

    def _check_written(self, record: OrderRecord) -> None:
        kinds, account_id = self._shelves.kinds, record.account_id
        for order in record.orders:
            stored = kinds["orders"].get((account_id, order.order_id))
            fits = stored is not None and (stored.seq >= order.seq or order.state == "denied")
            require(fits, f"{account_id} is told up to {record.seq}, its order {order.order_id} is not there")
        for position in record.positions:
            stored = kinds["positions"].get((account_id, position.symbol))
            require(stored is not None and stored.seq >= position.seq, f"{account_id}: no position of {record.seq}")

    def open_orders(self) -> list[tuple[str, str]]:
        """Those that have not ended, and their states."""
        return [(one.order_id, one.state) for state in self.states.values() for one in state.orders.values()]

    def overdue(self, now: int) -> list[str]:
        """What was promised or set for a time, and has not been done."""
        late = [order_id for state in self.states.values() for order_id in state.due_cancels]
        for state in self.states.values():
            late += [name for name, due in deadlines_of(state).items() if due < now - PATIENCE_NS]
        return late

    def all_decided(self) -> bool:
        """Whether every command and every request has its record."""
        records = self._broker.records
        return self._causes == {ORDER_EVENTS: len(records[ORDER_COMMANDS]), VENUE_REPORTS: len(records[VENUE_REQUESTS])}

    def all_relayed(self) -> bool:
        """Whether all that records ask and report has arrived, and the venue holds nothing back."""
        held = any(state.withheld or state.parked for state in self.symbols.values())
        asked, told = set(self.ids(VENUE_REQUESTS)), set(self.ids(ORDER_COMMANDS))
        return not held and asked.issuperset(self.requests) and told.issuperset(self.reports)

    def ids(self, topic: str) -> list[bytes]:
        """The event ids of `venue-requests` or `order-commands`, as they stand there."""
        return self._named[topic]


def event_id(record: MemoryRecord | Message) -> bytes:
    """What a record is known by."""
    return next((value for name, value in record.headers if name == "event-id"), b"")


def require(holds: bool, what: str) -> None:
    if not holds:
        raise Wrong(what)
