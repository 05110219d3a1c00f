"""A position as it stands after a record: in `order-events`, in the read model and on `orders.*`."""

import msgspec


class Position(msgspec.Struct, frozen=True, gc=False):
    """The net position of an account in a symbol. Decimal strings; money in `currency`.

    `net_qty` is below 0 when short. `avg_price` has 12 decimals ("0" when flat), `cost` is the exact sum of price x quantity
    x multiplier that it stands for, with the sign of `net_qty`. `mark_price` is the mid, else the last, at the record's
    time; `notional`, `margin` (initial), `maintenance_margin` and `unrealized_pnl` are at that mark. `realized_pnl` is
    without fees and since the account was opened.
    """

    account_id: str
    symbol: str
    venue: str
    asset_class: str
    currency: str
    net_qty: str
    avg_price: str
    cost: str
    mark_price: str
    notional: str
    margin: str
    maintenance_margin: str
    unrealized_pnl: str
    realized_pnl: str
    fees: str
    multiplier: str
    initial_margin_rate: str
    maintenance_margin_rate: str
    updated_at: str
    seq: int
