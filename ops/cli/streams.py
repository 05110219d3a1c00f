"""`omniaxs streams`: stream processors or owners of one role."""

import logging
from enum import StrEnum

import typer

from ops.cli.process_settings import process_settings, require_servers
from ops.processes.lifetime import run_process
from ops.processes.restart import begin_anew, until_reachable
from ops.processes.streams import run_streams
from streams.app.worker import WorkerFailed

_log = logging.getLogger(__name__)


class RoleChoice(StrEnum):
    """Roles that `streams` can play."""

    MARKET = "market"
    ORDERS = "orders"
    VENUES = "venues"
    PROJECTION = "projection"


def mount(application: typer.Typer) -> None:
    """Add the command."""
    application.command("streams", help="Stream processors or owners of one role.")(streams)


def streams(
    role: RoleChoice = typer.Option(..., help="One role a process; start more processes to share its partitions."),
    ops_port: int | None = typer.Option(None, min=0, max=65_535),
) -> None:
    """Work as one member of the role's consumer group until SIGTERM, then commit and leave.

    A worker that cannot go on (log or store were away, a record broke it) says why and begins anew as soon as both answer.
    """
    settings = process_settings("streams", ops_port=ops_port)
    require_servers(settings, "streams")
    try:
        run_process(lambda stop: run_streams(settings, role.value, stop))
    except WorkerFailed as error:
        _log.error("%s", error, exc_info=error.__cause__)
        if run_process(lambda stop: until_reachable(settings, stop)):
            begin_anew()
