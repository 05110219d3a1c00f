"""`omniaxs db`: migrations, checks and rebuilds of the store."""

from typing import Any

import typer
from rich.console import Console

from ops.cli.platform_command import run_command

application = typer.Typer(no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object a line.")
_console = Console(soft_wrap=True)


@application.command()
def migrate(as_json: bool = _JSON) -> None:
    """Bring collections and indexes to this version. Safe to run twice, and from two places at once."""
    run_command("db.migrate", {}, _show, as_json=as_json)


@application.command()
def check(as_json: bool = _JSON) -> None:
    """Compare indexes and migrations with this version; exit code 1 when something differs."""
    run_command("db.check", {}, _show, as_json=as_json)


@application.command()
def rebuild(
    what: str = typer.Argument(help="bars | orders"),
    as_json: bool = _JSON,
) -> None:
    """Fold a read model again from the log, from its first retained record. Stop the processes that keep it first: role market
    keeps bars, role projection keeps orders (with fills, positions, accounts and answers).
    """
    run_command("db.rebuild", {"what": what}, _show, as_json=as_json)


def _show(event: dict[str, Any]) -> None:
    _console.print("  ".join(f"{name}={value}" for name, value in event.items()), highlight=False)
