"""`omniaxs settings`: every setting, its value and where it comes from; secrets are never shown."""

import json
from typing import Any

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from ops.runtime.settings import load_settings, sources, without_password


def mount(application: typer.Typer) -> None:
    """Add the command."""
    application.command("settings", help="Print the settings and where each comes from.")(show_settings)


def show_settings(as_json: bool = typer.Option(False, "--json", help="One JSON object.")) -> None:
    """Print the settings that a process started here would use."""
    settings = load_settings()
    come_from = sources()
    rows = {
        name: {"value": _shown(getattr(settings, name)), "source": come_from[name]}
        for name in type(settings).model_fields
    }
    if as_json:
        print(json.dumps(rows))
        return
    table = Table("setting", "value", "source")
    for name, row in rows.items():
        table.add_row(f"OMNIAXS_{name.upper()}", str(row["value"]), row["source"])
    Console().print(table)


def _shown(value: object) -> Any:
    if isinstance(value, SecretStr):
        return "(hidden)"
    if isinstance(value, str):
        return without_password(value)
    return value if isinstance(value, int | float | bool | dict | list | None) else str(value)
