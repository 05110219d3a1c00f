"""Two runs beside each other: the ratios of both, which of them do not agree, and which only one run has.

Ratios of percentiles (p50, p99) are left out, and named: two runs of one machine differ in them by more than any bound that
would still find something. Pure but for reading the runs.
"""

from collections.abc import Mapping, Sequence
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


def left_out(reports: Sequence[Report]) -> list[str]:
    """The ratios of percentiles, by table and column."""
    return sorted({name for report in reports for name in report.not_compared()})


def alone(first: Mapping[str, float], second: Mapping[str, float]) -> list[str]:
    """The ratios that one of the runs has and the other has not."""
    return sorted(first.keys() ^ second.keys())


def compared(first: Mapping[str, float], second: Mapping[str, float], without: Sequence[str] = ()) -> Report:
    """A table of all ratios that both runs have, those that do not agree first; those that one of them has alone, and those
    that are left out (`without`), are named in the notes.
    """
    pairs = [Pair(name, first[name], second[name]) for name in first if name in second]
    apart = [pair for pair in pairs if not pair.agrees]
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
    notes = [f"in one run alone: {name}" for name in alone(first, second)]
    notes += [f"not compared, as it is of percentiles: {name}" for name in without]
    return Report("compared", method, COLUMNS, rows, notes)
