"""An order as it stands after a record: the same struct in `order-events`, in the read model and on `orders.*`.

Prices, quantities and money are canonical decimal strings, times RFC 3339 UTC. `state` is our own, `status` the contract's.
"""

from typing import Literal

import msgspec

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit", "stop"]
TimeInForce = Literal["DAY", "GTC", "IOC", "FOK"]
Liquidity = Literal["maker", "taker"]
OrderState = Literal[
    "accepted",
    "sent",
    "acknowledged",
    "partially_filled",
    "unknown",
    "filled",
    "canceled",
    "rejected",
    "expired",
    "denied",
]
OrderStatus = Literal["new", "partially_filled", "filled", "canceled", "rejected"]
Pending = Literal["amend", "cancel"]


class PendingAmend(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an amend that the venue has not answered would make of the order; `seq` names the request, `valid_until` is in ns."""

    seq: int
    price: str | None
    quantity: str
    time_in_force: TimeInForce
    valid_until: int


class Order(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One order; fields from `venue_order_id` on are left out where they say nothing. `seq` is the account's record that made this image.

    `quantity`, `filled_quantity` and `remaining_quantity` are in the instrument's units (remaining is 0 once final),
    `notional` is quantity x price x multiplier: the limit or stop price, for a market order the best price that it was placed
    against. `reserved` is the margin that it holds, at `reserve_price`: the limit, stop or collar price; a market order fills
    at nothing worse. Both are in `currency`, as are `fees`.
    `filled_value` is the exact sum of price x quantity of its fills.
    `reason` is a stable code of why it was denied, rejected or canceled (`expired` for an expired one), `upstream_code`
    the venue's own. `valid_until`, `release_at`, `expires_at` are nanoseconds since the epoch: when the venue must have
    it, and, while it waits for the open, when it is sent and when it ends. `uncertain_since` is the seq that made it
    unknown; while it is, the venue is asked again at `query_at` (ns), `queries` times so far. `amend` stays after the end, as the venue's answer to it may still come; `cancel_reason` is why a pending cancel
    was asked; `amended_seq` names the amend request that gave it its terms (0: none).
    """

    order_id: str
    client_order_id: str | None
    account_id: str
    symbol: str
    venue: str
    connector: str | None
    side: Side
    type: OrderType
    state: OrderState
    status: OrderStatus
    quantity: str
    filled_quantity: str
    remaining_quantity: str
    price: str | None
    stop_price: str | None
    time_in_force: TimeInForce
    reduce_only: bool
    post_only: bool
    strategy_id: str | None
    notional: str
    currency: str
    avg_price: str | None
    filled_value: str
    fees: str
    reserve_price: str
    reserved: str
    multiplier: str
    margin_rate: str
    uncertain: bool
    pending: Pending | None
    reason: str | None
    created_at: str
    updated_at: str
    seq: int
    venue_order_id: str | None = None
    upstream_code: str | None = None
    amend: PendingAmend | None = None
    valid_until: int = 0
    release_at: int | None = None
    release_attempts: int = 0
    expires_at: int | None = None
    uncertain_since: int | None = None
    query_at: int | None = None
    queries: int = 0
    cancel_reason: str | None = None
    amended_seq: int = 0
