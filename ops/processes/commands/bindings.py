"""Commands over the rights of tenants: activate one that provisioning has left pending."""

from collections.abc import AsyncIterator

from ops.processes.commands.port import EXIT_DATA, EXIT_TEMPORARY, Arguments, CommandFailed, Event
from ops.processes.controls import announcer_of
from ops.processes.platform import Platform
from ops.runtime.timestamps import format_timestamp
from storage.controls.access_rights import AccessRights, Contended, Superseded
from storage.log.port import AppendUnknown
from storage.models.access_bindings import AccessBinding
from storage.mongo.access_bindings import AccessBindings
from storage.mongo.connectors import Connectors
from storage.mongo.reference import load_reference
from storage.registry import connectors_of


async def bind(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Let a tenant trade an exchange that it was provisioned for, through `connector` (its binding's by default). The same again
    changes nothing.
    """
    bindings = AccessBindings(platform.store.database)
    tenant_id, exchange = str(arguments["tenant_id"]), str(arguments["exchange"])
    found = await bindings.get(tenant_id, exchange)
    if found is None or found.status == "failed":
        raise CommandFailed(
            f"{tenant_id} is not provisioned for {exchange}: it needs an application whose job succeeds", EXIT_DATA
        )
    connector = str(arguments.get("connector") or found.connector)
    await _require_way(platform, exchange, connector)
    await _activate(platform, bindings, found, connector)
    yield _shown(await bindings.get(tenant_id, exchange) or found)


async def _activate(platform: Platform, bindings: AccessBindings, found: AccessBinding, connector: str) -> None:
    now = platform.clock.now()
    changes = {"connector": connector, "status": "active", "activated_at": now, "updated_at": now}
    rights = AccessRights(bindings, announcer_of(platform), platform.clock)
    try:
        await rights.set(found.model_copy(update=changes))
    except (Superseded, Contended):
        raise CommandFailed(
            "a provisioning job is at work on this binding; look again when it is over", EXIT_TEMPORARY
        ) from None
    except AppendUnknown as error:
        raise CommandFailed(f"stored; it will be announced when the log is there: {error}", EXIT_TEMPORARY) from None


async def _require_way(platform: Platform, exchange: str, connector: str) -> None:
    ways = connectors_of(
        exchange, await load_reference(platform.store.database), await Connectors(platform.store.database).all()
    )
    if connector not in ways:
        raise CommandFailed(
            f"{connector} does not lead to {exchange}; ready are: {', '.join(ways) or 'none'}", EXIT_DATA
        )


def _shown(binding: AccessBinding) -> Event:
    return {
        "tenant_id": binding.tenant_id,
        "exchange_code": binding.exchange_code,
        "connector": binding.connector,
        "binding_status": binding.status,
        "activated_at": None if binding.activated_at is None else format_timestamp(binding.activated_at),
        "application_id": binding.application_id,
    }
