"""Records of `trades` to prints and corrections: each value is decoded once, and only the fields that bars need."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND, parse_timestamp
from storage.log.port import Record
from storage.models.market_data import Correction
from streams.market.bars.decimals import parse_decimal
from streams.market.bars.prints import Print


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


class Refused(NamedTuple):
    """A record that the fold cannot take, and why in words."""

    record: Record
    reason: str


Entry = Print | Corrected

_decode = msgspec.json.Decoder(_TradeFields).decode


def decode_trades(
    records: Sequence[Record], symbols: Mapping[bytes, str]
) -> tuple[list[Print], list[tuple[int, Corrected]], list[Refused]]:
    """Prints, corrections (each with how many prints stand before it) and refused records, in the records' order.

    `symbols` maps record keys to the known symbols.
    """
    prints: list[Print] = []
    corrections: list[tuple[int, Corrected]] = []
    refused: list[Refused] = []
    for record in records:
        try:
            fields = _decode(record.value or b"")
            symbol = symbols[record.key or b""]
            trade = Print(
                parse_timestamp(fields.ts),
                fields.venue_seq,
                record.offset,
                parse_decimal(fields.price),
                parse_decimal(fields.quantity),
                record.timestamp * NANOSECONDS_PER_MILLISECOND,
                symbol,
            )
        except (msgspec.MsgspecError, KeyError, ValueError) as error:
            refused.append(Refused(record, _reason(record, symbols, error)))
            continue
        if fields.symbol != symbol or trade.quantity < 0:
            refused.append(Refused(record, _contradiction(fields, symbol)))
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


def _reason(record: Record, symbols: Mapping[bytes, str], error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"unknown symbol {(record.key or b'').decode(errors='replace')!r}: no instrument has it"
    if record.key not in symbols:
        return f"{error}; and its key {record.key!r} is no known symbol"
    return f"not a trade: {error}"


def _contradiction(fields: _TradeFields, symbol: str) -> str:
    if fields.symbol != symbol:
        return f"the key says {symbol!r} and the value says {fields.symbol!r}"
    return f"a quantity cannot be negative: {fields.quantity}"
