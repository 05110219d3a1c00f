"""`omniaxs connectors`: the links to venues, and the faults of the simulated ones."""

from typing import Any

import typer
from rich.console import Console

from ops.cli.platform_command import run_command

application = typer.Typer(no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object a line.")


@application.command("list")
def list_connectors(as_json: bool = _JSON) -> None:
    """List the connectors: their stage, up or down and by whose word, and their fault."""
    run_command("connectors.list", {}, _show, as_json=as_json)


@application.command("set")
def set_state(
    connector: str,
    status: str = typer.Argument(..., help="up, down, or auto: as health checks say"),
    reason: str = typer.Option("", help="Shown to those whose orders are denied."),
    as_json: bool = _JSON,
) -> None:
    """Take a connector out of use, or into it again, whatever its health checks say; orders through one that is down are
    denied.
    """
    run_command("connectors.set", {"connector": connector, "status": status, "reason": reason}, _show, as_json=as_json)


@application.command()
def fault(
    connector: str,
    fault: str = typer.Argument(..., help="none, refuse, timeout or down"),
    as_json: bool = _JSON,
) -> None:
    """Let the simulated venue refuse, time out or be down for a connector, to see what that does; none ends it."""
    run_command("connectors.fault", {"connector": connector, "fault": fault}, _show, as_json=as_json)


def _show(connector: dict[str, Any]) -> None:
    Console(soft_wrap=True, highlight=False, markup=False).print(
        "  ".join(f"{name}: {value}" for name, value in connector.items() if value != "")
    )
