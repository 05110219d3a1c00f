"""The commands of `order-commands`: what clients, deadlines and venues ask of one account, keyed by the account.

Each is a JSON object with its `type`. `command_id` is its identity: sent again, it has no second effect; a venue report's is
the id of the report. `issued_at` (ns since the epoch) stands in a client's commands alone and is the same in a repeat.
Prices, quantities and money are decimal strings in the contract's form. Readers accept unknown fields.
"""

from typing import Annotated, Final, Literal

import msgspec

from storage.models.accounts import Limits, SetBy, TradingState
from storage.models.orders import Liquidity, OrderType, Side, TimeInForce

_LATEST: Final = 2**63 - 1  # the year 2262: every such time can be written as text
Nanoseconds = Annotated[int, msgspec.Meta(ge=0, le=_LATEST)]


class _Command(msgspec.Struct, frozen=True, tag_field="type", tag=True, omit_defaults=True, kw_only=True):
    command_id: str
    account_id: str
    issued_at: Nanoseconds | None = None


class OpenAccount(_Command, frozen=True, tag=True):
    """Open the account of a tenant in a mode. `currency` is the one that it is valued in; None limits are the default."""

    tenant_id: str
    mode: str
    currency: str
    limits: Limits | None = None


class Deposit(_Command, frozen=True, tag=True):
    """Put money in (below 0: take it out). `reference` is whose paper it stands on."""

    currency: str
    amount: str
    reference: str = ""


class SetLimits(_Command, frozen=True, tag=True):
    """Replace the limits."""

    limits: Limits


class PlaceOrder(_Command, frozen=True, tag=True):
    """Place an order, not later than `valid_until` (ns). Exactly one of `quantity` and `notional`."""

    order_id: str
    valid_until: Nanoseconds
    symbol: str
    side: Side
    order_type: OrderType
    quantity: str | None = None
    notional: str | None = None
    price: str | None = None
    stop_price: str | None = None
    time_in_force: TimeInForce | None = None
    venue: str | None = None
    reduce_only: bool = False
    post_only: bool = False
    strategy_id: str | None = None
    client_order_id: str | None = None


class AmendOrder(_Command, frozen=True, tag=True):
    """Change an open order, not later than `valid_until` (ns); None leaves a field as it is."""

    order_id: str
    valid_until: Nanoseconds
    price: str | None = None
    quantity: str | None = None
    time_in_force: TimeInForce | None = None


class CancelOrder(_Command, frozen=True, tag=True):
    """Cancel one order. `reason` is what a canceled order shows."""

    order_id: str
    reason: str = "requested"


class CancelAll(_Command, frozen=True, tag=True):
    """Cancel the open orders that every given selector picks; without any, all of the account.

    `deadline` and `due_at` name the dead-man switch that fell due, which then says what is spared; it has no effect where
    that is no longer the present one.
    """

    order_ids: tuple[str, ...] | None = None
    symbol: str | None = None
    strategy_id: str | None = None
    spare_reduce_only: bool = False
    reason: str = "requested"
    deadline: str | None = None
    due_at: Nanoseconds | None = None


class SetTradingState(_Command, frozen=True, tag=True):
    """`reducing` allows only what reduces, `halted` only cancels. What an admin has set, only an admin loosens."""

    state: TradingState
    set_by: SetBy


class ArmDeadMan(_Command, frozen=True, tag=True):
    """Cancel everything `timeout_ms` from now unless armed again under the same name; 0 switches it off."""

    name: str
    timeout_ms: int
    spare_reduce_only: bool = False


class SettleBreak(_Command, frozen=True, tag=True):
    """An operator has looked into the difference about an order. `reference` is whose paper it stands on."""

    order_id: str
    reference: str = ""


class ReleaseAtOpen(_Command, frozen=True, tag=True):
    """Send an order that waited for the open. No effect where its present release is not at `due_at`."""

    order_id: str
    due_at: Nanoseconds


class ExpireOrder(_Command, frozen=True, tag=True):
    """End a DAY order that still waits for an open. No effect where its present end is not at `due_at`."""

    order_id: str
    due_at: Nanoseconds


class _Report(_Command, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag=True):
    order_id: str
    venue_ts: str | None = None
    symbol: str | None = None
    connector: str | None = None


class VenueAcknowledged(_Report, frozen=True, tag=True):
    """The venue has the order."""

    venue_order_id: str | None = None


class VenueRejected(_Report, frozen=True, tag=True):
    """The venue refuses the order. `code` is ours, `upstream_code` the venue's."""

    code: str
    upstream_code: str | None = None


class VenueFilled(_Report, frozen=True, tag=True):
    """`quantity` was dealt at `price`. `fee` (below 0: a rebate) is in `fee_currency`, None being the instrument's."""

    fill_id: str
    price: str
    quantity: str
    fee: str = "0"
    fee_currency: str | None = None
    liquidity: Liquidity = "taker"


class VenueCanceled(_Report, frozen=True, tag=True):
    """The order is out of the venue's book; `code` says why where nobody asked for it."""

    code: str | None = None
    upstream_code: str | None = None


class VenueCancelRejected(_Report, frozen=True, tag=True):
    """The venue did not cancel."""

    code: str
    upstream_code: str | None = None


class VenueReplaced(_Report, frozen=True, tag=True):
    """The order now has these terms at the venue. `request_seq` is the seq of the record that asked."""

    quantity: str
    price: str | None = None
    time_in_force: TimeInForce | None = None
    request_seq: int | None = None


class VenueReplaceRejected(_Report, frozen=True, tag=True):
    """The venue left the order as it was."""

    code: str
    upstream_code: str | None = None
    request_seq: int | None = None


class VenueExpired(_Report, frozen=True, tag=True):
    """The order ended by its time in force."""

    upstream_code: str | None = None


class VenueUnknown(_Report, frozen=True, tag=True):
    """Nobody knows what became of a request (a timeout, a 5xx): the order is unknown until the venue was asked.

    With `due_at` it is the deadline at which an unknown order is asked after again; no effect where that is another now.
    """

    code: str
    request: Literal["submit", "amend", "cancel"] = "submit"
    upstream_code: str | None = None
    due_at: Nanoseconds | None = None


class FoundFill(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fill that a query of the venue found."""

    fill_id: str
    price: str
    quantity: str
    fee: str = "0"
    fee_currency: str | None = None
    liquidity: Liquidity = "taker"
    venue_ts: str | None = None


class Reconcile(_Report, frozen=True, tag=True):
    """What the venue, asked, says of an order: `outcome`, every fill of it, and its terms there while it is open.

    `not_found` settles an order only where `venue_ts`, when the venue said so, is after its `valid_until`: before, the request
    may still have been on its way.
    """

    outcome: Literal["open", "filled", "canceled", "rejected", "expired", "not_found"]
    fills: tuple[FoundFill, ...] = ()
    filled_quantity: str | None = None
    quantity: str | None = None
    price: str | None = None
    code: str | None = None
    upstream_code: str | None = None
    venue_order_id: str | None = None


VenueReport = (
    VenueAcknowledged
    | VenueRejected
    | VenueFilled
    | VenueCanceled
    | VenueCancelRejected
    | VenueReplaced
    | VenueReplaceRejected
    | VenueExpired
    | VenueUnknown
    | Reconcile
)
Command = (
    OpenAccount
    | Deposit
    | SetLimits
    | PlaceOrder
    | AmendOrder
    | CancelOrder
    | CancelAll
    | SetTradingState
    | ArmDeadMan
    | SettleBreak
    | ReleaseAtOpen
    | ExpireOrder
    | VenueReport
)

encode_command = msgspec.json.Encoder().encode
decode_command = msgspec.json.Decoder(Command).decode
"""Bytes -> command. Raises one of `storage.models.reading.UNREADABLE` for what is not one (naming the field, where it is
JSON at all).
"""
