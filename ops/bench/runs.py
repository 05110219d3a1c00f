"""What is done with runs that were kept: `compare` two of them, their `markdown`; and `soak`, which keeps one."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ops.bench.report import RESULTS
from ops.bench.soak.outcome import Outcome
from ops.bench.soak.picture import draw
from ops.bench.soak.plan import Plan, ServicesMissing, addresses
from ops.bench.soak.run import soak as run_soak

application = typer.Typer(no_args_is_help=True, add_completion=False)


@application.command("soak")
def soak(
    minutes: Annotated[float, typer.Option(help="For how long the load goes on.")] = 60.0,
    orders: Annotated[float, typer.Option(help="Orders a second.")] = Plan(0).orders,
    subscribers: Annotated[int, typer.Option(help="WebSockets of market data at each gateway.")] = Plan(0).subscribers,
    folder: Annotated[
        Path | None, typer.Option(help="Where the run is kept; default: by the time of its start.")
    ] = None,
) -> None:
    """The cluster profile with everything running under load on real services; ends with 1 where a series grows or a process died."""
    console = Console(width=160)
    kept = folder or RESULTS / datetime.now(UTC).strftime("soak-%Y-%m-%dT%H-%M-%S")
    try:
        where = addresses()
    except ServicesMissing as missing:
        raise typer.BadParameter(str(missing)) from None
    plan = Plan(60 * minutes, orders=orders, subscribers=subscribers)
    outcome = run_soak(plan, where, kept, lambda text: console.print(text, highlight=False, markup=False))
    _tell(outcome, kept, console)
    if outcome.deaths or any(one.grows for one in outcome.verdicts()):
        raise typer.Exit(1)


def _tell(outcome: Outcome, folder: Path, console: Console) -> None:
    for report in outcome.reports():
        report.show(console)
        report.write(folder)
    draw(outcome, folder / "soak.png")
    console.print(f"the plot, the JSON and every sample: {folder}/")
