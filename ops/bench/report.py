"""A benchmark's result: a table for people and JSON for machines, from the same rows."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path("ops/bench/results")
Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Report:
    """`rows` are one contender each, cells by column name; `method` says how it was measured so that one can disagree."""

    name: str
    method: str
    columns: Sequence[str]
    rows: Sequence[Mapping[str, Cell]]
    notes: Sequence[str] = field(default_factory=tuple)

    def show(self, console: Console) -> None:
        """Print the table."""
        table = Table(*self.columns, title=self.name, title_justify="left")
        for row in self.rows:
            table.add_row(*(_text(row.get(column)) for column in self.columns))
        console.print(table)
        for line in (self.method, *self.notes):
            console.print(f"  {line}", style="dim", highlight=False)

    def write(self, folder: Path = RESULTS) -> Path:
        """Write the JSON beside the others and return where; the load average tells how quiet the machine was."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "load_average": os.getloadavg()[0]}
        made = {"at": datetime.now(UTC).isoformat(), "machine": machine}
        path.write_text(json.dumps({**made, **asdict(self)}, indent=1))
        return path


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:,.2f}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else cell
