"""What is in an account when it opens: the sandbox's deposit outside production, and nothing in production."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ops.processes.commands.registry import COMMANDS
from ops.runtime.settings import Settings
from storage.models.accounts import Account
from storage.models.tenants import account_id_of
from tests.integration.provisioning.hall import Hall, opened_hall

pytestmark = pytest.mark.timeout(120)
PRODUCTION = Settings(_env_file=None, mode="production", sandbox_deposit="250")
"""The deposit is set, and is not for production; nor does it ask here for stores that production needs."""
SANDBOX = Settings(_env_file=None, sandbox_deposit="250")


@pytest.fixture(params=[SANDBOX, PRODUCTION], ids=lambda settings: settings.mode)
async def hall(request: pytest.FixtureRequest) -> AsyncIterator[Hall]:
    async with opened_hall(request.param) as hall:
        yield hall


async def opened(hall: Hall, name: str) -> Account:
    """The account of ten_<name> as reads show it."""
    account = await hall.account(account_id_of(f"ten_{name}"))
    assert account is not None
    return account.account


async def run(hall: Hall, name: str, **arguments: Any) -> dict[str, Any]:
    """The event of a command."""
    [event] = [event async for event in COMMANDS[name](hall.platform, arguments)]
    return event


def expected(hall: Hall) -> tuple[str, str]:
    """The mode and the cash of a new account."""
    return ("live", "0") if hall.platform.settings.mode == "production" else ("sandbox", "250")


async def test_provisioning_puts_the_sandbox_deposit_in_and_nothing_in_production(hall: Hall) -> None:
    job = await hall.over(await hall.asked_for(await hall.approved("a", ("BINANCE",))))
    account = await opened(hall, "a")

    assert (job.status, account.mode, account.cash) == ("succeeded", *expected(hall))
    assert account.trading_state == "active"


async def test_so_does_the_command_line_that_names_no_deposit(hall: Hall) -> None:
    tenant = await hall.tenant("b")
    told = await run(hall, "accounts.open", tenant_id=tenant.tenant_id, currency="USD")
    account = await opened(hall, "b")

    assert (account.mode, account.cash) == expected(hall)
    assert told["cash"] == account.cash


async def test_a_deposit_that_is_named_is_put_in_everywhere(hall: Hall) -> None:
    tenant = await hall.tenant("c")
    told = await run(hall, "accounts.open", tenant_id=tenant.tenant_id, currency="USD", deposit="7.5")

    assert (told["cash"], (await opened(hall, "c")).cash) == ("7.5", "7.5")
