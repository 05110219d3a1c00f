"""Two runs beside each other: every ratio of both, and which of them do not agree. Pure but for reading the runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.bench.report import Report, read_report

AGREE_WITHIN: Final = 0.20
COLUMNS: Final = ("ratio", "first", "second", "apart, %", "agrees")


@dataclass(frozen=True, slots=True)
class Pair:
    """One ratio in two runs."""

    name: str
    first: float
    second: float

    @property
    def apart(self) -> float:
        """By what part of the smaller one they differ."""
        smaller, larger = sorted((abs(self.first), abs(self.second)))
        return larger / smaller - 1 if smaller else float("inf")

    @property
    def agrees(self) -> bool:
        """Whether they differ by at most 20 %."""
        return self.apart <= AGREE_WITHIN


def reports_of(folder: Path) -> list[Report]:
    """Of a run, in the order of their names. Raises `FileNotFoundError` where there are none."""
    found = [read_report(path) for path in sorted(folder.glob("*.json"))]
    if not found:
        raise FileNotFoundError(f"{folder} holds no run: there is no JSON of a table in it")
    return found


def ratios_of(reports: list[Report]) -> dict[str, float]:
    """By name of the table, row and column."""
    return {name: ratio for report in reports for name, ratio in report.ratios()}


def compared(first: Mapping[str, float], second: Mapping[str, float]) -> Report:
    """A table of all ratios that both runs have, those that do not agree first; the others are named in the notes."""
    pairs = [Pair(name, first[name], second[name]) for name in first if name in second]
    apart = [pair for pair in pairs if not pair.agrees]
    only = sorted({*first, *second} - {pair.name for pair in pairs})
    rows = [
        {
            "ratio": pair.name,
            "first": pair.first,
            "second": pair.second,
            "apart, %": 100 * pair.apart,
            "agrees": "yes" if pair.agrees else "NO",
        }
        for pair in sorted(pairs, key=lambda pair: pair.agrees)
    ]
    method = f"{len(pairs)} ratios, {len(apart)} of them differ by more than {100 * AGREE_WITHIN:.0f} %"
    return Report("compared", method, COLUMNS, rows, [f"in one run alone: {name}" for name in only])
