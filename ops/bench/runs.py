"""What is done with runs that were kept: `compare` two of them, `markdown` and `picture`; and `soak`, which keeps one."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from ops.bench.comparing import alone, compared, left_out, ratios_of, reports_of
from ops.bench.documenting import BEGIN, END, replaced, told
from ops.bench.picture import draw as draw_run
from ops.bench.report import RESULTS, Report
from ops.bench.soak.outcome import Outcome
from ops.bench.soak.picture import draw
from ops.bench.soak.plan import Plan, ServicesMissing, addresses
from ops.bench.soak.run import soak as run_soak

SUMMARY: Final = "summary.png"
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
    """The cluster profile with everything running under load on real services; ends with 1 where a series grows, a process died, or
    clients saw what a sound run does not bring.
    """
    console = Console(width=160)
    kept = folder or RESULTS / datetime.now(UTC).strftime("soak-%Y-%m-%dT%H-%M-%S")
    try:
        where = addresses()
    except ServicesMissing as missing:
        raise typer.BadParameter(str(missing)) from None
    plan = Plan(60 * minutes, orders=orders, subscribers=subscribers)
    outcome = run_soak(plan, where, kept, lambda text: console.print(text, highlight=False, markup=False))
    _tell(outcome, kept, console)
    if outcome.failed:
        raise typer.Exit(1)


@application.command("compare")
def compare(
    first: Annotated[Path, typer.Argument(help="The folder of a run.")],
    second: Annotated[Path, typer.Argument(help="The folder of another one.")],
) -> None:
    """The ratios of two runs beside each other, but for those of p50 and p99; ends with 1 where some differ by more than 20 % or
    are in one run alone.
    """
    runs = _reports(first), _reports(second)
    ratios = ratios_of(runs[0]), ratios_of(runs[1])
    report = compared(*ratios, left_out([*runs[0], *runs[1]]))
    report.show(Console(width=160))
    if alone(*ratios) or any(row["agrees"] != "yes" for row in report.rows):
        raise typer.Exit(1)


@application.command("markdown")
def markdown(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    into: Annotated[Path | None, typer.Option(help=f"A page that has the lines {BEGIN} and {END}.")] = None,
) -> None:
    """The tables of a run as documentation has them; with `--into` between the two marks of a page."""
    tables = told(_reports(run))
    if into is None:
        print(tables)
        return
    try:
        into.write_text(replaced(into.read_text(), tables))
    except ValueError as problem:
        raise typer.BadParameter(f"{into}: {problem}") from None


@application.command("picture")
def picture(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    to: Annotated[Path | None, typer.Option(help="A PNG or SVG file; default: summary.png beside the tables.")] = None,
) -> None:
    """One picture of a run."""
    path = to or run / SUMMARY
    draw_run(_reports(run), path, f"Benchmarks, run {run.name}")
    print(path)


def _reports(folder: Path) -> list[Report]:
    try:
        return reports_of(folder)
    except FileNotFoundError as missing:
        raise typer.BadParameter(str(missing)) from None


def _tell(outcome: Outcome, folder: Path, console: Console) -> None:
    for report in outcome.reports():
        report.show(console)
        report.write(folder)
    draw(outcome, folder / "soak.png")
    console.print(f"the plot, the JSON and every sample: {folder}/")
