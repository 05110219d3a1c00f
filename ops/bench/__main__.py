"""`python -m ops.bench [NAME ...] [--quick]`: runs the benchmarks, prints their tables, writes their JSON."""

import os
import time
from collections.abc import Callable, Iterable
from typing import Annotated

import typer
from rich.console import Console

from ops.bench import bars, connections, decisions, fanout, halts, latency, login_timing, orders, rest, slow_reader
from ops.bench.report import RESULTS, Report
from ops.bench.scale import FULL, QUICK, Scale

BENCHMARKS: dict[str, Callable[[Scale], Iterable[Report]]] = {
    "fan-out": fanout.benchmark,
    "rest": rest.benchmark,
    "bars": bars.benchmark,
    "decisions": decisions.benchmark,
    "orders": orders.benchmark,
    "halts": halts.benchmark,
    "latency": latency.benchmark,
    "connections": connections.benchmark,
    "slow-reader": slow_reader.benchmark,
    "login-timing": login_timing.benchmark,
}


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(BENCHMARKS)}; all without any.")] = None,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="One short round of each: a glance, no figures to keep.")
    ] = False,
) -> None:
    """Run benchmarks: the naive way, ours and a peer in one run. Ends with 0 whatever the figures are."""
    unknown = sorted(set(names or ()) - set(BENCHMARKS))
    if unknown:
        raise typer.BadParameter(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    console = Console(width=120)
    console.print(f"{os.cpu_count()} CPUs, load average {os.getloadavg()[0]:.2f} before the first benchmark")
    for name in names or BENCHMARKS:
        started = time.monotonic()
        for report in BENCHMARKS[name](QUICK if quick else FULL):
            report.show(console)
            report.write()
        console.print(f"[dim]{name}: {time.monotonic() - started:.0f} s, load average {os.getloadavg()[0]:.2f}[/]\n")
    console.print(f"JSON of each table: {RESULTS}/")


if __name__ == "__main__":
    typer.run(main)
