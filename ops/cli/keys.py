"""`omniaxs keys`: API keys of tenants, and the platform's own key rings."""

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import typer
from rich.console import Console

from ops.cli.platform_command import print_json, run_command
from ops.runtime.settings import load_settings
from storage.key_rotation import Rotation, rotation

application = typer.Typer(no_args_is_help=True)
_SECRET_BYTES: Final = 32
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


class Ring(StrEnum):
    """The two rings (the one that seals what is stored, and the one that signs access tokens), and the key pairs that
    credentials of exchanges are encrypted to, which are kept in the store.
    """

    ENCRYPTION = "encryption"
    SIGNING = "signing"
    CREDENTIALS = "credentials"

    @property
    def setting(self) -> str:
        """The variable that holds a ring."""
        return "OMNIAXS_KEY_RING" if self is Ring.ENCRYPTION else "OMNIAXS_SIGNING_KEYS"


@application.command()
def rotate(ring: Ring, as_json: bool = _JSON) -> None:
    """Print the settings that bring a new key into a ring; they are secret, and nothing is changed by printing them. Key
    pairs for credentials are made at once: the new ones are published, those before them still open.
    """
    if ring is Ring.CREDENTIALS:
        run_command("keys.rotate-credentials", {}, _show, as_json=as_json)
        return
    settings = load_settings()
    present = settings.key_ring if ring is Ring.ENCRYPTION else settings.signing_keys
    day = datetime.now(UTC).date().isoformat()
    steps = rotation(present.get_secret_value(), day, secrets.token_urlsafe(_SECRET_BYTES))
    if as_json:
        print_json({"ring": ring.value, "setting": ring.setting, **steps._asdict()})
    else:
        _show_steps(ring, steps)


@application.command()
def reseal(as_json: bool = _JSON) -> None:
    """Seal every stored secret anew under the first encryption key; safe twice, and beside a running platform."""
    run_command("keys.reseal", {}, _show_field, as_json=as_json)


@application.command()
def rings(as_json: bool = _JSON) -> None:
    """Show where each key of the rings is in use, so that it is known when an old one may be dropped."""
    run_command("keys.rings", {}, _show_ring_key, as_json=as_json)


def _show(key: dict[str, Any]) -> None:
    console = Console(soft_wrap=True)
    for name, value in key.items():
        console.print(f"{name}: {', '.join(value) if isinstance(value, list) else value}", highlight=False)


def _show_steps(ring: Ring, steps: Rotation) -> None:
    """Lines of a file of variables: the last one of a name counts, and all else is a comment."""
    old = ", ".join(steps.old_key_ids)
    print(
        f"# 1. Every process, one after the other: it knows {steps.key_id}, and {steps.old_key_ids[0]} is in use still."
    )
    print(f"{ring.setting}={steps.prepared}")
    print(f"# 2. When every process has that: {steps.key_id} is in use, {old} only for what was made before.")
    print(f"{ring.setting}={steps.rotated}")
    then = "omniaxs keys reseal, then omniaxs keys rings" if ring is Ring.ENCRYPTION else "wait 15 minutes"
    print(f"# 3. When every process has that: {then}; docs/keys.md says when {old} may be dropped.")


def _show_field(event: dict[str, Any]) -> None:
    console = Console(soft_wrap=True)
    counts = ", ".join(f"{event[name]} {name}" for name in ("resealed", "current", "changed", "unopened"))
    console.print(f"{event['field']}: {counts}", highlight=False)
    for reason in event["reasons"]:
        console.print(f"  {reason}", highlight=False, markup=False)


def _show_ring_key(event: dict[str, Any]) -> None:
    console = Console(soft_wrap=True)
    dropped = {True: "may be dropped", False: "in use" if event["in_use"] else "needed", None: ""}[
        event["may_be_dropped"]
    ]
    console.print(
        f"{event['ring']} {event['key_id']} ({event['role']}) {dropped}".rstrip(), highlight=False, markup=False
    )
    for name, count in event["in_use"].items():
        console.print(f"  {name}: {'some' if count is None else count}", highlight=False)
    for ends in event["without"]:
        console.print(f"  without it: {ends}", highlight=False, markup=False)
