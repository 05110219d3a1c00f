"""A benchmark's result: a table for people and JSON for machines, from the same rows."""

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

RESULTS = Path("ops/bench/results")
RATIO: Final = " / "
"""A column whose name holds this is a ratio: what two runs are compared by, unless it is one of percentiles."""
_PERCENTILES: Final = ("p50", "p99")
Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Report:
    """`rows` are one contender each, cells by column name; `method` says how it was measured so that one can disagree. The
    first `keys` columns name a row, as does every other text in it.
    """

    name: str
    method: str
    columns: Sequence[str]
    rows: Sequence[Mapping[str, Cell]]
    notes: Sequence[str] = field(default_factory=tuple)
    keys: int = 1
    at: str = ""
    machine: Mapping[str, Cell] = field(default_factory=dict)

    def show(self, console: Console) -> None:
        """Print the table."""
        table = Table(*self.columns, title=self.name, title_justify="left")
        for row in self.rows:
            table.add_row(*(text_of(row.get(column)) for column in self.columns))
        console.print(table)
        for line in (self.method, *self.notes):
            console.print(f"  {line}", style="dim", highlight=False)

    def markdown(self) -> str:
        """The table as documentation has it, under its name and before its method."""
        of_text = [all(isinstance(row.get(column), str) for row in self.rows) for column in self.columns]
        lines = [self.columns, ["---" if text else "---:" for text in of_text]]
        lines += [[text_of(row.get(column)).replace("\n", " ") for column in self.columns] for row in self.rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return "\n\n".join([f"### {self.name}", table, self.method, *self.notes])

    def ratios(self) -> Iterator[tuple[str, float]]:
        """Each ratio under the names of its row and column. Those that are 1 by definition are left out."""
        for row in self.rows:
            for column in self.columns:
                cell = row.get(column)
                if RATIO in column and not _of_percentiles(column) and isinstance(cell, float) and cell != 1.0:
                    yield f"{self.name}: {self.named(row)}: {column}", cell

    def not_compared(self) -> Iterator[str]:
        """The ratios that `ratios` leaves out as a whole: those of percentiles, under the name of their column."""
        for column in self.columns:
            if RATIO in column and _of_percentiles(column):
                yield f"{self.name}: {column}"

    def named(self, row: Mapping[str, Cell]) -> str:
        """What tells the row from the others: its keys, and whatever else is text."""
        keys, others = self.columns[: self.keys], self.columns[self.keys :]
        named = [f"{text_of(row.get(key))}{'' if isinstance(row.get(key), str) else f' {key}'}" for key in keys]
        return ", ".join([*named, *(cell for cell in map(row.get, others) if isinstance(cell, str))])

    def write(self, folder: Path = RESULTS) -> Path:
        """Write the JSON beside the others and return where; the load average tells how quiet the machine was."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "load_average": os.getloadavg()[0]}
        made = {"at": datetime.now(UTC).isoformat(), "machine": machine}
        path.write_text(json.dumps({**asdict(self), **made}, indent=1))
        return path


def _of_percentiles(column: str) -> bool:
    """Latencies are the scheduler's where a machine is not quiet; what CPU costs is not."""
    return any(percentile in column for percentile in _PERCENTILES)


def read_report(path: Path) -> Report:
    """A report that was written."""
    kept: dict[str, Any] = json.loads(path.read_text())
    return Report(**{name: kept[name] for name in Report.__slots__ if name in kept})


def text_of(cell: Cell) -> str:
    """As tables show it: two digits after the point, of small numbers as many as tell them apart."""
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.2f}" if abs(cell) >= 0.1 or cell == 0 else f"{cell:.2g}"
    return f"{cell:,}" if isinstance(cell, int) else cell
