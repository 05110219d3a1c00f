"""The body of `PUT accounts/{id}/limits`: the limits that are given, null for none. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from gateway.http.fields import BodyReader
from storage.models.accounts import Limits
from storage.models.instruments import ASSET_CLASSES
from storage.models.money import parse_number

_AMOUNTS: Final = ("max_order_value", "max_order_quantity", "position_limit")
_COUNTS: Final = {"max_open_orders": 20_000, "orders_per_second": 1_000_000}
"""The most that each may be; more open orders the core does not take."""
_COLLAR: Final = "price_collar"
_A_LIMIT: Final = 'a string with a decimal number, not below 0, e.g. "50000", or null for no limit'
_A_FRACTION: Final = 'a string with a decimal number, not below 0, e.g. "0.05"'


class LimitFields:
    """Reads a body. Raises `request.invalid` that names every bad field, also for a body that gives no limit."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        reader = BodyReader(body)
        self._given: dict[str, Any] = {name: _amount(reader, name) for name in _AMOUNTS if name in body}
        for name, most in _COUNTS.items():
            if name in body:
                self._given[name] = reader.whole(name, 0, most)
        self._collars = _collars(reader)
        if not body:
            reader.refuse(_AMOUNTS[0], "missing", f"one of {', '.join((*_AMOUNTS, *_COUNTS, _COLLAR))}, or several")
        reader.finish()

    def applied_to(self, limits: Limits) -> Limits:
        """The limits with those that were given; collars of other asset classes stay."""
        return replace(limits, **self._given, price_collar={**limits.price_collar, **self._collars})


def _amount(reader: BodyReader, name: str) -> str | None:
    text = reader.text(name, nullable=True)
    if text is not None and not _is_limit(text):
        reader.refuse(name, "not such a number", _A_LIMIT)
    return text


def _collars(reader: BodyReader) -> dict[str, str]:
    given = reader.mapping(_COLLAR) or {}
    for asset_class, fraction in given.items():
        if asset_class not in ASSET_CLASSES:
            reader.refuse(_COLLAR, "not an asset class", f"an object by {', '.join(ASSET_CLASSES)}")
        elif not isinstance(fraction, str) or not _is_limit(fraction):
            reader.refuse(f"{_COLLAR}.{asset_class}", "not such a number", _A_FRACTION)
    return given


def _is_limit(text: str) -> bool:
    value = parse_number(text)
    return value is not None and value >= 0
