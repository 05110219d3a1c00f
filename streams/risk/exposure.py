"""How near positions are to the account's position limit: `exposure.warning` and `exposure.limit`, symbol by symbol. Pure.

Each is raised at one share of the limit and holds down to a lower one, so that a mark that trembles does not flap.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from storage.models.accounts import Limits
from storage.models.money import money, number, ratio, text_of, times
from storage.models.positions import Position
from storage.models.valuation import Holding, Rate, in_account_currency

EXPOSURE_WARNING: Final = "exposure.warning"
EXPOSURE_LIMIT: Final = "exposure.limit"
WARNING_AT: Final = Decimal("0.9")
WARNING_UNTIL: Final = Decimal("0.85")
LIMIT_UNTIL: Final = Decimal("0.95")


Held = Sequence[tuple[Position, Holding]]
"""The positions that are not flat, at their marks."""


class Exposure(NamedTuple):
    """What a symbol is to be warned of, and what such a signal shows."""

    symbol: str
    code: str
    figures: dict[str, str]


def exposures_of(
    limits: Limits, held: Held, rate_of: Callable[[str], Rate | None], standing: Mapping[str, str]
) -> Iterator[Exposure]:
    """The symbols with a code; `standing` is the code that each symbol was given last. A symbol that has lost its own is not
    among them. `rate_of` converts into the account's currency, in which the limit is.
    """
    if limits.position_limit is None:
        return
    limit = number(limits.position_limit)
    near = _currencies_near(times(limit, WARNING_UNTIL), held, rate_of)
    if not near:
        return
    for position, holding in held:
        if position.currency not in near:
            continue
        value = in_account_currency(holding.notional, rate_of(position.currency))
        code = code_of(value, limit, standing.get(position.symbol)) if value else None
        if code is not None:
            yield Exposure(position.symbol, code, figures_of(value, limits.position_limit))


def _currencies_near(least: Decimal, held: Held, rate_of: Callable[[str], Rate | None]) -> set[str]:
    """Those whose largest position is worth `least` or more: mostly none, and one conversion each."""
    largest: dict[str, Decimal] = {}
    for position, holding in held:
        known = largest.get(position.currency)
        if known is None or holding.notional > known:
            largest[position.currency] = holding.notional
    return {
        currency for currency, notional in largest.items() if in_account_currency(notional, rate_of(currency)) >= least
    }


def code_of(value: Decimal, limit: Decimal, standing: str | None) -> str | None:
    """What a position of that value (above 0) is warned of, where it was warned of `standing` before."""
    if value >= limit or (standing == EXPOSURE_LIMIT and value >= times(limit, LIMIT_UNTIL)):
        return EXPOSURE_LIMIT
    if value >= times(limit, WARNING_AT) or (standing is not None and value >= times(limit, WARNING_UNTIL)):
        return EXPOSURE_WARNING
    return None


def figures_of(value: Decimal, limit: str | None) -> dict[str, str]:
    """What a signal shows; `exposure` is the share of the limit, where there is one above 0."""
    if limit is None:
        return {"position_value": text_of(value)}
    share = {"exposure": text_of(money(ratio(value, number(limit))))} if number(limit) else {}
    return {"position_value": text_of(value), "limit": limit, **share}
