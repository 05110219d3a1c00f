"""`omniaxs feed`: publish recorded or synthetic market data."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.status import Status

from ops.cli.platform_command import print_json, run_command
from ops.cli.recorded import COLUMNS_HELP, DAY_HELP, EXIT_NO_INPUT, FORMATS_HELP, planned_file
from ops.processes.commands.feed import FeedInterrupted
from ops.processes.commands.port import CommandFailed
from ops.processes.feed import run_feed
from ops.processes.lifetime import run_process
from ops.processes.restart import begin_anew, until_reachable
from ops.runtime.logs import configure_logs
from ops.runtime.settings import Settings, load_settings
from storage.mongo.connect import StoreUnavailable
from streams.feeds.replay.lines import is_packed
from streams.feeds.replay.pace import parse_speed
from streams.feeds.replay.plan import PlannedFile, ReplayPlan
from streams.feeds.replay.problems import UnreadableFile
from streams.feeds.replay.session_filter import SessionName
from streams.feeds.replay.symbols import parse_naming

application = typer.Typer(no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object a line on standard output.")
_log = logging.getLogger(__name__)
_errors = Console(stderr=True, soft_wrap=True)


@application.command()
def replay(
    file: list[Path] = typer.Argument(help="Recorded files, gzip or plain; several are merged by event time."),
    file_format: list[str] = typer.Option([], "--format", help=f"One for all files, or one each: {FORMATS_HELP}"),
    symbol: list[str] = typer.Option([], help="SOURCE=SYMBOL; repeated for one source: for its files in their order."),
    columns: str | None = typer.Option(None, help=COLUMNS_HELP),
    speed: str | None = typer.Option(None, help="max, or a factor: 1, 60. Default: max, and 1 with --loop."),
    loop: bool = typer.Option(False, "--loop", help="Again and again, times shifted to now."),
    run: str | None = typer.Option(
        None, help="A name: asked for again, what broke off goes on and nothing comes twice."
    ),
    session: SessionName | None = typer.Option(None, help="rth: only 09:30 <= t < 16:00 New York."),
    date: str | None = typer.Option(None, help=DAY_HELP),
    as_json: bool = _JSON,
) -> None:
    """Publish recorded market data.

    Exit codes: 65 a file is malformed or breaks off (what came before is published), 66 one cannot be opened,
    75 another feed publishes one of its symbols.
    """
    if run is not None and loop:
        raise typer.BadParameter(
            "each pass of a loop is a run of its own; leave out one of the two", param_hint="--run"
        )
    plan = ReplayPlan(
        files=_planned_files(file, file_format, columns, date),
        symbols=tuple(_naming(text) for text in symbol),
        speed=_speed(speed or ("1" if loop else "max")),
        loop=loop,
        session=session,
        run=run,
    )
    _check_readable(plan.files)
    _run("feed.replay", plan.model_dump(mode="json"), as_json=as_json)


@application.command()
def synthetic(
    seed: int = typer.Option(1, help="The same seed makes the same stream."),
    symbol: list[str] = typer.Option([], help="May be repeated; default: every symbol of the platform."),
    as_json: bool = _JSON,
) -> None:
    """Publish made-up market data until stopped."""
    _run("feed.synthetic", {"seed": seed, "symbols": symbol}, as_json=as_json)


def _planned_files(
    files: Sequence[Path], formats: Sequence[str], columns: str | None, day: str | None
) -> tuple[PlannedFile, ...]:
    if len(formats) not in (0, 1, len(files)):
        reason = f"{len(files)} files need one format, or {len(files)}, not {len(formats)}"
        raise typer.BadParameter(reason, param_hint="--format")
    names: list[str | None] = [*formats] or [None]
    if len(names) == 1:
        names *= len(files)
    return tuple(planned_file(path, name, columns, day) for path, name in zip(files, names, strict=True))


def _naming(text: str) -> str:
    try:
        parse_naming(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--symbol") from error
    return text


def _speed(text: str) -> str:
    try:
        parse_speed(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--speed") from error
    return text


def _check_readable(files: Sequence[PlannedFile]) -> None:
    for planned in files:
        try:
            is_packed(planned.path)
        except UnreadableFile as error:
            raise CommandFailed(str(error), EXIT_NO_INPUT) from error


def _run(name: str, arguments: dict[str, Any], *, as_json: bool) -> None:
    settings = load_settings()
    with _errors.status(name) as status:
        show = _shown_on(status)
        if settings.local_log or settings.local_store:
            run_command(name, arguments, show, as_json=as_json)
        else:
            configure_logs(settings.log_level, settings.log_format, "feed")
            output = print_json if as_json else show
            _run_process(settings, name, arguments, output)


def _run_process(
    settings: Settings, name: str, arguments: dict[str, Any], output: Callable[[dict[str, Any]], None]
) -> None:
    """A synthetic market or a named replay that lost log or store begins anew as soon as both answer; a replay without a name
    ends, as it would begin at its start.
    """
    try:
        run_process(lambda stop: run_feed(settings, name, arguments, output, stop))
    except (FeedInterrupted, StoreUnavailable) as error:
        if name != "feed.synthetic" and arguments.get("run") is None:
            raise
        _log.error("the feed broke off: %s", error)
        if run_process(lambda stop: until_reachable(settings, stop)):
            begin_anew()


def _shown_on(status: Status) -> Callable[[dict[str, Any]], None]:
    def show(event: dict[str, Any]) -> None:
        text = "  ".join(f"{key}={value}" for key, value in event.items())
        if event.get("done"):
            _errors.print(text, highlight=False, markup=False)
        else:
            status.update(text)

    return show
