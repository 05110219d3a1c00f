"""How near positions are to the account's position limit: `exposure.warning` and `exposure.limit`, symbol by symbol. Pure.

Each is raised at one share of the limit and holds down to a lower one, so that a mark that trembles does not flap.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from storage.models.accounts import Limits
from storage.models.money import ONE, money, number, ratio, text_of, times
from storage.models.valuation import Rate, in_account_currency

EXPOSURE_WARNING: Final = "exposure.warning"
EXPOSURE_LIMIT: Final = "exposure.limit"
WARNING_AT: Final = Decimal("0.9")
WARNING_UNTIL: Final = Decimal("0.85")
LIMIT_AT: Final = ONE
LIMIT_UNTIL: Final = Decimal("0.95")


class Held(NamedTuple):
    """A position that is not flat: its value at the mark, in its own currency."""

    symbol: str
    currency: str
    notional: Decimal


class Exposure(NamedTuple):
    """What a symbol is to be warned of, and what such a signal shows."""

    symbol: str
    code: str
    figures: dict[str, str]


def exposures_of(
    limits: Limits, held: Iterable[Held], rate_of: Callable[[str], Rate | None], standing: Mapping[str, str]
) -> Iterator[Exposure]:
    """The symbols with a code; `standing` is the code that each symbol was given last. A symbol that has lost its own is not
    among them. `rate_of` converts into the account's currency, in which the limit is.
    """
    if limits.position_limit is None:
        return
    limit = number(limits.position_limit)
    least = times(limit, WARNING_UNTIL)
    for symbol, currency, notional in held:
        value = in_account_currency(notional, rate_of(currency))
        if not value or value < least:
            continue
        code = code_of(value, limit, standing.get(symbol))
        if code is not None:
            yield Exposure(symbol, code, figures_of(value, limits.position_limit))


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
