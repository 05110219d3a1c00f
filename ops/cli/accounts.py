"""`omniaxs accounts`: trading accounts, as the operator of the platform sees them."""

from enum import StrEnum
from typing import Any

import typer
from rich.console import Console

from ops.cli.platform_command import run_command

application = typer.Typer(no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object a line.")


class State(StrEnum):
    """`reducing` allows only what reduces, `halted` only cancels."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


@application.command("open")
def open_account(
    tenant_id: str = typer.Option(..., help="As `omniaxs keys create` shows it."),
    currency: str = typer.Option("USD", help="The one that the account is valued in."),
    deposit: str | None = typer.Option(None, help="Outside production OMNIAXS_SANDBOX_DEPOSIT by default."),
    connector: str = typer.Option("sim-a", help="Through which its orders reach the venues."),
    as_json: bool = _JSON,
) -> None:
    """Open the account of a tenant, and let it trade every venue. The same opening again changes nothing and says so (repeated);
    another one of an account that is open already is refused.
    """
    arguments = {"tenant_id": tenant_id, "currency": currency, "deposit": deposit, "connector": connector}
    run_command("accounts.open", arguments, _show, as_json=as_json)


@application.command()
def bind(
    tenant_id: str = typer.Option(..., help="As its application shows it."),
    exchange: str = typer.Option(..., help="One that the tenant was provisioned for."),
    connector: str | None = typer.Option(None, help="That of its binding by default."),
    as_json: bool = _JSON,
) -> None:
    """Let a tenant trade an exchange whose binding is still pending (its application was approved without auto_bind), or
    through another connector.
    """
    run_command(
        "accounts.bind", {"tenant_id": tenant_id, "exchange": exchange, "connector": connector}, _show, as_json=as_json
    )


@application.command()
def deposit(
    account_id: str,
    amount: str = typer.Argument(help="A decimal; below 0 it is taken out (write -- before it)."),
    currency: str | None = typer.Option(None, help="That of the account by default."),
    reference: str = typer.Option("", help="Whose paper it stands on."),
    as_json: bool = _JSON,
) -> None:
    """Put money in."""
    arguments = {"account_id": account_id, "amount": amount, "currency": currency, "reference": reference}
    run_command("accounts.deposit", arguments, _show, as_json=as_json)


@application.command()
def limits(
    account_id: str,
    max_order_value: str | None = typer.Option(None, help="In the account's currency, or `none`."),
    max_order_quantity: str | None = typer.Option(None, help="Or `none`."),
    max_open_orders: int | None = typer.Option(None, min=0),
    position_limit: str | None = typer.Option(None, help="The value of one symbol's position, or `none`."),
    orders_per_second: int | None = typer.Option(None, min=0),
    as_json: bool = _JSON,
) -> None:
    """Show an account's limits, and change those that are given."""
    given = {
        "max_order_value": max_order_value,
        "max_order_quantity": max_order_quantity,
        "max_open_orders": max_open_orders,
        "position_limit": position_limit,
        "orders_per_second": orders_per_second,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    run_command("accounts.limits", {"account_id": account_id, "limits": changes}, _show, as_json=as_json)


@application.command()
def state(account_id: str, to: State, as_json: bool = _JSON) -> None:
    """Set what an account may do; what is set here the account cannot loosen."""
    run_command("accounts.state", {"account_id": account_id, "state": to.value}, _show, as_json=as_json)


@application.command()
def settle(
    account_id: str,
    order_id: str,
    reference: str = typer.Option("", help="Whose paper it stands on."),
    as_json: bool = _JSON,
) -> None:
    """End the reconciliation break about an order: you have looked into it, and nothing is open."""
    arguments = {"account_id": account_id, "order_id": order_id, "reference": reference}
    run_command("accounts.settle", arguments, _show, as_json=as_json)


@application.command("list")
def list_accounts(as_json: bool = _JSON) -> None:
    """List the open accounts."""
    run_command("accounts.list", {}, _show, as_json=as_json)


def _show(account: dict[str, Any]) -> None:
    Console(soft_wrap=True).print("  ".join(f"{name}={value}" for name, value in account.items()), highlight=False)
