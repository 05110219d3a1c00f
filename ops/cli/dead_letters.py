"""`omniaxs dead-letters`: what no processor could take, why, and another try."""

from typing import Any

import typer
from rich.console import Console

from ops.cli.platform_command import run_command

application = typer.Typer(no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object a line.")
_console = Console(soft_wrap=True)


@application.command("list")
def list_letters(
    topic: str | None = typer.Option(None, help="Only letters of this source topic."),
    reason: str | None = typer.Option(None, help="Only letters of this reason."),
    limit: int = typer.Option(50, min=1),
    as_json: bool = _JSON,
) -> None:
    """The newest dead letters."""
    run_command("dead-letters.list", {"topic": topic, "reason": reason, "limit": limit}, _show, as_json=as_json)


@application.command()
def replay(
    offset: list[int] = typer.Argument(help="Offsets in the topic dead-letters, as `list` shows them."),
    as_json: bool = _JSON,
) -> None:
    """Append the original bytes to their source topic again."""
    run_command("dead-letters.replay", {"offsets": offset}, _show, as_json=as_json)


def _show(letter: dict[str, Any]) -> None:
    _console.print("  ".join(f"{name}={value}" for name, value in letter.items()), highlight=False)
