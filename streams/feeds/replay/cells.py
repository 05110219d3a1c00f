"""The cells that trades and quotes share: decimals, times and symbols."""

from streams.feeds.replay.fields import (
    NANOSECONDS_OF,
    canonical_decimal,
    canonical_size,
    exact_time,
    rfc3339_time,
)
from streams.feeds.replay.table import Read, Table, constant

_NUMBER = "a decimal number such as 61837.63"
_SIZE = "a decimal number that is not negative, such as 0.25"


def price_cell(table: Table, column: str) -> Read[str]:
    """A canonical decimal."""
    return table.cell(column, canonical_decimal, _NUMBER)


def size_cell(table: Table, column: str | None) -> Read[str]:
    """A canonical decimal that is not negative; "0" where the file has no such column."""
    return table.cell(column, canonical_size, _SIZE) if column else constant("0")


def time_cell(table: Table, column: str, unit: str) -> Read[int]:
    """Nanoseconds of a column in s, ms, us, ns or rfc3339, exactly."""
    if unit == "rfc3339":
        return table.cell(column, rfc3339_time, "a time such as 2024-08-08T23:54:15.342Z")
    scale = NANOSECONDS_OF[unit]
    return table.cell(column, lambda text: exact_time(text, scale), f"a time in {unit}, digits with at most one point")


def symbol_cell(table: Table, column: str | None, default: str) -> Read[str]:
    """The source symbol of a row; `default` where the file has no such column."""
    return table.cell(column, _symbol, "a symbol") if column else constant(default)


def _symbol(text: str) -> str:
    symbol = text.strip()
    if not symbol:
        raise ValueError("the symbol is empty")
    return symbol
