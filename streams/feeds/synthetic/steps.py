"""Whole numbers of ticks or lots -> canonical decimal text, remembered. Pure."""

from decimal import Decimal

_REMEMBERED = 2_048
"""Of a tick or lot size; with 32,768 a feed's memory rose for hours."""


class Steps:
    """Multiples of a tick or lot size: `Steps("0.05").text(3)` is "0.15"."""

    def __init__(self, step: str) -> None:
        self.step = Decimal(step)
        self._texts: dict[int, str] = {}

    def text(self, count: int) -> str:
        """`count` steps in plain form, trailing zeros trimmed."""
        known = self._texts.get(count)
        if known is None:
            if len(self._texts) >= _REMEMBERED:
                self._texts.clear()
            known = self._texts[count] = plain(self.step * count)
        return known

    def count(self, value: str | Decimal | float) -> int:
        """How many whole steps are nearest to `value`."""
        return round(Decimal(value) / self.step)

    def middle(self, one: int, other: int) -> str:
        """The mid of two counts, exact to half a step."""
        return plain(self.step * (one + other) / 2)


def plain(value: Decimal) -> str:
    """Plain form, trailing zeros trimmed ("0.10" -> "0.1", never an exponent)."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
