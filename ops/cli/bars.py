"""`omniaxs bars build`: bars of a recorded trade file, in the columns that the recorded data's expected bars have."""

import csv
import json
import sys
from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console

from ops.cli.recorded import COLUMNS_HELP, EXIT_NO_INPUT, FORMATS_HELP, planned_file
from ops.cli.recorded_bars import FileBars, bars_of_file
from ops.processes.commands.port import EXIT_DATA
from ops.runtime.clock import milliseconds
from storage.models.bars import BarDocument
from storage.models.market_data import Timeframe
from streams.feeds.replay.problems import MalformedFile, UnreadableFile
from streams.feeds.replay.recorded_file import RecordedFile
from streams.feeds.replay.session_filter import SessionName

application = typer.Typer(no_args_is_help=True)
EXIT_NO_TRADES = 2
EXIT_CANNOT_CREATE = 73
_FIELDS = ("bar_start_ms", "open", "high", "low", "close", "volume", "notional", "trades")
_errors = Console(stderr=True, soft_wrap=True)


@application.callback()
def group() -> None:
    """Bars of recorded trades."""


@application.command()
def build(
    file: Path = typer.Argument(help="A recorded trade file, gzip or plain."),
    file_format: str | None = typer.Option(None, "--format", help=FORMATS_HELP),
    timeframe: Timeframe = typer.Option(..., help="1d is by the file's own calendar dates."),
    session: SessionName | None = typer.Option(None, help="rth: only 09:30 <= t < 16:00 New York."),
    columns: str | None = typer.Option(None, help=COLUMNS_HELP),
    output: Path | None = typer.Option(None, help="Write here instead of standard output."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object a bar instead of CSV."),
) -> None:
    """Print the bars of a file.

    Exit codes: 2 it holds no trades; 65 it is malformed or breaks off (the bars of what came before are printed);
    66 it cannot be opened; 73 the output cannot be written.
    """
    recorded = planned_file(file, file_format, columns).recorded()
    if not recorded.format.has_trades and file.is_file():
        _refuse(f"{file}: a file of the format {recorded.format.name} holds no trades, so no bars", EXIT_NO_TRADES)
    found = _computed(recorded, timeframe, session)
    if found.bars:
        column = _symbol_column(recorded, found.bars)
        _write(_as_json(found.bars, column) if as_json else _as_csv(found.bars, column), output)
    if found.fault is not None:
        _refuse(str(found.fault), EXIT_DATA)
    if not found.bars:
        _refuse(f"{file}: no trades, so no bars{_left_out(found)}", EXIT_NO_TRADES)


def _computed(file: RecordedFile, timeframe: Timeframe, session: SessionName | None) -> FileBars:
    try:
        with _errors.status(f"reading {file.path.name}") as status:
            return bars_of_file(file, timeframe, session, _shower(file, status.update))
    except MalformedFile as error:
        _refuse(str(error), EXIT_DATA)
    except UnreadableFile as error:
        _refuse(str(error), EXIT_NO_INPUT)


def _shower(file: RecordedFile, update: Callable[[str], None]) -> Callable[[int], None]:
    return lambda trades: update(f"reading {file.path.name}: {trades:,} trades")


def _symbol_column(file: RecordedFile, bars: list[BarDocument]) -> str | None:
    """The first column's name: of formats that hold several symbols, and of files that do."""
    several = any(bar.symbol != bars[0].symbol for bar in bars)
    return file.format.symbol_column or ("symbol" if several else None)


def _cells(bar: BarDocument, symbol_column: str | None) -> list[str | int]:
    cells: list[str | int] = [bar.symbol] if symbol_column else []
    cells += [milliseconds(bar.start), bar.open, bar.high, bar.low, bar.close, bar.volume, bar.notional, bar.trades]
    return cells


def _names(symbol_column: str | None) -> tuple[str, ...]:
    return (symbol_column, *_FIELDS) if symbol_column else _FIELDS


def _as_csv(bars: Iterable[BarDocument], symbol_column: str | None) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_names(symbol_column))
    writer.writerows(_cells(bar, symbol_column) for bar in bars)
    return text.getvalue()


def _as_json(bars: Iterable[BarDocument], symbol_column: str | None) -> str:
    names = _names(symbol_column)
    rows = (dict(zip(names, _cells(bar, symbol_column), strict=True)) for bar in bars)
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        _refuse(f"{output}: {(error.strerror or str(error)).lower()}", EXIT_CANNOT_CREATE)


def _left_out(found: FileBars) -> str:
    counts = {"corrected": found.reading.corrected, "outside the session": found.reading.outside_session}
    said = ", ".join(f"{name}: {count}" for name, count in counts.items() if count)
    return f" ({said})" if said else ""


def _refuse(text: str, exit_code: int) -> NoReturn:
    _errors.print(text, style="red", highlight=False, markup=False)
    raise typer.Exit(exit_code)
