"""A recorded file with its format: where its rows come from, and whose they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from streams.feeds.replay.fields import midnight_of, midnight_of_name
from streams.feeds.replay.formats import FileFormat
from streams.feeds.replay.lines import lines_of
from streams.feeds.replay.problems import MalformedFile
from streams.feeds.replay.reading import Reading
from streams.feeds.replay.rows import Row


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """`day` is the date of a file whose times are since midnight; None takes it from the file's name."""

    path: Path
    format: FileFormat
    day: date | None = None

    def reading(self, *, sequence_base: int = 0, skew: int = 0) -> Reading:
        """A new reading of this file, for `rows`."""
        midnight = midnight_of(self.day) if self.day else midnight_of_name(self.path.name)
        return Reading(symbol_in_name(self.path.name), midnight, sequence_base, skew)

    def rows(self, reading: Reading) -> Iterator[Row]:
        """The rows in file order. Raises `UnreadableFile` at once, `MalformedFile` at the line that cannot be read."""
        return self.format.read(lines_of(self.path), reading)

    def symbols(self) -> tuple[str, ...]:
        """The source symbols that it holds, sorted: reads the whole file where the rows name them.

        A file that breaks off holds those before the break; what is wrong with it is said when it is read.
        """
        reading = self.reading()
        if not self.format.names_symbols:
            return (reading.symbol,)
        held: set[str] = set()
        try:
            for row in self.rows(reading):
                held.add(row.symbol)
        except MalformedFile:
            if not held:
                raise
        return tuple(sorted(held))


def symbol_in_name(name: str) -> str:
    """Whose rows a file holds that does not say: the part of its name before the date, else all before the first dot.

    `oanda_eurusd_20140506.quotes.csv.gz` -> `EURUSD`, `my-ticks.csv` -> `MY-TICKS`.
    """
    stem = name.partition(".")[0]
    parts = stem.split("_")
    for before, part in pairwise(parts):
        if midnight_of_name(part) is not None:
            return before.upper()
    return stem.upper()
