"""`omniaxs halt`: the kill switch."""

from typing import Any

import typer
from rich.console import Console

from ops.cli.platform_command import run_command

application = typer.Typer(no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object a line.")
_console = Console(soft_wrap=True, highlight=False, markup=False)


@application.command("list")
def list_halts(
    every: bool = typer.Option(False, "--all", help="Those that were lifted too."), as_json: bool = _JSON
) -> None:
    """List the halts in force."""
    run_command("halts.list", {"lifted": every}, _show, as_json=as_json)


@application.command("set")
def set_halt(
    scope: str = typer.Option(..., help="platform, venue, tenant, account, strategy or symbol."),
    target: str = typer.Option(
        "", help="Which one: XNAS, ten_..., acc_..., acc_.../STRATEGY, AAPL.US; none for the platform."
    ),
    level: str = typer.Option("halted", help="reducing (only what reduces a position) or halted (only cancels)."),
    reason: str = typer.Option("", help="Shown with the halt."),
    as_json: bool = _JSON,
) -> None:
    """Halt trading, and wait until every owner of orders applies it; exit code 75 when some do not within 2 s."""
    arguments = {"scope": scope, "target": target, "level": level, "reason": reason}
    run_command("halts.set", arguments, _show_outcome, as_json=as_json)


@application.command()
def lift(halt_id: str, as_json: bool = _JSON) -> None:
    """End a halt, and wait as `set` does."""
    run_command("halts.lift", {"halt_id": halt_id}, _show_outcome, as_json=as_json)


def _show(halt: dict[str, Any]) -> None:
    what = " ".join(part for part in (halt["scope"], halt["target"]) if part)
    level = "lifted" if halt["lifted"] else halt["level"]
    _console.print(f"{halt['halt_id']}  {what}  {level}  since {halt['changed_at']}  {halt['reason']}".rstrip())


def _show_outcome(outcome: dict[str, Any]) -> None:
    _console.print(f"halt: {outcome['halt_id']}{' (lifted)' if outcome['lifted'] else ''}")
    if outcome["applied_ms"] is not None:
        _console.print(f"applied everywhere after {outcome['applied_ms']:.1f} ms")
    if outcome["controls_version"] is not None:
        _console.print(f"controls version: {outcome['controls_version']}")
    if outcome["unclaimed"]:
        numbers = ", ".join(map(str, outcome["unclaimed"]))
        _console.print(f"nobody has ever owned partition {numbers}: whoever begins to decide there reads this first")
    if outcome["warning"]:
        _console.print(f"warning: {outcome['warning']}")
