"""The demonstration tenant and its key, so that a first request needs no registration."""

from ops.processes.accounts import open_tenant_account
from ops.processes.asking import asking
from ops.processes.platform import Platform
from ops.processes.up_file import Demo
from storage.api_keys import sealed_key, secret_of
from storage.models.tenants import ALL_SCOPES, ApiKey, Scope, Tenant
from storage.mongo.api_keys import ApiKeys
from storage.mongo.tenants import Tenants
from storage.reference import ReferenceData


async def create_key(
    platform: Platform, tenant_id: str, label: str, scopes: tuple[Scope, ...], expires_at: int | None = None
) -> tuple[ApiKey, str]:
    """A new API key of `tenant_id` and its secret, which is shown this once and kept sealed."""
    key = sealed_key(
        platform.key_ring,
        key_id=platform.identifiers.new("pmk"),
        tenant_id=tenant_id,
        label=label,
        scopes=scopes,
        now=platform.clock.now(),
        expires_at=expires_at,
    )
    await ApiKeys(platform.store.database).insert(key)
    return key, secret_of(platform.key_ring, key)


async def create_demo(platform: Platform, reference: ReferenceData) -> Demo:
    """A demonstration tenant with a key of all scopes and an open account with the sandbox deposit; it may trade every venue.

    The order core must be running.
    """
    tenant = Tenant(
        tenant_id=platform.identifiers.new("ten"),
        name="Demonstration",
        account_ids=(platform.identifiers.new("acc"),),
        created_at=platform.clock.now(),
    )
    await Tenants(platform.store.database).insert(tenant)
    async with asking(platform) as decisions:
        await open_tenant_account(platform, decisions, reference, tenant)
    key, secret = await create_key(platform, tenant.tenant_id, "demo", ALL_SCOPES)
    return Demo(api_key=key.key_id, api_secret=secret, tenant_id=tenant.tenant_id, account_id=tenant.account_ids[0])
