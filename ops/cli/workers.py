"""`omniaxs workers`: jobs and sweeps."""

import typer

from ops.cli.process_settings import EXIT_CONFIGURATION, process_settings, require_servers
from ops.processes.commands.port import CommandFailed
from ops.processes.lifetime import run_process
from ops.processes.mail_parts import mail_settings
from ops.processes.workers import run_workers


def mount(application: typer.Typer) -> None:
    """Add the command."""
    application.command("workers", help="Jobs: mails, and the sweeps.")(workers)


def workers(ops_port: int | None = typer.Option(None, min=0, max=65_535)) -> None:
    """Take jobs until SIGTERM, then finish what runs and give the rest back."""
    settings = process_settings("workers", ops_port=ops_port)
    require_servers(settings, "workers")
    if settings.local_jobs:
        raise CommandFailed(
            "`omniaxs workers` takes jobs that other processes ask for: set OMNIAXS_JOBS_URL=redis://host:port/0 or amqp://host:port",
            EXIT_CONFIGURATION,
        )
    try:
        mail_settings(settings)
    except ValueError as error:
        raise CommandFailed(str(error), EXIT_CONFIGURATION) from None
    run_process(lambda stop: run_workers(settings, stop))
