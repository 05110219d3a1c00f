"""`omniaxs doctor`: reaches and checks every dependency and says what is wrong, in words."""

import asyncio
import json
from typing import Any

import typer
from rich.console import Console

from ops.processes.doctor import Finding, examine
from ops.runtime.logs import configure_logs
from ops.runtime.settings import load_settings


def mount(application: typer.Typer) -> None:
    """Add the command."""
    application.command("doctor", help="Check every dependency and say what is wrong.")(doctor)


def doctor(as_json: bool = typer.Option(False, "--json", help="One JSON object a line.")) -> None:
    """Exit code 0 when all is well, 1 when something is not."""
    configure_logs("error", "text", "cli")
    findings = asyncio.run(examine(load_settings()))
    console = Console(soft_wrap=True)
    for finding in findings:
        if as_json:
            print(json.dumps(_row(finding)))
        else:
            mark = "[green]ok[/]  " if finding.ok else "[red]wrong[/]"
            console.print(f"{mark} {finding.subject}: {finding.text}", highlight=False)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _row(finding: Finding) -> dict[str, Any]:
    return {"subject": finding.subject, "ok": finding.ok, "text": finding.text}
