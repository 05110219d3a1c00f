"""The events of a record: what a command has come to. JSON objects with their `type`; decimals and times as in orders."""

from typing import Any, Literal

import msgspec

from storage.models.accounts import Limits, SetBy, TradingState
from storage.models.orders import Liquidity, Order, TimeInForce

Details = dict[str, Any]
Unmatched = Literal["order.not_found", "order.already_final", "report.contradicts", "report.malformed"]


class _Event(msgspec.Struct, frozen=True, tag_field="type", tag=True, omit_defaults=True):
    pass


class AccountOpened(_Event, frozen=True, tag=True):
    """The account exists from here on."""

    tenant_id: str
    mode: str
    currency: str
    limits: Limits


class FundsDeposited(_Event, frozen=True, tag=True):
    """Cash came in (below 0: went out)."""

    currency: str
    amount: str
    reference: str = ""


class LimitsChanged(_Event, frozen=True, tag=True):
    """The limits that hold from here on."""

    limits: Limits


class TradingStateChanged(_Event, frozen=True, tag=True):
    """What the account may do from here on; `since` is when it was set, `set_by` is the admin
    where it is the admin's level that is in force: no account goes below that."""

    state: TradingState
    previous: TradingState
    set_by: SetBy
    since: str


class DeadManSet(_Event, frozen=True, tag=True):
    """The switch `name` falls due at `due_at` (ns; `deadline` is the same as text), or is off (`armed` false)."""

    name: str
    armed: bool
    due_at: int | None
    deadline: str | None
    timeout_ms: int
    spare_reduce_only: bool


class OrderAccepted(_Event, frozen=True, tag=True):
    """The order is ours. `content` tells two orders with one client id apart."""

    order_id: str
    content: str
    client_order_id: str | None = None
    waits_for_open: bool = False


class OrderDenied(_Event, frozen=True, tag=True):
    """The order never lived; `details` has the figures, the limit and, where they matter, the instrument's increments."""

    order_id: str
    code: str
    details: Details


class OrderSent(_Event, frozen=True, tag=True):
    """The venue is asked, by request (order_id, seq of the record); it refuses what reaches it after `valid_until` (ns)."""

    order_id: str
    connector: str
    valid_until: int


class OrderAcknowledged(_Event, frozen=True, tag=True):
    """The venue has it."""

    order_id: str
    venue_order_id: str | None = None


class OrderRejected(_Event, frozen=True, tag=True):
    """The venue refused it."""

    order_id: str
    code: str
    upstream_code: str | None = None


class OrderFilled(_Event, frozen=True, tag=True):
    """A fill, counted once. `realized_pnl` is what it realised, `late` that the order had ended before."""

    order_id: str
    fill_id: str
    symbol: str
    side: str
    price: str
    quantity: str
    fee: str
    fee_currency: str
    liquidity: Liquidity
    realized_pnl: str
    ts: str
    late: bool = False


class AmendRequested(_Event, frozen=True, tag=True):
    """The venue is asked to change it, by request (order_id, seq of the record)."""

    order_id: str
    quantity: str
    price: str | None
    time_in_force: TimeInForce
    valid_until: int


class OrderAmended(_Event, frozen=True, tag=True):
    """It has these terms now. `request_seq`: the amend request of the venue that this answers; None: done at once."""

    order_id: str
    quantity: str
    price: str | None
    time_in_force: TimeInForce
    request_seq: int | None = None


class AmendRejected(_Event, frozen=True, tag=True):
    """It stays as it was. `request_seq`: the amend request of the venue that this answers; None: it was never asked."""

    order_id: str
    code: str
    details: Details
    upstream_code: str | None = None
    request_seq: int | None = None


class CancelFailure(msgspec.Struct, frozen=True):
    """One order that could not be canceled."""

    order_id: str
    code: str


class CancelRequested(_Event, frozen=True, tag=True):
    """With `order_id`: the venue is asked to cancel it, by request (order_id, seq of the record). Without: the orders of
    `found` are each to be canceled by a command of its own, those of `failed` cannot be; those of `promised` were found by
    an earlier record whose command for them is still on its way.
    """

    order_id: str | None = None
    reason: str = "requested"
    found: tuple[str, ...] = ()
    failed: tuple[CancelFailure, ...] = ()
    deadline: str | None = None
    promised: tuple[str, ...] = ()


class CancelRejected(_Event, frozen=True, tag=True):
    """It was not canceled."""

    order_id: str
    code: str
    upstream_code: str | None = None


class OrderCanceled(_Event, frozen=True, tag=True):
    """It is out of the market."""

    order_id: str
    reason: str
    upstream_code: str | None = None


class OrderExpired(_Event, frozen=True, tag=True):
    """It ended by its time in force."""

    order_id: str
    upstream_code: str | None = None


class OrderUnknown(_Event, frozen=True, tag=True):
    """Nobody knows what became of a request; the venue is asked. `again`: it was unknown before and still is."""

    order_id: str
    code: str
    request: str
    upstream_code: str | None = None
    again: bool = False


class OrderResolved(_Event, frozen=True, tag=True):
    """An unknown order is known again. `unknown_seq` is the record that made it unknown. `difference` is set where the
    venue counts another filled quantity than the fills that it names come to; then `break_seq` is the record that raised the
    break of the order.
    """

    order_id: str
    outcome: str
    unknown_seq: int | None = None
    difference: str | None = None
    break_seq: int | None = None


class FirstAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first answer to a command: its record's seq and time, and what a client was told."""

    seq: int
    ts: str
    kind: str
    code: str | None = None
    details: Details | None = None
    order: Order | None = None


class CommandRepeated(_Event, frozen=True, tag=True):
    """The command (or the client order id, then `duplicate`) was here before; this is the first answer. No effect."""

    command_id: str
    answer: FirstAnswer
    duplicate: bool = False


class CommandTooOld(_Event, frozen=True, tag=True):
    """The command is not remembered and older than what is; the read model answers. No effect."""

    command_id: str


class CommandDenied(_Event, frozen=True, tag=True):
    """A command that is not about one order was refused. No effect."""

    command_id: str
    code: str
    details: Details


class ReportUnmatched(_Event, frozen=True, tag=True):
    """A venue's report that fits nothing: kept whole, for the reconciliation. No effect on orders or money.

    `break_seq` is the record that raised the break of the order. With `connector` the venue is asked what became of it, by
    request (order_id, seq of the record).
    """

    order_id: str
    reason: Unmatched
    report: Details
    break_seq: int
    symbol: str | None = None
    connector: str | None = None


class BreakSettled(_Event, frozen=True, tag=True):
    """The break that record `break_seq` raised is over: venue and we agree about the order, or an operator says so; or it was
    given up, as too many others stand.
    """

    order_id: str
    break_seq: int
    outcome: Literal["reconciled", "operator", "given_up"]
    reference: str = ""


Event = (
    AccountOpened
    | FundsDeposited
    | LimitsChanged
    | TradingStateChanged
    | DeadManSet
    | OrderAccepted
    | OrderDenied
    | OrderSent
    | OrderAcknowledged
    | OrderRejected
    | OrderFilled
    | AmendRequested
    | OrderAmended
    | AmendRejected
    | CancelRequested
    | CancelRejected
    | OrderCanceled
    | OrderExpired
    | OrderUnknown
    | OrderResolved
    | CommandRepeated
    | CommandTooOld
    | CommandDenied
    | ReportUnmatched
    | BreakSettled
)
