"""Records of `trades` to prints and corrections: each value is decoded once, and only the fields that bars need."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND, parse_timestamp
from storage.log.port import Record
from storage.models.market_data import Correction
from storage.models.reading import UNREADABLE
from streams.market.bars.decimals import parse_decimal
from streams.market.bars.intervals import DAY
from streams.market.bars.prints import Print
from streams.market.refused import Refused


class _TradeFields(msgspec.Struct):
    symbol: str
    venue_seq: int
    price: str
    quantity: str
    ts: str
    correction: Correction | None = None


class Corrected(NamedTuple):
    """A record that takes the print `venue_seq` of the same event time out and, when `replaces`, puts `trade` in."""

    trade: Print
    venue_seq: int
    replaces: bool


Entry = Print | Corrected
AHEAD_AT_MOST: Final = DAY
"""A print from the far future would make every later one of its symbol too late."""

_decode = msgspec.json.Decoder(_TradeFields).decode


def decode_trades(
    records: Sequence[Record], symbols: Mapping[bytes, str], position: int = 0
) -> tuple[list[Print], list[tuple[int, Corrected]], list[Refused]]:
    """Prints, corrections (each with how many prints stand before it) and refused records, in the records' order.

    `symbols` maps record keys to the known symbols. Records before offset `position`, and repeated ones, are left out.
    """
    prints: list[Print] = []
    corrections: list[tuple[int, Corrected]] = []
    refused: list[Refused] = []
    for record in records:
        offset = record.offset
        if offset < position:
            continue
        position = offset + 1
        taken_in = record.timestamp * NANOSECONDS_PER_MILLISECOND
        try:
            fields = _decode(record.value or b"")
            symbol = symbols[record.key or b""]
            ts = parse_timestamp(fields.ts)
            quantity = parse_decimal(fields.quantity)
            trade = Print(ts, fields.venue_seq, offset, parse_decimal(fields.price), quantity, taken_in, symbol)
        except (*UNREADABLE, KeyError, ValueError) as error:
            refused.append(_refused(record, error))
            continue
        if fields.symbol != symbol or quantity < 0 or not 0 <= ts <= taken_in + AHEAD_AT_MOST:
            refused.append(Refused(record, "trade.impossible", _impossible(fields, trade)))
        elif fields.correction is None:
            prints.append(trade)
        else:
            correction = fields.correction
            corrections.append((len(prints), Corrected(trade, correction.venue_seq, correction.kind == "replace")))
    return prints, corrections, refused


def entry_of(record: Record, symbols: Mapping[bytes, str]) -> Entry | None:
    """The print or correction of one record; None for a record that was refused."""
    prints, corrections, _ = decode_trades((record,), symbols)
    if prints:
        return prints[0]
    return corrections[0][1] if corrections else None


def _refused(record: Record, error: Exception) -> Refused:
    if isinstance(error, KeyError):
        key = (record.key or b"").decode(errors="replace")
        return Refused(record, "trade.unknown_symbol", f"no instrument has the symbol {key!r} of the record's key")
    return Refused(record, "trade.undecodable", f"not a trade: {error}", error)


def _impossible(fields: _TradeFields, trade: Print) -> str:
    """What is impossible about a trade that could be read, in words."""
    if fields.symbol != trade.symbol:
        return f"the key says {trade.symbol!r} and the value says {fields.symbol!r}"
    if trade.quantity < 0:
        return f"a quantity cannot be negative: {fields.quantity}"
    if trade.ts < 0:
        return f"an event time before 1970: {fields.ts}"
    return f"an event time more than a day after it was appended: {fields.ts}"
