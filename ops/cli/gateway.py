"""`omniaxs gateway`: REST and WebSocket."""

import typer

from ops.cli.process_settings import process_settings, require_servers
from ops.processes.gateway import run_gateway
from ops.processes.lifetime import run_process


def mount(application: typer.Typer) -> None:
    """Add the command."""
    application.command("gateway", help="REST and WebSocket, on the log and store of the settings.")(gateway)


def gateway(
    port: int | None = typer.Option(None, min=0, max=65_535),
    ops_port: int | None = typer.Option(None, min=0, max=65_535),
) -> None:
    """Serve until SIGTERM, then drain."""
    settings = process_settings("gateway", port=port, ops_port=ops_port)
    require_servers(settings, "gateway")
    run_process(lambda stop: run_gateway(settings, stop))
