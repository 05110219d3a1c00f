"""Reads instruments out of YAML and CSV files; what is wrong in one is told by file, line, field, why and what is right."""

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from storage.models.instruments import ASSET_CLASSES, Instrument, decimal_places

_LOADER: Final[type[Any]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DECIMAL = "a plain decimal such as 0.01"
_EXPECTED: Final[Mapping[str, str]] = {
    "symbol": "CODE.SUFFIX in capitals, such as AAPL.US",
    "venue": "the venue's MIC (XNYS), else its name (BINANCE)",
    "asset_class": "one of " + ", ".join(ASSET_CLASSES),
    "calendar": "the name of a calendar, such as XNYS or 24/7",
    "currency": "the currency of its prices, such as USD",
    "status": "active or halted",
    "shortable": "true or false",
    "tradable": "true or false",
    "price_precision": "a whole number from 0 to 12, or nothing (then as tick_size has it)",
    "qty_precision": "a whole number from 0 to 12, or nothing (then as lot_size has it)",
    "stale_after_seconds": "a whole number of seconds, 1 or more",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place of a file."""

    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.field}: {self.reason}" if self.field else f"line {self.line}: {self.reason}"


class MalformedReferenceFile(Exception):
    """A file of reference data cannot be taken; nothing of it was. `problems` are all that was found, in file order."""

    def __init__(self, path: Path, problems: Iterable[Problem]) -> None:
        self.path, self.problems = path, tuple(problems)
        super().__init__("\n".join(f"{path}: {problem}" for problem in self.problems))


@dataclass(frozen=True, slots=True)
class _Row:
    """One instrument as text, with the line of each field."""

    line: int
    cells: Mapping[str, str]
    lines: Mapping[str, int]

    def problem(self, field: str, reason: str) -> Problem:
        return Problem(self.lines.get(field, self.line), field, reason)


def read_instruments(path: Path, calendars: Collection[str] | None = None) -> list[Instrument]:
    """The instruments of a `.yaml`/`.yml` file (`instruments:` and a list) or a `.csv` file (columns named as the fields).

    Precisions that are left out follow from tick and lot size. With `calendars`, only those names may be used.
    Raises `MalformedReferenceFile` with every problem found, `OSError` for a file that cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise MalformedReferenceFile(path, [Problem(1, "", f"not UTF-8 text: {error.reason}")]) from None
    readers = {".csv": _csv_rows, ".yaml": _yaml_rows, ".yml": _yaml_rows}
    if path.suffix.lower() not in readers:
        raise MalformedReferenceFile(path, [Problem(1, "", "not a .yaml, .yml or .csv file by its name")])
    try:
        rows = list(readers[path.suffix.lower()](text))
    except _Unreadable as error:
        raise MalformedReferenceFile(path, [error.problem]) from None
    instruments, problems = _instruments(rows, calendars)
    if not rows:
        problems.append(Problem(1, "", "there is no instrument in it"))
    if problems:
        raise MalformedReferenceFile(path, sorted(problems, key=lambda problem: problem.line))
    return instruments


class _Unreadable(Exception):
    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.problem = Problem(line, "", reason)


def _csv_rows(text: str) -> Iterator[_Row]:
    lines = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        header = [name.strip() for name in next(lines, [])]
        _check_header(header)
        for cells in lines:
            if not any(cells):
                continue
            if len(cells) != len(header):
                raise _Unreadable(
                    lines.line_num, f"{len(cells)} cells, but the header line names {len(header)} columns"
                )
            named = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()}
            yield _Row(lines.line_num, named, {})
    except csv.Error as error:
        raise _Unreadable(lines.line_num, f"not CSV: {error}") from None


def _check_header(header: list[str]) -> None:
    unknown = [name for name in header if name not in Instrument.model_fields]
    if unknown or not header:
        found = f"no such column: {', '.join(unknown)}" if unknown else "there is no header line"
        raise _Unreadable(1, f"{found}; the columns are {', '.join(Instrument.model_fields)}")
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise _Unreadable(1, f"these columns stand there twice: {', '.join(sorted(twice))}")


def _yaml_rows(text: str) -> Iterator[_Row]:
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _Unreadable(line, f"not YAML: {error.problem}") from None
    listed = dict(_pairs(root)).get("instruments") if isinstance(root, yaml.MappingNode) else None
    if not isinstance(listed, yaml.SequenceNode):
        raise _Unreadable(1, "the file must have `instruments:` and a list under it")
    for node in listed.value:
        if not isinstance(node, yaml.MappingNode):
            raise _Unreadable(_line(node), "an instrument is a mapping of fields, such as {symbol: AAPL.US, ...}")
        cells = dict(_pairs(node))
        for name, cell in cells.items():
            if not isinstance(cell, yaml.ScalarNode):
                raise _Unreadable(_line(cell), f"{name} must be a single value")
        yield _Row(
            _line(node),
            {name: cell.value for name, cell in cells.items()},
            {name: _line(cell) for name, cell in cells.items()},
        )


def _pairs(mapping: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node]]:
    """Fields of a mapping, those that come by a merge key (`<<`) first, so that its own win."""
    for key, value in mapping.value:
        if key.value == "<<":
            for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                yield from _pairs(merged)
    yield from ((key.value, value) for key, value in mapping.value if key.value != "<<")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _instruments(rows: Iterable[_Row], calendars: Collection[str] | None) -> tuple[list[Instrument], list[Problem]]:
    instruments: list[Instrument] = []
    problems: list[Problem] = []
    first_lines: dict[str, int] = {}
    for row in rows:
        try:
            instrument = Instrument.model_validate(_with_precisions(row.cells))
        except ValidationError as error:
            problems.extend(_problems(row, error))
            continue
        if instrument.symbol in first_lines:
            problems.append(
                row.problem("symbol", f"{instrument.symbol} stands on line {first_lines[instrument.symbol]} too")
            )
        first_lines.setdefault(instrument.symbol, row.line)
        if calendars is not None and instrument.calendar not in calendars:
            names = ", ".join(sorted(calendars))
            problems.append(row.problem("calendar", f"no such calendar: {instrument.calendar!r}; there are {names}"))
        instruments.append(instrument)
    return instruments, problems


def _with_precisions(cells: Mapping[str, str]) -> dict[str, str]:
    complete = dict(cells)
    for precision, step in (("price_precision", "tick_size"), ("qty_precision", "lot_size")):
        if precision not in complete and step in complete:
            try:
                complete[precision] = str(decimal_places(Decimal(complete[step])))
            except InvalidOperation:
                complete[precision] = "0"  # the step itself is refused, by its own name
    return complete


def _problems(row: _Row, error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False):
        if not detail["loc"]:  # a rule over several fields; its text begins with the field's name
            field, _, reason = detail["msg"].removeprefix("Value error, ").partition(" ")
            yield row.problem(field, reason)
            continue
        field = str(detail["loc"][0])
        if detail["type"] == "extra_forbidden":
            yield row.problem(field, f"no such field; the fields are {', '.join(Instrument.model_fields)}")
        elif detail["type"] == "missing":
            yield row.problem(field, f"is missing; expected {_EXPECTED.get(field, _DECIMAL)}")
        else:
            yield row.problem(field, f"{row.cells.get(field)!r} is not {_EXPECTED.get(field, _DECIMAL)}")
