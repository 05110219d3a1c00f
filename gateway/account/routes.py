"""The account routes: all reads, counted by key together with those of orders and fills."""

from collections.abc import Mapping
from typing import Final

from gateway.account.live_values import LiveValues
from gateway.account.overview import Overview, PositionSource
from gateway.account.positions import Positions
from gateway.account.rules import AccountRules, HaltSource
from gateway.account.signals import Signals, SignalSource
from gateway.account.standing import Standing, bounded
from gateway.http.calls import SignedHandler
from gateway.http.edge import Edge
from gateway.http.page_tokens import PageTokens
from gateway.http.routes import Routes
from gateway.market.ports import ReferenceSource
from gateway.quote_board import QuoteBoard
from storage.models.tenants import Scope

BUILT = frozenset({"getPositions", "getAccountOverview", "getAccountLimits", "getTradingState", "listRiskSignals"})

_SCOPES: Final[Mapping[str, tuple[Scope, ...]]] = {"getTradingState": ("account:read", "trade:write")}


def register_account(
    routes: Routes,
    edge: Edge,
    *,
    standing: Standing,
    positions: PositionSource,
    signals: SignalSource,
    halts: HaltSource,
    board: QuoteBoard,
    reference: ReferenceSource,
    tokens: PageTokens,
) -> None:
    """Add the account routes, all for keys with `account:read`; who may set the trading state may read it too."""
    values = LiveValues(board, reference)
    rules = AccountRules(standing, halts)
    reads: dict[str, tuple[str, SignedHandler]] = {
        "/v1/accounts": ("getAccountOverview", bounded(Overview(standing, positions, values).handle)),
        "/v1/accounts/limits": ("getAccountLimits", bounded(rules.limits)),
        "/v1/accounts/trading-state": ("getTradingState", bounded(rules.trading_state)),
        "/v1/positions": (
            "getPositions",
            bounded(Positions(standing, positions, values, reference, tokens).handle),
        ),
        "/v1/risk/signals": ("listRiskSignals", bounded(Signals(standing, signals, tokens).handle)),
    }
    for path, (operation, handler) in reads.items():
        scopes = _SCOPES.get(operation, ("account:read",))
        routes.read(path, operation, edge.signed(operation, scopes, 1, handler, "account"))
