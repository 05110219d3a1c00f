"""`omniaxs up`, `gateway`, `streams` and `workers`: the processes."""

import logging
import sys
from enum import StrEnum

import typer

from ops.processes.commands.port import CommandFailed
from ops.processes.gateway import run_gateway
from ops.processes.lifetime import run_process
from ops.processes.local import LocalOptions, run_local, synthetic_market
from ops.processes.mail_parts import mail_settings
from ops.processes.restart import begin_anew, until_reachable
from ops.processes.streams import run_streams
from ops.processes.up_file import Up
from ops.processes.workers import run_workers
from ops.runtime.logs import configure_logs
from ops.runtime.settings import Settings, load_settings
from streams.app.worker import WorkerFailed

_log = logging.getLogger(__name__)
EXIT_CONFIGURATION = 78


class FeedChoice(StrEnum):
    """What `up` publishes."""

    SYNTHETIC = "synthetic"
    NONE = "none"


class RoleChoice(StrEnum):
    """Roles that `streams` can play."""

    MARKET = "market"
    ORDERS = "orders"
    VENUES = "venues"
    PROJECTION = "projection"


def mount(application: typer.Typer) -> None:
    """Add the commands."""
    application.command("up", help="Everything in one process, for trying and developing.")(up)
    application.command("gateway", help="REST and WebSocket, on the log and store of the settings.")(gateway)
    application.command("streams", help="Stream processors or owners of one role.")(streams)
    application.command("workers", help="Jobs: mails, and the sweeps.")(workers)


def up(
    as_json: bool = typer.Option(False, "--json", help="Print one JSON line when ready, and nothing else."),
    port: int | None = typer.Option(None, min=0, max=65_535, help="0: any free one."),
    ops_port: int | None = typer.Option(None, min=0, max=65_535, help="0: any free one."),
    seed: int = typer.Option(1, help="Of the synthetic market: the same seed makes the same stream."),
    feed: FeedChoice = typer.Option(FeedChoice.SYNTHETIC),
) -> None:
    """Start the local profile and print what to paste."""
    settings = _settings("local", port=port, ops_port=ops_port)
    _refuse_a_store_that_outlives_the_log(settings)
    options = LocalOptions(synthetic_market(seed) if feed is FeedChoice.SYNTHETIC else None)
    show = _show_json if as_json else _show_text
    run_process(lambda stop: run_local(settings, options, show, stop))


def gateway(
    port: int | None = typer.Option(None, min=0, max=65_535),
    ops_port: int | None = typer.Option(None, min=0, max=65_535),
) -> None:
    """Serve until SIGTERM, then drain."""
    settings = _settings("gateway", port=port, ops_port=ops_port)
    _needs_servers(settings, "gateway")
    run_process(lambda stop: run_gateway(settings, stop))


def streams(
    role: RoleChoice = typer.Option(..., help="One role a process; start more processes to share its partitions."),
    ops_port: int | None = typer.Option(None, min=0, max=65_535),
) -> None:
    """Work as one member of the role's consumer group until SIGTERM, then commit and leave.

    A worker that cannot go on (log or store were away, a record broke it) says why and begins anew as soon as both answer.
    """
    settings = _settings("streams", ops_port=ops_port)
    _needs_servers(settings, "streams")
    try:
        run_process(lambda stop: run_streams(settings, role.value, stop))
    except WorkerFailed as error:
        _log.error("%s", error, exc_info=error.__cause__)
        if run_process(lambda stop: until_reachable(settings, stop)):
            begin_anew()


def workers(ops_port: int | None = typer.Option(None, min=0, max=65_535)) -> None:
    """Take jobs until SIGTERM, then finish what runs and give the rest back."""
    settings = _settings("workers", ops_port=ops_port)
    _needs_servers(settings, "workers")
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


def _settings(role: str, **flags: int | None) -> Settings:
    settings = load_settings()
    given = {name: value for name, value in flags.items() if value is not None}
    settings = settings.model_copy(update=given)
    configure_logs(settings.log_level, settings.log_format, role)
    return settings


def _needs_servers(settings: Settings, command: str) -> None:
    """A process alone on an in-process log would wait for records that nobody can send it."""
    missing = []
    if settings.local_log:
        missing.append("OMNIAXS_LOG_URL=kafka://host:port")
    if settings.local_store:
        missing.append("OMNIAXS_STORE_URL=mongodb://host:port")
    if missing:
        raise CommandFailed(
            f"`omniaxs {command}` shares log and store with other processes: set {' and '.join(missing)} "
            "(or start everything in one process with `omniaxs up`)",
            EXIT_CONFIGURATION,
        )


def _refuse_a_store_that_outlives_the_log(settings: Settings) -> None:
    """What the store says about offsets of a log that is gone would be believed of the next one."""
    if settings.local_log and not settings.local_store:
        raise CommandFailed(
            "OMNIAXS_STORE_URL keeps its documents while OMNIAXS_LOG_URL=memory:// forgets its records at the end: "
            "set OMNIAXS_LOG_URL=kafka://host:port too, or OMNIAXS_STORE_URL=mongomock://",
            EXIT_CONFIGURATION,
        )


def _show_json(ready: Up) -> None:
    print(ready.line(), flush=True)


def _show_text(ready: Up) -> None:
    omniaxs = f"{sys.prefix}/bin/omniaxs" if not sys.prefix.endswith(".venv") else ".venv/bin/omniaxs"
    print(
        f"""
OMNIAXS Global Hub is up (local profile; Ctrl-C ends it).

  REST       {ready.http}        try {ready.http}/docs
  WebSocket  {ready.ws}
  Ops        {ready.ops}        /metrics /healthz /readyz

  API key    {ready.demo.api_key}
  secret     {ready.demo.api_secret}
{_people(ready)}
Paste into another terminal in this folder:

  {omniaxs} sign --curl GET '/v1/quotes?symbols=BTCUSDT.BINANCE' | sh
  {omniaxs} ws 'quotes.*'
  {omniaxs} orders place buy BTCUSDT.BINANCE 0.25
  {omniaxs} orders positions
  {omniaxs} ws 'orders.*'
""",
        flush=True,
    )


def _people(ready: Up) -> str:
    logins = {"user": ready.demo.user, "super_admin": ready.demo.admin}
    lines = [f"  {name:<11}{login['email']}   password {login['password']}" for name, login in logins.items() if login]
    if ready.inbox:
        lines.append(f"  Inbox      {ready.inbox}.html   the mails that were sent, with their codes")
    return "".join(f"{line}\n" for line in lines)
