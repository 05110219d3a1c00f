"""CSV lines -> cells by column name, each read by one exact rule, each failure named by line and column."""

import csv
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from streams.feeds.replay.lines import Lines
from streams.feeds.replay.problems import MalformedFile

Value = TypeVar("Value")
Cells = list[str]
Read = Callable[[Cells], Value]


class BadCell(Exception):
    """A cell that its rule refused; the table adds where it stands."""

    def __init__(self, column: str, reason: str, expected: str) -> None:
        super().__init__(reason)
        self.column, self.reason, self.expected = column, reason, expected


class Table:
    """A CSV with a header line. Raises `MalformedFile` for a header without a needed column, a line with more or fewer
    cells than the header, or a text that is not CSV.
    """

    def __init__(self, lines: Lines, needed: Sequence[str]) -> None:
        self._name = lines.name
        self._reader = csv.reader(lines.texts, strict=True)
        header = next(self._rows(), None)
        if header is None:
            raise MalformedFile(self._name, 1, "the file is empty", f"a header line with {', '.join(needed)}")
        self._places = {column.strip(): place for place, column in enumerate(header)}
        self._width = len(header)
        for column in needed:
            if column not in self._places:
                found = f"the header has no such column (it has {', '.join(self._places)})"
                raise MalformedFile(self._name, 1, found, f"a header line with {', '.join(needed)}", column)

    def has(self, column: str) -> bool:
        """Whether the header names `column`."""
        return column in self._places

    def cell(self, column: str, parse: Callable[[str], Value], expected: str) -> Read[Value]:
        """How to read one column of a line; the result raises `BadCell`."""
        place = self._places[column]

        def read(cells: Cells) -> Value:
            try:
                return parse(cells[place])
            except ValueError as error:
                raise BadCell(column, str(error), expected) from None

        return read

    def map(self, make: Callable[[Cells, int], Value]) -> Iterator[Value]:
        """`make(cells, line)` of every line that is not blank."""
        reader, width = self._reader, self._width
        for cells in self._rows():
            if len(cells) != width:
                if not cells:
                    continue
                reason = f"{len(cells)} cells where the header has {width}"
                raise MalformedFile(self._name, reader.line_num, reason, f"{width} cells")
            try:
                yield make(cells, reader.line_num)
            except BadCell as bad:
                raise MalformedFile(self._name, reader.line_num, bad.reason, bad.expected, bad.column) from None

    def _rows(self) -> Iterator[Cells]:
        try:
            yield from self._reader
        except csv.Error as error:
            raise MalformedFile(
                self._name, self._reader.line_num, f"not CSV ({error})", "comma-separated cells"
            ) from None


def constant(value: Value) -> Read[Value]:
    """What every line of a file without such a column says."""
    return lambda _cells: value
