"""`GET /v1/accounts/limits` and `GET /v1/accounts/trading-state`: what the caller's account may do."""

from gateway.account.overview import trading_state
from gateway.account.standing import Standing, shown
from gateway.http.calls import Reply, SignedCall


class AccountRules:
    """Answers what holds for the account at its `as_of_seq`. Both raise what `Standing.of` raises."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    async def limits(self, call: SignedCall) -> Reply:
        """Its limits; null is no limit."""
        account = await self._standing.of(call)
        return shown(account.limits, account.as_of_seq)

    async def trading_state(self, call: SignedCall) -> Reply:
        """Its trading state, since when, and who set it."""
        account = await self._standing.of(call)
        return shown(trading_state(account.account), account.as_of_seq)
