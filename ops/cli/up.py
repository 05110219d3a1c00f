"""`omniaxs up`: everything in one process."""

import sys
from enum import StrEnum

import typer

from ops.cli.process_settings import EXIT_CONFIGURATION, process_settings
from ops.processes.commands.port import CommandFailed
from ops.processes.lifetime import run_process
from ops.processes.local import LocalOptions, run_local, synthetic_market
from ops.processes.up_file import Up
from ops.runtime.settings import Settings


class FeedChoice(StrEnum):
    """What `up` publishes."""

    SYNTHETIC = "synthetic"
    NONE = "none"


def mount(application: typer.Typer) -> None:
    """Add the command."""
    application.command("up", help="Everything in one process, for trying and developing.")(up)


def up(
    as_json: bool = typer.Option(False, "--json", help="Print one JSON line when ready, and nothing else."),
    port: int | None = typer.Option(None, min=0, max=65_535, help="0: any free one."),
    ops_port: int | None = typer.Option(None, min=0, max=65_535, help="0: any free one."),
    seed: int = typer.Option(1, help="Of the synthetic market: the same seed makes the same stream."),
    feed: FeedChoice = typer.Option(FeedChoice.SYNTHETIC),
) -> None:
    """Start the local profile and print what to paste."""
    settings = process_settings("local", port=port, ops_port=ops_port)
    _refuse_a_store_that_outlives_the_log(settings)
    options = LocalOptions(synthetic_market(seed) if feed is FeedChoice.SYNTHETIC else None)
    show = _show_json if as_json else _show_text
    run_process(lambda stop: run_local(settings, options, show, stop))


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
    lines = [f"  {name:<12}{login['email']}   password {login['password']}" for name, login in logins.items() if login]
    if ready.inbox:
        lines.append(f"  Inbox      {ready.inbox}.html   the mails that were sent, with their codes")
    return "".join(f"{line}\n" for line in lines)
