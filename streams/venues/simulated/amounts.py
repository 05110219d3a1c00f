"""Exact amounts of the simulated venue: reading, canonical writing, fees."""

from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache
from typing import Final

ZERO: Final = Decimal(0)
FEE_STEP: Final = Decimal("0.00000001")
_EXACT: Final = Context(prec=400, traps=[Inexact, InvalidOperation])
_ROUNDING: Final = Context(prec=400, rounding=ROUND_HALF_EVEN)


@lru_cache(maxsize=4_096)
def amount(text: str) -> Decimal:
    """The value of a canonical decimal string. Raises `decimal.InvalidOperation` for anything that is no number."""
    return Decimal(text)


def text_of(value: Decimal) -> str:
    """Plain form without exponent, trailing zeros or negative zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def fee_of(price: Decimal, quantity: Decimal, multiplier: Decimal, rate: Decimal) -> Decimal:
    """rate x price x quantity x multiplier, to 8 decimals half-even."""
    notional = _EXACT.multiply(_EXACT.multiply(price, quantity), multiplier)
    return _ROUNDING.quantize(_EXACT.multiply(notional, rate), FEE_STEP)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether `value` is a whole number of steps; exact for up to 400 digits."""
    return not _EXACT.remainder(value, step)
