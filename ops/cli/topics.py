"""`omniaxs topics`: make and check the topics of the log, and read one."""

from typing import Any

import typer
from rich.console import Console

from ops.cli.platform_command import run_command

application = typer.Typer(no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object a line.")
_console = Console(soft_wrap=True)


@application.command()
def apply(as_json: bool = _JSON) -> None:
    """Create what is missing and check what is there; never shrinks or grows a keyed topic."""
    run_command("topics.apply", {}, _show_report, as_json=as_json)


@application.command()
def tail(
    topic: str,
    key: str | None = typer.Option(None, help="Only records of this key."),
    last: int = typer.Option(10, min=0, help="Begin this many records before the end of each partition."),
    count: int | None = typer.Option(None, min=1, help="Stop after this many records."),
    as_json: bool = _JSON,
) -> None:
    """Print the records of a topic as they come."""
    run_command(
        "topics.tail", {"topic": topic, "key": key, "last": last, "count": count}, _show_record, as_json=as_json
    )


def _show_report(report: dict[str, Any]) -> None:
    _console.print(f"{report['topic']}: {report['partitions']} partitions, {report['action']}", highlight=False)


def _show_record(record: dict[str, Any]) -> None:
    _console.print(
        f"[dim]{record['partition']}:{record['offset']}[/] {record['key']} {record['value']}", highlight=False
    )
