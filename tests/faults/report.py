"""What was killed when and what the invariants said: a line of JSON for each injection, and one table by fault.

The folder is `FAULTS_REPORT`, else a new one for each run of pytest (tests/faults/conftest.py).
"""

import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

FOLDER = "FAULTS_REPORT"
Kind = Literal["lost", "doubled", "unanswered", "otherwise"]
EXAMPLES = 10
KINDS: tuple[Kind, ...] = ("lost", "doubled", "unanswered", "otherwise")


class Wrong(NamedTuple):
    """One promise that was not kept."""

    kind: Kind
    what: str


@dataclass(slots=True)
class Injection:
    """One fault that was put into running services. `silence` is the longest time (s) in which nobody was answered, `began` when
    it was put there (monotonic).
    """

    fault: str
    target: str = ""
    seconds: float = 0.0
    at: str = ""
    beside: str | None = None
    silence: float | None = None
    began: float = 0.0
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Round:
    """The injections between two looks at the invariants, and what these said."""

    series: str
    seed: object
    number: int = 0
    injections: list[Injection] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)

    def add(self, fault: str, target: str = "", seconds: float = 0.0) -> Injection:
        """One that begins now."""
        return self.note(Injection(fault, target, round(seconds, 2)))

    def note(self, one: Injection) -> Injection:
        """It begins now."""
        one.began = time.monotonic()
        one.at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.injections.append(one)
        return one

    def examples(self) -> list[str]:
        """Some broken promises of each kind."""
        of_kinds = [[f"{kind}: {one.what}" for one in self.wrong if one.kind == kind][:EXAMPLES] for kind in KINDS]
        return [example for examples in of_kinds for example in examples]

    def write(self) -> None:
        """Append its lines to the report, if there is one."""
        if not (folder := os.environ.get(FOLDER)):
            return
        said = Counter(one.kind for one in self.wrong)
        with (Path(folder) / f"{self.series}-{os.getpid()}.jsonl").open("a") as lines:
            for number, one in enumerate(self.injections, 1):
                line = {
                    "at": one.at, "run": os.getpid(), "series": self.series, "seed": self.seed, "round": self.number, "number": number,
                    "fault": one.fault, "target": one.target, "seconds": one.seconds, "beside": one.beside,
                    "silence": one.silence, **one.more, **{kind: said[kind] for kind in KINDS},
                    "wrong": self.examples(),
                }  # fmt: skip
                lines.write(json.dumps(line) + "\n")


@contextmanager
def reported(series: str, seed: object, number: int = 0) -> Iterator[Round]:
    """A round whose lines are written at its end. What ended it before everything was looked at stands in them: it has kept
    no promise that nobody has looked at.
    """
    found = Round(series, seed, number)
    try:
        yield found
    except BaseException as error:
        found.wrong.append(Wrong("otherwise", f"{type(error).__name__}: {error}"[:500]))
        raise
    finally:
        found.write()


def leave_out(fault: str, why: str) -> None:
    """Say in the report that a fault cannot be put into anything here."""
    if folder := os.environ.get(FOLDER):
        with (Path(folder) / f"{os.getpid()}.left-out").open("a") as lines:
            lines.write(f"{fault}: {why}\n")


def left_out(folder: Path) -> list[str]:
    """The faults that were left out, each once, and why."""
    lines = (line for file in sorted(folder.glob("*.left-out")) for line in file.read_text().splitlines())
    return list(dict.fromkeys(lines))


def read(folder: Path) -> list[dict[str, Any]]:
    """Every line of a report."""
    return [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()]


def table(lines: Iterable[Mapping[str, Any]]) -> str:
    """By fault: how often, and what the invariants said of the rounds that it had a part in.

    What a round said counts once for each fault in it, and once in the last row.
    """
    by_fault: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        by_fault[line["fault"]].append(line)
    rows = [_row(fault, of_fault) for fault, of_fault in sorted(by_fault.items())]
    everything = [line for of_fault in by_fault.values() for line in of_fault]
    head = ("fault", "injections", "in pairs", *KINDS, "longest silence")
    return "\n".join(_laid_out([head, *rows, _row("all", everything)]))


def _row(name: str, lines: list[Mapping[str, Any]]) -> tuple[str, ...]:
    rounds = {(line["run"], line["series"], str(line["seed"]), line["round"]): line for line in lines}.values()
    silences = [line["silence"] for line in lines if line["silence"] is not None]
    return (
        name,
        f"{len(lines):,}",
        f"{sum(line['beside'] is not None for line in lines):,}",
        *(f"{sum(line[kind] for line in rounds):,}" for kind in KINDS),
        f"{max(silences):.1f} s" if silences else "-",
    )


def _laid_out(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join([first, *others])
