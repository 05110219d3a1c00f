"""What the projection makes of `order-events` and `risk-signals` beside orders and positions, and how it is asked for."""

from typing import Literal, NamedTuple

import msgspec

from storage.models.accounts import Account, DeadMan, Limits
from storage.models.order_events import FirstAnswer
from storage.models.orders import Liquidity, OrderStatus, Side

PLATFORM: str = "platform"
"""Whose signals are those of no account."""


class Fill(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One fill. `seq` is the account's record that counted it, `ts` the venue's time, `late` that the order had ended
    before; `realized_pnl` is what it realised, in the instrument's currency. `notional` is price x quantity x multiplier as
    money, in `currency`.
    """

    fill_id: str
    order_id: str
    account_id: str
    symbol: str
    side: Side
    price: str
    quantity: str
    fee: str
    fee_currency: str
    liquidity: Liquidity
    realized_pnl: str
    ts: str
    seq: int
    late: bool = False
    notional: str = "0"
    currency: str = ""


class AccountDocument(msgspec.Struct, frozen=True):
    """An account after all its records up to `as_of_seq`, the last of which was decided at `ts` (RFC 3339).

    `account` and `limits` are None until it is opened. `dead_men` are the switches that are armed, by name.
    """

    account_id: str
    as_of_seq: int
    ts: str
    account: Account | None = None
    limits: Limits | None = None
    dead_men: tuple[DeadMan, ...] = ()


class OpenedAccount(msgspec.Struct, frozen=True):
    """An `AccountDocument` of an account that is open."""

    account_id: str
    as_of_seq: int
    ts: str
    account: Account
    limits: Limits
    dead_men: tuple[DeadMan, ...]


class CommandAnswer(msgspec.Struct, frozen=True):
    """What the first record of a command, `seq`, told its client; kept until `expires_at` (ns since the epoch).

    `duplicate`: the order of `answer` is an earlier one with the same client order id and content.
    """

    command_id: str
    account_id: str
    seq: int
    answer: FirstAnswer
    expires_at: int
    duplicate: bool = False


def amend_outcome_id(account_id: str, request_seq: int) -> str:
    """The id under which a `CommandAnswer` keeps what the venue did about the amend that record `request_seq` asked for:
    the command's own answer only says that it was asked.
    """
    return f"amended:{account_id}:{request_seq}"


class SignalDocument(NamedTuple):
    """A risk signal as it was told last. `owner` is an account id or `PLATFORM`, `value` the record's JSON, `ts` in ns."""

    signal_id: str
    owner: str
    state: Literal["raised", "cleared"]
    ts: int
    value: bytes


class Cursor(NamedTuple):
    """Where a page ended: its last item's time (ns) and id. The next page begins behind it."""

    at: int
    identity: str


class OrderFilters(NamedTuple):
    """Which orders of an account; None takes all. Times are nanoseconds: start <= created < end."""

    statuses: tuple[OrderStatus, ...] | None = None
    symbol: str | None = None
    venue: str | None = None
    strategy_id: str | None = None
    side: Side | None = None
    start: int | None = None
    end: int | None = None


class OrdersOfAll(NamedTuple):
    """Which orders of whatever accounts; None takes all. Times are nanoseconds: start <= created < end."""

    account_ids: tuple[str, ...] | None = None
    status: OrderStatus | None = None
    symbol: str | None = None
    start: int | None = None
    end: int | None = None


class FillFilters(NamedTuple):
    """Which fills of an account; None takes all. Times are nanoseconds: start <= ts < end."""

    order_id: str | None = None
    symbol: str | None = None
    start: int | None = None
    end: int | None = None
