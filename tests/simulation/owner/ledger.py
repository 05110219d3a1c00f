"""Small rules for an owner to work with: accounts that add up, remember ids, fan commands out and keep deadlines."""

from collections.abc import Mapping, Sequence

import msgspec

from storage.log.port import Message, Record
from streams.owner.rules import Decision, Moment

SECOND = 1_000_000_000
MEMORY = 600 * SECOND


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """A command: `add`, `fan` (asks for `amount` times `asked`), `arm` (deadline `name` at `due`) or `fire` (that
    deadline). `issued_at` (ns) stands in a client's commands alone.
    """

    id: str
    account: str
    kind: str
    amount: int = 0
    issued_at: int = 0
    name: str = ""
    due: int = 0


class Happened(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record: what one command came to. `effect` is applied | repeated | too_old | nothing. `known_from` is the later
    of when it was issued and when it was decided: by both clocks it is remembered long enough.
    """

    account: str
    seq: int
    epoch: int
    cause: int | None
    id: str
    kind: str
    effect: str
    ts: int
    known_from: int
    controls: int
    total: int
    asks: tuple[Ask, ...] = ()
    deadlines: dict[str, int] | None = None
    changed: dict[str, int | None] = {}


class Account(msgspec.Struct):
    """State of a key. `answered` is id -> time of its answer, for as long as it is remembered."""

    name: str
    seq: int = 0
    total: int = 0
    answered: dict[str, int] = {}
    waiting: dict[str, Ask] = {}
    deadlines: dict[str, int] = {}


class Ledger:
    """The rules. `memory` in ns."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory

    def decode(self, record: Record) -> Ask:
        return _ASK.decode(record.value or b"")

    def key(self, command: Ask) -> bytes:
        return command.account.encode()

    def new_state(self, key: bytes) -> Account:
        return Account(key.decode())

    def decide(self, state: Account, command: Ask, moment: Moment) -> Decision[Happened] | None:
        effect = self.effect(state, command, moment)
        if moment.cause is None and effect != "applied":
            return None
        applied = effect == "applied"
        asks: tuple[Ask, ...] = ()
        deadlines = None
        changed: dict[str, int | None] = {}
        if applied and command.kind == "fan":
            asks = tuple(self.asked(command, number) for number in range(command.amount))
        if applied and command.kind == "arm":
            deadlines = {**state.deadlines, command.name: command.due}
            changed = {command.name: command.due}
        if applied and command.kind == "fire":
            deadlines = {name: due for name, due in state.deadlines.items() if name != command.name}
            changed = {command.name: None}
        event = Happened(
            account=state.name,
            seq=state.seq + 1,
            epoch=moment.epoch,
            cause=moment.cause,
            id=command.id,
            kind=command.kind,
            effect=effect,
            ts=self.time(moment),
            known_from=max(moment.ts, command.issued_at),
            controls=moment.controls_version,
            total=state.total + (command.amount if applied and command.kind in {"add", "asked"} else 0),
            asks=asks,
            deadlines=deadlines,
            changed=changed,
        )
        return Decision(event, msgspec.json.encode(event))

    def effect(self, state: Account, command: Ask, moment: Moment) -> str:
        if command.id in state.answered:
            return "repeated"
        if self.too_old(command, moment):
            return "too_old"
        if command.kind == "fire" and not self.stands(state, command):
            return "nothing"
        if command.kind == "asked" and command.id not in state.waiting:
            return "nothing"
        return "applied"

    def too_old(self, command: Ask, moment: Moment) -> bool:
        return 0 < command.issued_at < moment.ts - self._memory

    def stands(self, state: Account, command: Ask) -> bool:
        return state.deadlines.get(command.name) == command.due

    def time(self, moment: Moment) -> int:
        return moment.ts

    def asked(self, command: Ask, number: int) -> Ask:
        return Ask(f"{command.id}/{number}", command.account, "asked", 1)

    def evolve(self, state: Account, event: Happened) -> None:
        state.seq, state.total = event.seq, event.total
        state.waiting.pop(event.id, None)
        if event.effect != "repeated":
            state.answered[event.id] = event.known_from
        while state.answered:
            oldest = next(iter(state.answered))
            if state.answered[oldest] >= event.ts - self._memory:
                break
            del state.answered[oldest]
        state.waiting.update({ask.id: ask for ask in event.asks})
        if event.deadlines is not None:
            state.deadlines = dict(event.deadlines)

    def read(self, record: Record) -> Happened:
        return _HAPPENED.decode(record.value or b"")

    def snapshot(self, state: Account) -> bytes:
        return msgspec.json.encode(state)

    def restore(self, key: bytes, snapshot: bytes) -> Account:
        return _ACCOUNT.decode(snapshot)

    def follow_ups(self, event: Happened) -> Sequence[Message]:
        return [message_of(ask) for ask in event.asks]

    def follow_ups_of(self, state: Account) -> Sequence[Message]:
        return [message_of(ask) for ask in state.waiting.values()]

    def deadlines(self, event: Happened) -> Mapping[str, int | None]:
        return event.changed

    def deadlines_of(self, state: Account) -> Mapping[str, int]:
        return state.deadlines

    def deadline_command(self, key: bytes, name: str, due: int) -> Message:
        return message_of(Ask(f"due:{name}:{due}", key.decode(), "fire", name=name, due=due))


_ASK = msgspec.json.Decoder(Ask)
_HAPPENED = msgspec.json.Decoder(Happened)
_ACCOUNT = msgspec.json.Decoder(Account)


def message_of(ask: Ask) -> Message:
    """As it is appended to the commands."""
    return Message(ask.account.encode(), msgspec.json.encode(ask))


def happened(record: Record) -> Happened:
    """A record of the ledger decoded."""
    return _HAPPENED.decode(record.value or b"")
