"""The names that clients subscribe by, and the scope that each needs. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

from storage.models.market_data import TIMEFRAMES
from storage.models.tenants import Scope

Family = Literal["quotes", "trades", "bars", "orders", "risk"]
SCOPES: Final[dict[Family, Scope]] = {
    "quotes": "market:read",
    "trades": "market:read",
    "bars": "market:read",
    "orders": "trade:read",
    "risk": "account:read",
}
_PLAIN: Final[dict[str, Family]] = {"quotes": "quotes", "trades": "trades", "orders": "orders"}
_MAY_BE_CONFLATED: Final = ("quotes", "bars")


@dataclass(frozen=True, slots=True)
class Topic:
    """One name taken apart. `symbol` is None for a wildcard, `timeframe` for everything but bars."""

    name: str
    family: Family
    symbol: str | None = None
    timeframe: str | None = None

    @property
    def wildcard(self) -> str:
        """The topic that has all symbols of this one."""
        return f"bars.{self.timeframe}.*" if self.timeframe else f"{self.family}.*"

    @property
    def conflatable(self) -> bool:
        """Whether `conflate_ms` has an effect: only where the latest value is what matters."""
        return self.family in _MAY_BE_CONFLATED


def parse_topic(name: str) -> Topic | None:
    """The topic of a name such as `quotes.AAPL.US`, `bars.1m.*`, `risk.*`; None when there is no such topic.

    Whether a symbol exists is not checked here.
    """
    family, _, rest = name.partition(".")
    if not rest:
        return None
    if plain := _PLAIN.get(family):
        return Topic(name, plain, _symbol(rest))
    if family == "risk" and rest == "*":
        return Topic(name, "risk")
    if family == "bars":
        timeframe, _, symbol = rest.partition(".")
        if timeframe in TIMEFRAMES and symbol:
            return Topic(name, "bars", _symbol(symbol), timeframe)
    return None


def _symbol(text: str) -> str | None:
    return None if text == "*" else text
