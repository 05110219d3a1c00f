"""Quotes and trades as feeds make them, for benchmarks that need records of real shape rather than padding."""

from ops.runtime.timestamps import format_timestamp
from storage.models.instruments import Instrument
from storage.models.market_data import Quote, Trade


def quote_of(instrument: Instrument, now: int) -> Quote:
    """A quote around the instrument's reference price, taken in `now` (ns since the epoch)."""
    price, moment = instrument.reference_price, format_timestamp(now)
    return Quote(
        symbol=instrument.symbol,
        venue=instrument.venue,
        last=price,
        bid=price,
        ask=price,
        bid_size=instrument.lot_size,
        ask_size=instrument.min_quantity,
        session_state="open",
        ts=moment,
        ts_in=moment,
    )


def trade_of(instrument: Instrument, number: int, ts: int) -> Trade:
    """Trade `number` of the instrument at its reference price, made and taken in at `ts` (ns since the epoch)."""
    moment = format_timestamp(ts)
    return Trade(
        symbol=instrument.symbol,
        venue=instrument.venue,
        trade_id=str(number),
        venue_seq=number,
        price=instrument.reference_price,
        quantity=instrument.min_quantity,
        side="buy" if number % 3 else "sell",
        ts=moment,
        ts_in=moment,
    )
