"""`python -m ops.bench [NAME ...] [--quick]`: runs the benchmarks, prints their tables, writes JSON and a picture.

Beside it `compare`, `markdown` and `picture` read what runs have written, and `soak` is the long one.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from ops.bench import (
    bars,
    connections,
    decisions,
    fanout,
    flood,
    halts,
    latency,
    login_timing,
    orders,
    recovery,
    rest,
    slow_reader,
    streams,
)
from ops.bench.comparing import reports_of
from ops.bench.picture import draw
from ops.bench.report import RESULTS, Report
from ops.bench.runs import SUMMARY, application
from ops.bench.scale import FULL, QUICK, Scale

BENCHMARKS: dict[str, Callable[[Scale], Iterable[Report]]] = {
    "fan-out": fanout.benchmark,
    "rest": rest.benchmark,
    "bars": bars.benchmark,
    "streams": streams.benchmark,
    "decisions": decisions.benchmark,
    "recovery": recovery.benchmark,
    "orders": orders.benchmark,
    "halts": halts.benchmark,
    "latency": latency.benchmark,
    "connections": connections.benchmark,
    "slow-reader": slow_reader.benchmark,
    "flood": flood.benchmark,
    "login-timing": login_timing.benchmark,
}
RUN: Final = "run"


@application.command(RUN)
def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(BENCHMARKS)}; all without any.")] = None,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="One short round of each: a glance, no figures to keep.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Where the run is kept; default: by the time of its start.")
    ] = None,
) -> None:
    """Run benchmarks: the naive way, ours and a peer in one run. Ends with 0 whatever the figures are."""
    unknown = sorted(set(names or ()) - set(BENCHMARKS))
    if unknown:
        raise typer.BadParameter(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    console = Console(width=120)
    kept = folder or RESULTS / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    console.print(f"{os.cpu_count()} CPUs, load average {os.getloadavg()[0]:.2f} before the first benchmark")
    for name in names or BENCHMARKS:
        started = time.monotonic()
        for report in BENCHMARKS[name](QUICK if quick else FULL):
            report.show(console)
            report.write(kept)
        console.print(f"[dim]{name}: {time.monotonic() - started:.0f} s, load average {os.getloadavg()[0]:.2f}[/]\n")
    draw(reports_of(kept), kept / SUMMARY, f"Benchmarks, run {kept.name}")
    console.print(f"JSON of each table, and {SUMMARY}: {kept}/")


def words(given: Sequence[str]) -> list[str]:
    """The command that is meant: `run` where none is named."""
    known = {command.name for command in application.registered_commands}
    return list(given) if given[:1] and given[0] in {*known, "--help"} else [RUN, *given]


if __name__ == "__main__":
    application(words(sys.argv[1:]))
