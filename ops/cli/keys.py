"""`omniaxs keys`: API keys of tenants."""

from typing import Any

import typer
from rich.console import Console

from ops.cli.platform_command import run_command

application = typer.Typer(no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object a line.")


@application.command()
def create(
    tenant_id: str | None = typer.Option(None, help="The tenant; without it a new tenant is made."),
    tenant_name: str = typer.Option("default", help="Name of the new tenant."),
    label: str = typer.Option("default"),
    scope: list[str] = typer.Option([], help="May be repeated; default: the reading scopes and stream."),
    expires_in_days: int | None = typer.Option(None, min=1, max=3650),
    as_json: bool = _JSON,
) -> None:
    """Make a key. Its secret is shown this once."""
    arguments = {
        "tenant_id": tenant_id,
        "tenant_name": tenant_name,
        "label": label,
        "scopes": scope,
        "expires_in_days": expires_in_days,
    }
    run_command("keys.create", arguments, _show, as_json=as_json)


@application.command("list")
def list_keys(tenant_id: str = typer.Option(...), as_json: bool = _JSON) -> None:
    """List a tenant's keys, without secrets."""
    run_command("keys.list", {"tenant_id": tenant_id}, _show, as_json=as_json)


@application.command()
def revoke(key_id: str, as_json: bool = _JSON) -> None:
    """Revoke a key; every gateway feels it within 2 s."""
    run_command("keys.revoke", {"key_id": key_id}, _show, as_json=as_json)


def _show(key: dict[str, Any]) -> None:
    console = Console(soft_wrap=True)
    for name, value in key.items():
        console.print(f"{name}: {', '.join(value) if isinstance(value, list) else value}", highlight=False)
