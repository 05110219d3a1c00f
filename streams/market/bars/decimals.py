"""Exact decimals: strict reading of the contract's form, canonical writing."""

import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache
from typing import Final

_FORM: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_LONGEST: Final = 48

EXACT: Final = Context(prec=400, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[Inexact, InvalidOperation])
"""Sums of products of inputs of at most 48 characters never need more than 400 digits; if they did, it raises."""


@lru_cache(maxsize=8_192)
def parse_decimal(text: str) -> Decimal:
    """The exact value of `-?digits[.digits]`, at most 48 characters. Raises `ValueError` for anything else."""
    if len(text) > _LONGEST or _FORM.fullmatch(text) is None:
        raise ValueError(f"not a decimal of at most {_LONGEST} characters: {text[:64]!r}")
    return Decimal(text)


def canonical(value: Decimal) -> str:
    """Plain form without exponent, trailing zeros or negative zero: `0.5`, `100`, `0`."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
