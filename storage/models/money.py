"""Exact decimals of the order road: strict reading, canonical writing, and the two roundings that money knows.

Money has 8 decimals and average prices 12, both half-even; everything before a rounding is exact. No float anywhere.
Nothing here raises for a number that `parse_number` let through: such a number has at most 40 characters, and no formula
of the platform multiplies more than four of them.
"""

import re
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Final

LONGEST_NUMBER: Final = 40
ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
_FORM: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_MONEY: Final = Decimal("1e-8")
_PARTS: Final = Decimal(10**8)
_AVERAGE: Final = Decimal("1e-12")
EXACT: Final = Context(prec=400, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])
_DIVIDING: Final = Context(prec=100, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])

number: Final = Decimal
"""The value of a text that the platform itself has written (`text_of`). A name of its own, as nothing is checked."""
plus: Final = EXACT.add
"""The exact sum of two numbers (never `+`, whose context keeps 28 digits)."""
minus: Final = EXACT.subtract
"""Their exact difference."""
times: Final = EXACT.multiply
"""Their exact product."""
_quantize, _divide = EXACT.quantize, _DIVIDING.divide


@lru_cache(maxsize=4_096)
def parse_number(text: str) -> Decimal | None:
    """The exact value of `-?digits[.digits]` of at most 40 characters; None for anything else."""
    if len(text) > LONGEST_NUMBER or _FORM.fullmatch(text) is None:
        return None
    return Decimal(text)


def text_of(value: Decimal) -> str:
    """Canonical plain form, without exponent, trailing zeros or negative zero: `0.5`, `100`, `0`."""
    if not value:
        return "0"
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    return text.rstrip("0").rstrip(".") if text[-1] == "0" and "." in text else text


def money(value: Decimal) -> Decimal:
    """To 8 decimals, half-even."""
    return _quantize(value, _MONEY)


def whole_and_parts(text: str) -> tuple[int, int]:
    """Money as two integers that a database can add up: the whole units and the 1e-8 parts of one, of the same sign."""
    value = money(Decimal(text))
    whole = int(value)
    return whole, int(times(minus(value, Decimal(whole)), _PARTS))


def from_parts(whole: int, parts: int) -> Decimal:
    """The money that `whole` units and `parts` of 1e-8 come to."""
    return plus(Decimal(whole), times(Decimal(parts), _MONEY))


def average_price(cost: Decimal, size: Decimal) -> Decimal:
    """`cost / size` to 12 decimals, half-even; 0 for no size."""
    return _quantize(_divide(cost, size), _AVERAGE) if size else ZERO


def ratio(part: Decimal, whole: Decimal) -> Decimal:
    """`part / whole` to 100 digits; 0 for a whole of 0. Round the result before it is written."""
    return _divide(part, whole) if whole else ZERO


def notional(price: Decimal, quantity: Decimal, multiplier: Decimal) -> Decimal:
    """price x quantity x multiplier, exact."""
    return times(times(price, quantity), multiplier)


def whole_steps(value: Decimal, step: Decimal) -> Decimal:
    """The greatest multiple of `step` (above 0) that is not above `value` (not negative)."""
    return times(EXACT.divide_int(value, step), step)


def fits(value: Decimal, step: Decimal) -> bool:
    """Whether `value` is a multiple of `step` (above 0)."""
    return not EXACT.remainder(value, step)
