"""`omniaxs accounts` as commands before a real core and projection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ops.processes.commands.port import EXIT_DATA, CommandFailed
from ops.processes.commands.registry import COMMANDS
from storage.models.tenants import Tenant
from storage.mongo.accounts import Accounts
from storage.mongo.tenants import Tenants
from tests.integration.orders.trading_place import ACCOUNT, TENANT, TradingPlace, until
from tests.integration.trading.trading_desk import projecting


async def run(place: TradingPlace, name: str, **arguments: Any) -> dict[str, Any]:
    """The event of a command."""
    [event] = [event async for event in COMMANDS[name](place.platform, arguments)]
    return event


@asynccontextmanager
async def office(place: TradingPlace) -> AsyncIterator[TradingPlace]:
    """A core, a projection, and a tenant whose account is not open yet."""
    tenant = Tenant(tenant_id=TENANT, name="Demonstration", account_ids=(ACCOUNT,), created_at=place.clock.now())
    await Tenants(place.store.database).insert(tenant)
    async with place.core(), projecting(place):
        yield place


async def test_an_account_that_is_open_already_is_not_opened_in_another_way(place: TradingPlace) -> None:
    async with office(place):
        opening = {"tenant_id": TENANT, "currency": "USDT", "deposit": "1000"}
        first = await run(place, "accounts.open", **opening)
        assert (first["currency"], first["cash"], "repeated" in first) == ("USDT", "1000", False)
        again = await run(place, "accounts.open", **opening)
        assert (again["account_id"], again["repeated"]) == (ACCOUNT, True)
        for other in ({**opening, "currency": "USD"}, {**opening, "deposit": "2000"}):
            with pytest.raises(CommandFailed, match="This account is open already") as refused:
                await run(place, "accounts.open", **other)
            assert refused.value.exit_code == EXIT_DATA
        assert (await place.records(2))[-1].account is None


async def test_a_deposit_is_in_the_accounts_own_currency_unless_it_says_otherwise(place: TradingPlace) -> None:
    async with office(place):
        with pytest.raises(CommandFailed, match="give --currency") as refused:
            await run(place, "accounts.deposit", account_id=ACCOUNT, amount="5")
        assert refused.value.exit_code == EXIT_DATA
        await run(place, "accounts.open", tenant_id=TENANT, currency="USDT", deposit="1000")
        accounts = Accounts(place.store.database)

        async def seen() -> bool:
            return await accounts.get(ACCOUNT) is not None

        await until(seen)
        assert (await run(place, "accounts.deposit", account_id=ACCOUNT, amount="5"))["cash"] == "1005"
        other = await run(place, "accounts.deposit", account_id=ACCOUNT, amount="7", currency="EUR")
        assert other["currency"] == "USDT"
        assert [record.account.balances for record in await place.records(4) if record.account][-1] == {
            "EUR": "7",
            "USDT": "1005",
        }
