"""The files of one replay, made ready to be merged: own symbols only, in UTC, ids that do not clash."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from streams.feeds.replay.reading import Reading
from streams.feeds.replay.recorded_file import RecordedFile
from streams.feeds.replay.recorder_clock import recorder_skew
from streams.feeds.replay.rows import Row
from streams.feeds.replay.session_filter import SessionName, regular_hours
from streams.feeds.replay.wall_time import utc_of

LINES_OF_A_FILE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ReplaySource:
    """A file and the platform symbols that its source symbols are published as; others are left out and counted."""

    file: RecordedFile
    symbols: Mapping[str, str]


def readings_of(sources: Sequence[ReplaySource]) -> list[Reading]:
    """A new reading of each file.

    Where several files give trades of one symbol without ids, the lines of the second count from 1,000,000,000, of the
    third from 2,000,000,000: a line must not stand for two trades. Quotes without exchange time take their recorder's
    clock, set right by the trades of the same symbol where those are replayed too.
    """
    return [
        source.file.reading(sequence_base=_sequence_base(sources[:place], source), skew=_skew(sources, source))
        for place, source in enumerate(sources)
    ]


def rows_of(source: ReplaySource, reading: Reading, session: SessionName | None) -> Iterator[Row]:
    """The rows to publish, under their platform symbols and in UTC."""
    rows = source.file.rows(reading)
    if session:
        rows = regular_hours(rows, source.file.format, reading)
    zone, symbols = source.file.format.local_zone, source.symbols
    for row in rows:
        symbol = symbols.get(row.symbol)
        if symbol is None:
            reading.unmapped += 1
        else:
            yield msgspec.structs.replace(row, symbol=symbol, ts=utc_of(row.ts, zone) if zone else row.ts)


def _sequence_base(earlier: Sequence[ReplaySource], source: ReplaySource) -> int:
    if source.file.format.has_sequence:
        return 0
    own = set(source.symbols.values())
    return LINES_OF_A_FILE * sum(
        other.file.format.has_trades and not own.isdisjoint(other.symbols.values()) for other in earlier
    )


def _skew(sources: Sequence[ReplaySource], source: ReplaySource) -> int:
    if source.file.format.name != "binance-quotes":
        return 0
    own = set(source.symbols.values())
    for other in sources:
        if other.file.format.name == "binance" and not own.isdisjoint(other.symbols.values()):
            return recorder_skew(other.file)
    return 0
