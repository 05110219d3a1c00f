"""A kept bar as clients see it: the one form that `bars` records, WebSocket snapshots and `GET /v1/bars` share.

Pure.
"""

from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from ops.runtime.timestamps import format_timestamp
from storage.models.bars import BarDocument
from storage.models.market_data import Bar

VWAP_STEP: Final = Decimal("1e-12")
_DIVIDING: Final = Context(prec=400, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX)


def volume_weighted_price(notional: Decimal, volume: Decimal) -> str | None:
    """notional / volume to 12 decimals, half-even, in canonical plain form; None without volume."""
    if not volume:
        return None
    text = format(_DIVIDING.quantize(_DIVIDING.divide(notional, volume), VWAP_STEP), "f").rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def wire_bar(document: BarDocument) -> Bar:
    """The record of a bar; `t` is its start."""
    return Bar(
        symbol=document.symbol,
        timeframe=document.timeframe,
        t=format_timestamp(document.start),
        o=document.open,
        h=document.high,
        l=document.low,
        c=document.close,
        v=document.volume,
        vwap=volume_weighted_price(Decimal(document.notional), Decimal(document.volume)),
        notional=document.notional,
        trades=document.trades,
        final=document.final,
        revision=document.revision,
    )
