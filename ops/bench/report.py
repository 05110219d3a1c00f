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
        table = Table(*self.columns, title=self.name, caption=self.method, caption_justify="left")
        for row in self.rows:
            table.add_row(*(_text(row.get(column)) for column in self.columns))
        console.print(table)
        for note in self.notes:
            console.print(f"  {note}")

    def write(self) -> Path:
        """Write the JSON beside the others and return where."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        path = RESULTS / f"{self.name}.json"
        made = {"at": datetime.now(UTC).isoformat(), "python": platform.python_version(), "cpus": os.cpu_count()}
        path.write_text(json.dumps({**made, **asdict(self)}, indent=1))
        return path


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:,.2f}" if isinstance(cell, float) else str(cell)
