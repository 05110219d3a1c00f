"""How a market of each asset class looks: how often it moves, how far, how wide, how deep, how much is traded. Pure data.

Round figures of liquid instruments, so that a screen looks familiar; nothing is fitted to any market.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from storage.models.instruments import AssetClass


@dataclass(frozen=True, slots=True)
class Profile:
    """`volatility` is the standard deviation of the log price over one second of regular trading, `spread` the usual spread and
    `gap` the usual distance between levels as parts of the price. `levels` is the depth of a side: 1 is a best quote
    without depth, 0 no book at all (an index). Notionals are medians in US dollars. `trade_share` is the part of the updates
    that are trades, `updates_per_second` those of regular trading.
    """

    updates_per_second: float
    volatility: float
    spread: float
    gap: float
    levels: int
    trade_share: float
    trade_notional: float
    level_notional: float


PROFILES: Final[Mapping[AssetClass, Profile]] = {
    "equity": Profile(2, 6e-5, 0.5e-4, 0.5e-4, 10, 0.35, 8_000, 60_000),
    "fx": Profile(2, 1.5e-5, 1.1e-4, 0.1e-4, 1, 0.25, 120_000, 1_500_000),
    "crypto": Profile(3, 9e-5, 0.02e-4, 0.1e-4, 50, 0.4, 900, 15_000),
    "futures": Profile(3, 4e-5, 0.4e-4, 0.4e-4, 20, 0.4, 250_000, 3_000_000),
    "metals": Profile(2, 4e-5, 1.2e-4, 0.2e-4, 1, 0.25, 60_000, 900_000),
    "prediction": Profile(0.5, 4e-4, 2e-2, 1e-2, 10, 0.3, 40, 400),
    "index": Profile(1, 3e-5, 0, 0, 0, 1, 0, 0),
}
PERPETUAL: Final = Profile(3, 9e-5, 0.02e-4, 0.1e-4, 50, 0.4, 4_000, 60_000)
CRYPTO_INDEX: Final = Profile(1, 9e-5, 0, 0, 0, 1, 0, 0)

# Roughly how many units of a currency a dollar buys: sizes are drawn in dollars. Never used for money.
PER_DOLLAR: Final[Mapping[str, float]] = {"JPY": 147, "HKD": 7.8, "GBP": 0.78, "ETH": 1 / 2_680}


def profile_of(asset_class: AssetClass, *, never_closes: bool) -> Profile:
    """The profile of an instrument. Futures and indices that never close are those of crypto markets."""
    if never_closes and asset_class == "futures":
        return PERPETUAL
    if never_closes and asset_class == "index":
        return CRYPTO_INDEX
    return PROFILES[asset_class]
