"""`GET /v1/accounts`: what the caller's account is worth at the present quotes."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from gateway.account.live_values import LiveValues
from gateway.account.standing import Standing, shown
from gateway.http.calls import Reply, SignedCall
from ops.runtime.timestamps import format_timestamp
from storage.models.accounts import Account
from storage.models.positions import Position
from storage.models.read_models import OpenedAccount

_SHOWN: Final = (
    "account_id", "currency", "trading_state", "equity", "cash", "unrealized_pnl", "realized_pnl", "fees",
    "initial_margin", "maintenance_margin", "reserved", "available_margin", "risk_ratio", "margin_level", "open_orders",
    "balances", "unconverted", "updated_at",
)  # fmt: skip


class PositionSource(Protocol):
    """The positions (storage/mongo/positions.py)."""

    async def of(self, account_id: str) -> list[Position]: ...


class Overview:
    """Answers the account. Its positions are of the same seq as its balances, or it is shown as its last record has it."""

    def __init__(self, standing: Standing, positions: PositionSource, values: LiveValues) -> None:
        self._standing = standing
        self._positions = positions
        self._values = values

    async def handle(self, call: SignedCall) -> Reply:
        """Raises what `Standing.of` raises."""
        opened = await self._standing.of(call)
        positions = await self._positions.of(opened.account_id)
        ahead = max((position.seq for position in positions), default=0)
        if ahead > opened.as_of_seq:  # a flush of the projection is under way: positions come first, the account last
            opened = await self._standing.reaching(opened.account_id, ahead) or opened
            positions = await self._positions.of(opened.account_id)
        account = self._account(opened, positions, call.now)
        told = {name: getattr(account, name) for name in _SHOWN}
        return shown({**told, "valued_at": format_timestamp(call.now)}, opened.as_of_seq)

    def _account(self, opened: OpenedAccount, positions: Sequence[Position], now: int) -> Account:
        if any(position.seq > opened.as_of_seq for position in positions):
            return opened.account
        return self._values.account(opened.account, positions, now)


def trading_state(account: Account) -> dict[str, Any]:
    """What the account may do, since when, and who has said so."""
    return {"state": account.trading_state, "since": account.trading_since, "set_by": account.trading_set_by}
