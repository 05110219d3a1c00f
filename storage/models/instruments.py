"""What can be traded or watched: the reference data of one symbol."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

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

    @model_validator(mode="after")
    def _steps_and_limits_agree(self) -> Self:
        for _, problem in filter(lambda rule: rule[0], _inconsistencies(self)):
            raise ValueError(problem)
        return self


def _inconsistencies(instrument: Instrument) -> Iterator[tuple[bool, str]]:
    """(is it wrong, what is wrong) of each rule over several fields; the text begins with the field that is wrong."""
    tick, lot = Decimal(instrument.tick_size), Decimal(instrument.lot_size)
    least, most = Decimal(instrument.min_quantity), Decimal(instrument.max_quantity)
    initial, maintenance = Decimal(instrument.initial_margin_rate), Decimal(instrument.maintenance_margin_rate)
    reference = Decimal(instrument.reference_price)
    yield tick <= 0, f"tick_size must be above 0, not {tick}"
    yield lot <= 0, f"lot_size must be above 0, not {lot}"
    places = decimal_places(tick)
    yield instrument.price_precision < places, f"price_precision must be at least {places}, as tick_size {tick} has it"
    places = decimal_places(lot)
    yield instrument.qty_precision < places, f"qty_precision must be at least {places}, as lot_size {lot} has it"
    yield least <= 0 or least % lot != 0, f"min_quantity must be a multiple of lot_size {lot} above 0, not {least}"
    yield most < least, f"max_quantity must not be below min_quantity {least}"
    yield Decimal(instrument.multiplier) <= 0, f"multiplier must be above 0, not {instrument.multiplier}"
    yield Decimal(instrument.min_notional) < 0, f"min_notional must not be below 0, not {instrument.min_notional}"
    yield not 0 <= initial <= 1, f"initial_margin_rate must be from 0 to 1, not {initial}"
    yield not 0 <= maintenance <= initial, f"maintenance_margin_rate must be from 0 to initial_margin_rate {initial}"
    yield reference <= 0 or reference % tick != 0, f"reference_price must be a multiple of tick_size {tick} above 0"


def decimal_places(step: Decimal) -> int:
    """How many fraction digits a tick or lot size needs (0.05 -> 2, 1 -> 0)."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
