"""Whether an account may trade a symbol at all at the moment: halts, binding, connector, feed. Pure."""

from typing import NamedTuple

from storage.models.accounts import SetBy, TradingState
from storage.models.controls import HALT_SCOPES, Controls, HaltLevel, TradingRules
from storage.models.order_records import UsedQuote
from storage.models.orders import OrderType
from streams.risk.denial import Denial


class Trader(NamedTuple):
    """Who wants to trade what."""

    tenant_id: str
    account_id: str
    strategy_id: str | None
    trading_state: TradingState
    set_by: SetBy


class Restriction(NamedTuple):
    """The strictest halt that applies, and whose it is: a scope of halts, or `account` by itself or by an admin."""

    level: HaltLevel
    scope: str
    target: str

    def details(self) -> dict[str, str]:
        """What a refusal shows."""
        return {"level": self.level, "scope": self.scope, "target": self.target}


def restriction_on(trader: Trader, rules: TradingRules, controls: Controls) -> Restriction | None:
    """The strictest of the account's own trading state and the halts of platform, venue, tenant, account, strategy, symbol."""
    found: Restriction | None = None
    if trader.trading_state != "active":
        found = Restriction(trader.trading_state, f"account:{trader.set_by}", trader.account_id)
    if not controls.halted:
        return found
    targets = (
        "",
        rules.venue,
        trader.tenant_id,
        trader.account_id,
        f"{trader.account_id}/{trader.strategy_id}",
        rules.symbol,
    )
    for scope, target in zip(HALT_SCOPES, targets, strict=True):
        level = controls.halted.get((scope, target))
        if level is not None and (found is None or (level == "halted" and found.level == "reducing")):
            found = Restriction(level, scope, target)
    return found


def halted(restriction: Restriction | None) -> Denial | None:
    """`risk.trading_halted` where nothing but cancels is taken."""
    if restriction is not None and restriction.level == "halted":
        return Denial("risk.trading_halted", dict(restriction.details()))
    return None


def connector_for(tenant_id: str, venue: str, controls: Controls) -> str | Denial:
    """The connector of the tenant's active binding to the venue, or why there is none that works."""
    binding = controls.bindings.get((tenant_id, venue))
    if binding is None or binding.status != "active":
        return Denial("risk.binding_inactive", {"venue": venue, "binding_status": binding.status if binding else None})
    state = controls.connectors.get(binding.connector)
    if state is not None and state.status == "down":
        return Denial("connector.unavailable", {"connector": binding.connector, "venue": venue, "reason": state.reason})
    return binding.connector


def stale(kind: OrderType, symbol: str, quote: UsedQuote | None) -> Denial | None:
    """`market.stale_quote`: a market order needs a live quote, every other order one at all."""
    if quote is None:
        return Denial("market.stale_quote", {"symbol": symbol, "feed_state": None, "age_ms": None})
    if kind == "market" and quote.feed_state == "stale":
        return Denial("market.stale_quote", {"symbol": symbol, "feed_state": "stale", "age_ms": quote.age_ms})
    return None
