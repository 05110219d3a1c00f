"""Commands over API keys: create, list, revoke."""

from collections.abc import AsyncIterator
from datetime import timedelta

from ops.processes.commands.port import Arguments, CommandFailed, Event
from ops.processes.demo import create_key
from ops.processes.platform import Platform
from ops.runtime.timestamps import format_timestamp
from storage.models.tenants import ALL_SCOPES, DEFAULT_SCOPES, ApiKey, Scope, Tenant
from storage.mongo.api_keys import ApiKeys
from storage.mongo.tenants import Tenants


async def create(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """A new key of a tenant (`tenant_id`, or a new tenant by `tenant_name`); the secret is shown this once."""
    tenant_id = await _tenant(platform, arguments)
    scopes = _scopes(arguments.get("scopes"))
    days = arguments.get("expires_in_days")
    expires_at = platform.clock.now() + timedelta(days=days) // timedelta(microseconds=1) * 1_000 if days else None
    key, secret = await create_key(
        platform, tenant_id, str(arguments.get("label") or "default"), scopes, expires_at=expires_at
    )
    yield {**_shown(key), "api_secret": secret}


async def list_keys(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """The keys of a tenant, without secrets."""
    for key in await ApiKeys(platform.store.database).of_tenant(str(arguments["tenant_id"])):
        yield _shown(key)


async def revoke(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Revoke one key; gateways feel it within 2 s."""
    key_id = str(arguments["key_id"])
    repository = ApiKeys(platform.store.database)
    if not await repository.get_many([key_id]):
        raise CommandFailed(f"there is no API key {key_id}")
    await repository.revoke(key_id, platform.clock.now())
    yield _shown((await repository.get_many([key_id]))[key_id])


async def _tenant(platform: Platform, arguments: Arguments) -> str:
    tenants = Tenants(platform.store.database)
    tenant_id = arguments.get("tenant_id")
    if tenant_id:
        if not await tenants.get_many([tenant_id]):
            raise CommandFailed(f"there is no tenant {tenant_id}")
        return str(tenant_id)
    tenant = Tenant(
        tenant_id=platform.identifiers.new("ten"),
        name=str(arguments.get("tenant_name") or "default"),
        created_at=platform.clock.now(),
    )
    await tenants.insert(tenant)
    return tenant.tenant_id


def _scopes(asked: list[str] | None) -> tuple[Scope, ...]:
    if not asked:
        return DEFAULT_SCOPES
    unknown = sorted(set(asked) - set(ALL_SCOPES))
    if unknown:
        raise CommandFailed(f"no such scope: {', '.join(unknown)}; the scopes are {', '.join(ALL_SCOPES)}")
    return tuple(scope for scope in ALL_SCOPES if scope in asked)


def _shown(key: ApiKey) -> Event:
    return {
        "key_id": key.key_id,
        "tenant_id": key.tenant_id,
        "label": key.label,
        "scopes": list(key.scopes),
        "status": "revoked" if key.revoked_at else "active",
        "created_at": format_timestamp(key.created_at),
        "expires_at": format_timestamp(key.expires_at) if key.expires_at else None,
        "revoked_at": format_timestamp(key.revoked_at) if key.revoked_at else None,
        "last_used_at": format_timestamp(key.last_used_at) if key.last_used_at else None,
    }
