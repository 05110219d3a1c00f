"""`omniaxs admin`: the people of the platform. The first super_admin is made here, and every further one."""

import os
import sys
from typing import Any, Final

import typer
from rich.console import Console

from ops.cli.platform_command import run_command

application = typer.Typer(no_args_is_help=True)
PASSWORD_VARIABLE: Final = "OMNIAXS_ADMIN_PASSWORD"  # noqa: S105  (the name of a variable)
_JSON = typer.Option(False, "--json", help="One JSON object a line.")
_console = Console(soft_wrap=True, highlight=False, markup=False)


@application.command()
def create(
    email: str,
    name: str = typer.Option("", help="How mails address the admin; by default the part before the @."),
    role: str = typer.Option("super_admin", help="super_admin, ops_admin or compliance_admin."),
    as_json: bool = _JSON,
) -> None:
    """Make an admin, active at once. The password is asked for; a script gives it as OMNIAXS_ADMIN_PASSWORD or as the first
    line of standard input, never as an argument.
    """
    arguments = {"email": email, "name": name, "role": role, "password": _password()}
    run_command("admins.create", arguments, _show, as_json=as_json)


@application.command("list")
def list_admins(as_json: bool = _JSON) -> None:
    """List all admins."""
    run_command("admins.list", {}, _show, as_json=as_json)


@application.command()
def activate(admin: str = typer.Argument(help="adm_... or the e-mail address."), as_json: bool = _JSON) -> None:
    """Let an admin in who waits for approval or was suspended."""
    run_command("admins.activate", {"admin": admin}, _show, as_json=as_json)


@application.command()
def suspend(admin: str = typer.Argument(help="adm_... or the e-mail address."), as_json: bool = _JSON) -> None:
    """Keep an admin out; tokens and sessions end within 2 s. The last active super_admin cannot be suspended."""
    run_command("admins.suspend", {"admin": admin}, _show, as_json=as_json)


def _password() -> str:
    given = os.environ.get(PASSWORD_VARIABLE)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _show(admin: dict[str, Any]) -> None:
    _console.print(
        f"{admin['admin_id']}  {admin['role']}  {admin['status']}  {admin['email']}  {admin['display_name']}"
    )
