"""What an account is warned of after a record: margin, order rate, exposure; each under the seq that raised it. Pure."""

from collections.abc import Iterator
from typing import Final

from storage.models.accounts import Alerts
from storage.models.money import ZERO
from storage.models.valuation import in_account_currency
from streams.orders.draft import Draft
from streams.orders.proposals import recent_orders
from streams.risk.exposure import EXPOSURE_LIMIT, EXPOSURE_WARNING, exposures_of, figures_of
from streams.risk.signals import MARGIN_CODES, ORDER_RATE, alert_name, parts_of_alert

_EXPOSURE: Final = frozenset({EXPOSURE_WARNING, EXPOSURE_LIMIT})
Wanted = dict[str, dict[str, str] | None]


def alerts_of(draft: Draft) -> dict[str, Alerts]:
    """What was raised and still holds, and what this record ended. Follows from the account's image before and the draft."""
    known = draft.state.account.alerts if draft.state.account else {}
    standing = {name for name, alert in known.items() if alert.cleared < 0} if known else set()
    wanted = _wanted(draft, standing)
    if not standing and not wanted:
        return {}
    alerts = {name: known[name] for name in sorted(standing & wanted.keys())}
    alerts |= {name: Alerts(draft.seq, figures=wanted[name]) for name in sorted(wanted.keys() - standing)}
    ended = sorted(standing - wanted.keys())
    return alerts | {name: Alerts(known[name].raised, draft.seq, _figures_at_end(draft, name)) for name in ended}


def _wanted(draft: Draft, standing: set[str]) -> Wanted:
    wanted: Wanted = {}
    margin = MARGIN_CODES.get(draft.valuation.level)
    if margin is not None:
        wanted[margin] = None
    if _too_many_orders(draft, standing):
        wanted[ORDER_RATE] = None
    if draft.held:
        told = dict(_told_exposures(standing))
        for symbol, code, figures in exposures_of(draft.limits, draft.held, draft.converter.rate, told):
            wanted[alert_name(code, symbol)] = figures
    return wanted


def _too_many_orders(draft: Draft, standing: set[str]) -> bool:
    """Denied for it by this record; or by an earlier one, and a second has not gone by."""
    if draft.rate_exceeded is not None or ORDER_RATE not in standing:
        return bool(draft.rate_exceeded)
    return recent_orders(draft.state, draft.now) >= draft.limits.orders_per_second


def _told_exposures(standing: set[str]) -> Iterator[tuple[str, str]]:
    for name in standing:
        code, symbol = parts_of_alert(name)
        if code in _EXPOSURE and symbol is not None:
            yield symbol, code


def _figures_at_end(draft: Draft, name: str) -> dict[str, str] | None:
    code, symbol = parts_of_alert(name)
    if code not in _EXPOSURE:
        return None
    values = (
        in_account_currency(holding.notional, draft.converter.rate(one.currency))
        for one, holding in draft.held
        if one.symbol == symbol
    )
    return figures_of(next(values, ZERO), draft.limits.position_limit)
