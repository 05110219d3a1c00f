"""What can be traded or watched: the reference data of one symbol."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

AssetClass = Literal["equity", "fx", "crypto", "futures", "metals", "prediction", "index"]
ASSET_CLASSES: tuple[AssetClass, ...] = ("equity", "fx", "crypto", "futures", "metals", "prediction", "index")
DECIMAL_PATTERN = r"^-?\d+(\.\d+)?$"
DecimalText = str


class Instrument(BaseModel):
    """One symbol `CODE.SUFFIX` of one venue. Sizes and rates are decimal strings; `multiplier` scales the notional.

    `calendar` names the venue's trading calendar. `stale_after_seconds` is how long its quotes may be silent while the
    venue is open. Index and inverse instruments are market data only (`tradable` is false).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: str = Field(pattern=r"^[A-Z0-9][A-Z0-9_\-]*\.[A-Z0-9]+$", max_length=64)
    venue: str
    asset_class: AssetClass
    calendar: str
    currency: str
    price_precision: int = Field(ge=0, le=12)
    qty_precision: int = Field(ge=0, le=12)
    tick_size: DecimalText = Field(pattern=DECIMAL_PATTERN)
    lot_size: DecimalText = Field(pattern=DECIMAL_PATTERN)
    min_quantity: DecimalText = Field(pattern=DECIMAL_PATTERN)
    max_quantity: DecimalText = Field(pattern=DECIMAL_PATTERN)
    min_notional: DecimalText = Field(pattern=DECIMAL_PATTERN)
    multiplier: DecimalText = Field(default="1", pattern=DECIMAL_PATTERN)
    initial_margin_rate: DecimalText = Field(pattern=DECIMAL_PATTERN)
    maintenance_margin_rate: DecimalText = Field(pattern=DECIMAL_PATTERN)
    shortable: bool = True
    tradable: bool = True
    status: Literal["active", "halted"] = "active"
    stale_after_seconds: int = Field(default=10, ge=1)
    reference_price: DecimalText = Field(
        pattern=DECIMAL_PATTERN, description="where the synthetic feed starts; never used for trading"
    )


def decimal_places(step: Decimal) -> int:
    """How many fraction digits a tick or lot size needs (0.05 -> 2, 1 -> 0)."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
