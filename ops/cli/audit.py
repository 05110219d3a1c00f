"""`omniaxs audit`: the tamper-evident trail of logins and privileged acts."""

from typing import Any

import typer
from rich.console import Console

from ops.cli.platform_command import run_command

application = typer.Typer(no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object a line.")
_console = Console(soft_wrap=True, highlight=False, markup=False)


@application.command()
def verify(as_json: bool = _JSON) -> None:
    """Check every link of the trail and the heads that were published; exit code 1 when one is broken, which is named."""
    run_command("audit.verify", {}, _show_verdict, as_json=as_json)


@application.command("list")
def list_events(
    actor_type: str | None = typer.Option(None, help="user, admin or system."),
    action_prefix: str | None = typer.Option(None, help="Such as halt. or user.login"),
    limit: int = typer.Option(50, min=1, max=10_000),
    as_json: bool = _JSON,
) -> None:
    """List the newest events, newest first."""
    arguments = {"actor_type": actor_type, "action_prefix": action_prefix, "limit": limit}
    run_command("audit.list", arguments, _show, as_json=as_json)


def _show_verdict(verdict: dict[str, Any]) -> None:
    published = verdict["published_seq"]
    heads = "no head was published yet" if published is None else f"the newest published head is {published}"
    what = "the trail is whole" if verdict["whole"] else "the trail is whole up to there"
    _console.print(f"{verdict['links']} links: {what}; {heads}")


def _show(event: dict[str, Any]) -> None:
    actor = f"{event['actor_type']} {event['actor_id']}"
    target = f"{event['target_type']} {event['target_id']}"
    _console.print(f"{event['seq']}  {event['ts']}  {actor}  {event['action']} ({event['stage']})  {target}")
