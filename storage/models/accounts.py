"""A trading account as it stands after a record, its limits and its dead-man switches."""

from typing import Final, Literal

import msgspec

TradingState = Literal["active", "reducing", "halted"]
SetBy = Literal["account", "admin"]
STRICTNESS: Final[dict[TradingState, int]] = {"active": 0, "reducing": 1, "halted": 2}
"""The higher, the less is taken."""
MarginLevel = Literal["ok", "warning", "call", "liquidation"]


class Limits(msgspec.Struct, frozen=True):
    """What an account may do. Values are in the account's currency, `position_limit` is the value of one symbol's net
    position; None is no limit. `price_collar` is, by asset class, how far (a fraction) a price may be beyond the market.
    """

    max_order_value: str | None
    max_order_quantity: str | None
    max_open_orders: int
    position_limit: str | None
    orders_per_second: int
    price_collar: dict[str, str]


DEFAULT_COLLARS: Final = {
    "equity": "0.1",
    "fx": "0.02",
    "crypto": "0.1",
    "futures": "0.05",
    "metals": "0.05",
    "prediction": "0.5",
    "index": "0.05",
}
DEFAULT_LIMITS: Final = Limits(
    max_order_value="1000000",
    max_order_quantity=None,
    max_open_orders=1_000,
    position_limit="5000000",
    orders_per_second=50,
    price_collar=DEFAULT_COLLARS,
)


class DeadMan(msgspec.Struct, frozen=True):
    """A dead-man switch by its name: `api`, or `ws:<connection>`. It falls due at `due_at` (ns since the epoch)."""

    name: str
    due_at: int
    timeout_ms: int
    spare_reduce_only: bool


class Alerts(msgspec.Struct, frozen=True, omit_defaults=True):
    """The seq that raised what the account is warned of, and the seq that last ended it; -1: never. `figures` are those of
    the later of the two, where they do not stand in the account.
    """

    raised: int = -1
    cleared: int = -1
    figures: dict[str, str] | None = None


class Account(msgspec.Struct, frozen=True, gc=False):
    """An account after a record. Money is in `currency` but for `balances` and `realized`, by currency.

    `cash` is the converted sum of `balances`; a currency without a live conversion counts as 0 (`unconverted` names it).
    equity = cash + unrealized_pnl; available_margin = equity - initial_margin - reserved; risk_ratio =
    maintenance_margin / equity (8 decimals), None at equity <= 0. `alerts` are the warnings by code, those
    of one symbol by `code:symbol`.
    """

    account_id: str
    tenant_id: str
    mode: str
    currency: str
    trading_state: TradingState
    trading_set_by: SetBy
    trading_since: str
    cash: str
    equity: str
    unrealized_pnl: str
    realized_pnl: str
    fees: str
    initial_margin: str
    maintenance_margin: str
    reserved: str
    available_margin: str
    risk_ratio: str | None
    margin_level: MarginLevel
    balances: dict[str, str]
    realized: dict[str, str]
    paid_fees: dict[str, str]
    unconverted: tuple[str, ...]
    open_orders: int
    alerts: dict[str, Alerts]
    updated_at: str
    as_of_seq: int
