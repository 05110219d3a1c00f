"""Commands over trading accounts: open, deposit, limits, trading state, and how they stand."""

from collections.abc import AsyncIterator, Awaitable
from typing import Final

import msgspec

from ops.processes.accounts import open_tenant_account
from ops.processes.asking import asking
from ops.processes.commands.port import EXIT_DATA, EXIT_TEMPORARY, Arguments, CommandFailed, Event
from ops.processes.platform import Platform
from ops.runtime.errors import CATALOGUE
from storage.controls.defaults import DEFAULT_CONNECTOR
from storage.decisions.accounts import CommandRefused, decide
from storage.decisions.decisions import Decisions, DecisionUnknown
from storage.models.accounts import Limits
from storage.models.order_commands import Command, Deposit, SetLimits, SettleBreak, SetTradingState
from storage.models.order_events import CommandRepeated
from storage.models.order_records import OrderRecord
from storage.mongo.accounts import Accounts
from storage.mongo.reference import load_reference
from storage.mongo.tenants import Tenants

NO_LIMIT: Final = "none"


async def open_(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Bind a tenant to `connector` for every venue, and open its account with `deposit` in it (outside production
    OMNIAXS_SANDBOX_DEPOSIT by default). The same opening again is shown as `repeated`; of an account that is open already
    any other is refused.
    """
    tenant_id = str(arguments["tenant_id"])
    tenant = (await Tenants(platform.store.database).get_many([tenant_id])).get(tenant_id)
    if tenant is None:
        raise CommandFailed(f"there is no tenant {tenant_id}", EXIT_DATA)
    reference = await load_reference(platform.store.database)
    async with asking(platform) as decisions:
        opened = open_tenant_account(
            platform,
            decisions,
            reference,
            tenant,
            connector=str(arguments.get("connector") or DEFAULT_CONNECTOR),
            currency=str(arguments.get("currency") or "USD"),
            deposit=arguments.get("deposit"),
        )
        yield _shown(await _told(opened))


async def deposit(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Put money in; below 0: take it out. Without a currency in that of the account."""
    account_id = str(arguments["account_id"])
    command = Deposit(
        command_id=platform.identifiers.new("dep"),
        account_id=account_id,
        issued_at=platform.clock.now(),
        currency=str(arguments.get("currency") or await _currency_of(platform, account_id)),
        amount=str(arguments["amount"]),
        reference=str(arguments.get("reference") or ""),
    )
    async with asking(platform) as decisions:
        yield _shown(await _decided(decisions, command))


async def limits(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Change limits: those that are given; "none" is no limit."""
    account_id = str(arguments["account_id"])
    account = await Accounts(platform.store.database).get(account_id)
    if account is None:
        raise CommandFailed(f"there is no open account {account_id}", EXIT_DATA)
    given = {name: None if value == NO_LIMIT else value for name, value in arguments["limits"].items()}
    changed = msgspec.structs.replace(account.limits, **given)
    if given:
        command = SetLimits(
            command_id=platform.identifiers.new("lim"),
            account_id=account_id,
            issued_at=platform.clock.now(),
            limits=changed,
        )
        async with asking(platform) as decisions:
            await _decided(decisions, command)
    yield {"account_id": account_id, **_plain(changed)}


async def state(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Set what an account may do, as an admin: it cannot loosen that by itself."""
    command = SetTradingState(
        command_id=platform.identifiers.new("sta"),
        account_id=str(arguments["account_id"]),
        issued_at=platform.clock.now(),
        state=arguments["state"],
        set_by="admin",
    )
    async with asking(platform) as decisions:
        yield _shown(await _decided(decisions, command))


async def settle(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """End the reconciliation break about an order."""
    command = SettleBreak(
        command_id=platform.identifiers.new("stl"),
        account_id=str(arguments["account_id"]),
        issued_at=platform.clock.now(),
        order_id=str(arguments["order_id"]),
        reference=str(arguments.get("reference") or ""),
    )
    async with asking(platform) as decisions:
        record = await _decided(decisions, command)
    yield {"account_id": record.account_id, "seq": record.seq, "order_id": command.order_id}


async def list_accounts(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:  # noqa: ARG001  (takes none)
    """Every open account as the read model has it."""
    for found in await Accounts(platform.store.database).all():
        account = found.account
        yield {
            "account_id": account.account_id,
            "tenant_id": account.tenant_id,
            "mode": account.mode,
            "trading_state": account.trading_state,
            "currency": account.currency,
            "cash": account.cash,
            "equity": account.equity,
            "open_orders": account.open_orders,
            "as_of_seq": found.as_of_seq,
        }


async def _currency_of(platform: Platform, account_id: str) -> str:
    account = await Accounts(platform.store.database).get(account_id)
    if account is None:
        raise CommandFailed(f"there is no open account {account_id} to be seen yet: give --currency", EXIT_DATA)
    return account.account.currency


async def _decided(decisions: Decisions, command: Command) -> OrderRecord:
    return await _told(decide(decisions, command))


async def _told(work: Awaitable[OrderRecord]) -> OrderRecord:
    try:
        record = await work
    except CommandRefused as refused:
        reason = f"{CATALOGUE[refused.code].message} " if refused.code in CATALOGUE else ""
        raise CommandFailed(f"{reason}{refused}", EXIT_DATA) from None
    except DecisionUnknown as unknown:
        raise CommandFailed(
            f"no decision was seen, it may come yet (does a process of role `orders` run?): {unknown}", EXIT_TEMPORARY
        ) from None
    return record


def _shown(record: OrderRecord) -> Event:
    account = record.account
    shown: Event = {"account_id": record.account_id, "seq": record.seq}
    if isinstance(record.events[0], CommandRepeated):
        shown["repeated"] = True
    if account is not None:
        shown |= {"currency": account.currency, "cash": account.cash, "trading_state": account.trading_state}
    return shown


def _plain(changed: Limits) -> Event:
    fields: Event = msgspec.to_builtins(changed)
    return fields
