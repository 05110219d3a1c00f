"""The record of `order-events`: one for each command. Its JSON is, byte for byte, the WebSocket `data` of `orders.*`."""

import msgspec

from storage.models.accounts import Account
from storage.models.order_events import Event
from storage.models.orders import Order
from storage.models.positions import Position


class Cause(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The command that a record answers: where it stands and its id.

    `issued_at` (ns) is when a client issued it, where that is after the record's `ts` (clocks differ): it is remembered
    from then on.
    """

    topic: str
    offset: int
    command_id: str
    issued_at: int | None = None


class UsedQuote(msgspec.Struct, frozen=True, gc=False):
    """A quote as it was decided on. `age_ms` is the decision's time less the time it was taken in."""

    symbol: str
    bid: str
    ask: str
    last: str
    feed_state: str
    session_state: str
    age_ms: int


class Used(msgspec.Struct, frozen=True, gc=False):
    """What was known of the world: the quotes looked at, and the controls by the offset that announced them."""

    quotes: tuple[UsedQuote, ...]
    controls_version: int


class OrderRecord(msgspec.Struct, frozen=True, gc=False):
    """What one command came to, wholly or not at all. `seq` counts an account's records from 1 without a gap, `epoch` is
    the owner's claim. `orders`, `positions` and `account` are after-images of what it changed (`account` None: nothing).
    """

    account_id: str
    seq: int
    epoch: int
    cause: Cause
    ts: str
    events: tuple[Event, ...]
    orders: tuple[Order, ...]
    positions: tuple[Position, ...]
    account: Account | None
    used: Used


encode_record = msgspec.json.Encoder().encode
decode_record = msgspec.json.Decoder(OrderRecord).decode
"""Bytes -> record. Raises `msgspec.ValidationError`, naming the field, for what is not one."""
