"""On the road of an order: `order-commands` -> here -> `order-events`. The order core as an owner of partitions takes it.

The owner is handed these rules. Everything that a decision knows of the world is put together here, before the call.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from storage.command_messages import command_message
from storage.log.port import Headers, Message, Record
from storage.models.controls import Controls
from storage.models.order_commands import AmendOrder, PlaceOrder, ReleaseAtOpen, decode_command
from storage.models.order_records import OrderRecord, decode_record, encode_record
from storage.models.reading import UNREADABLE
from storage.topics import ORDER_COMMANDS
from streams.orders.board import MarketBoard
from streams.orders.decide import decide
from streams.orders.evolve import evolve
from streams.orders.follow_ups import deadline_command, deadlines_in, deadlines_of, follow_ups_due, follow_ups_of
from streams.orders.malformed import LONGEST_ID, AnyCommand, malformed, too_large
from streams.orders.market import Market, Origin
from streams.orders.needs import symbol_of, symbols_needed
from streams.orders.relays import relayed_header
from streams.orders.snapshot import restore, snapshot
from streams.orders.state import AccountState
from streams.owner.rules import Decision, Moment

RECORD_SCHEMA: Final = b"order-record.1"
LARGEST_RECORD: Final = 950_000
_ZLIB: Final = b"\x01"
_FAST: Final = 1


class HasControls(Protocol):
    """`storage.controls.tail.ControlsTail`."""

    @property
    def current(self) -> Controls: ...


class OrderRules:
    """`streams.owner.rules.Rules` of `AccountState`, `AnyCommand` and `OrderRecord`. `largest_record` is how many bytes a
    record may have: the rest of what `order-events` takes is left to its headers.
    """

    def __init__(self, board: MarketBoard, controls: HasControls, largest_record: int = LARGEST_RECORD) -> None:
        self._board, self._controls, self._largest_record = board, controls, largest_record

    def decode(self, record: Record) -> AnyCommand:
        """The command; `Malformed` for what is none, or is another account's than its key."""
        value = record.value or b""
        place = (record.partition, record.offset)
        account_id = _account_of(record.key)
        if account_id is None:
            nobody = f"unreadable:{ORDER_COMMANDS}-{record.partition}"
            return malformed(value, nobody, place, "its key is no account id")
        try:
            command: AnyCommand = decode_command(value)
        except UNREADABLE as error:
            return malformed(value, account_id, place, f"not a command: {error}")
        if command.account_id != account_id:
            text = f"the key says {account_id!r} and the value says {command.account_id!r}"
            return malformed(value, account_id, place, text)
        if not 0 < len(command.command_id) <= LONGEST_ID:
            return malformed(value, account_id, place, f"a command_id has 1 to {LONGEST_ID} characters")
        return command

    def key(self, command: AnyCommand) -> bytes:
        """The account."""
        return command.account_id.encode()

    def new_state(self, key: bytes) -> AccountState:
        """An account that was never heard of."""
        return AccountState(key.decode())

    def decide(self, state: AccountState, command: AnyCommand, moment: Moment) -> Decision[OrderRecord]:
        """The record of the command; of one that would be too large a refusal that says so."""
        controls = self._controls.current
        asked = symbol_of(state, command) if isinstance(command, PlaceOrder | AmendOrder | ReleaseAtOpen) else None
        market = self._board.market(moment.ts, controls, symbols_needed(state, command, controls), asked)
        origin = Origin(moment.epoch, ORDER_COMMANDS, -1 if moment.cause is None else moment.cause)
        record = decide(state, command, market, origin)
        value = encode_record(record)
        if len(value) > self._largest_record:
            record = self._refused(state, command, market, origin)
            value = encode_record(record)
        return Decision(record, value, _headers_of(record, state))

    def _refused(self, state: AccountState, command: AnyCommand, market: Market, origin: Origin) -> OrderRecord:
        known = state.order(getattr(command, "order_id", None) or "")
        order_id = known.order_id if known is not None and command.issued_at is None else None
        refused = too_large(command, order_id, origin.offset)
        return decide(state, refused, market, origin)

    def evolve(self, state: AccountState, event: OrderRecord) -> None:
        """Take a record in."""
        evolve(state, event)

    def read(self, record: Record) -> OrderRecord:
        """A record of ours."""
        return decode_record(record.value or b"")

    def snapshot(self, state: AccountState) -> bytes:
        """The checkpoint of an account: a byte that names the form, then the form."""
        return _ZLIB + zlib.compress(snapshot(state), _FAST)

    def restore(self, key: bytes, value: bytes) -> AccountState:
        """An account as a checkpoint has it. Raises `ValueError` for a form that this program does not know."""
        if value[:1] != _ZLIB:
            raise ValueError(f"the checkpoint of {key!r} has the form {value[:1]!r}; this program reads {_ZLIB!r}")
        return restore(zlib.decompress(value[1:]))

    def follow_ups(self, event: OrderRecord) -> Sequence[Message]:
        """The cancels that a cancel-all asks for."""
        return [command_message(command) for command in follow_ups_of(event)]

    def follow_ups_of(self, state: AccountState) -> Sequence[Message]:
        """Those that were promised and not decided yet."""
        return [command_message(command) for command in follow_ups_due(state)]

    def deadlines(self, event: OrderRecord) -> Mapping[str, int | None]:
        """Dead-man switches, releases and ends of day, questions after unknown orders."""
        return deadlines_in(event)

    def deadlines_of(self, state: AccountState) -> Mapping[str, int]:
        """All of an account."""
        return deadlines_of(state)

    def deadline_command(self, key: bytes, name: str, due: int) -> Message:
        """What is to be done at a deadline."""
        return command_message(deadline_command(key.decode(), name, due))


def _headers_of(record: OrderRecord, state: AccountState) -> Headers:
    tenant_id = record.account.tenant_id if record.account is not None else state.tenant_id
    return (
        ("schema", RECORD_SCHEMA),
        ("command-id", record.cause.command_id.encode()),
        ("tenant-id", tenant_id.encode()),
        relayed_header(record),
    )


def _account_of(key: bytes | None) -> str | None:
    try:
        account_id = (key or b"").decode()
    except UnicodeDecodeError:
        return None
    return account_id if 0 < len(account_id) <= LONGEST_ID else None
