"""The tenant that a job provisions, as its steps meet it."""

from collections.abc import Iterable
from typing import Protocol

from ops.runtime.errors import HubError
from storage.models.provisioning import ProvisioningJob
from storage.models.tenants import Tenant


class TenantStore(Protocol):
    """`storage.mongo.tenants.Tenants`."""

    async def get_many(self, tenant_ids: Iterable[str]) -> dict[str, Tenant]: ...
    async def set_accounts(self, tenant: Tenant, account_ids: tuple[str, ...], fence: int) -> bool: ...


async def tenant_of(store: TenantStore, job: ProvisioningJob) -> Tenant:
    """The tenant. Raises `tenant.not_found`."""
    found = (await store.get_many([job.tenant_id])).get(job.tenant_id)
    if found is None:
        raise HubError("tenant.not_found", {"tenant_id": job.tenant_id})
    return found


async def active_tenant_of(store: TenantStore, job: ProvisioningJob) -> Tenant:
    """The tenant, who may be given rights. Raises `tenant.not_found`, `auth.tenant_suspended`."""
    tenant = await tenant_of(store, job)
    if tenant.status != "active":
        raise HubError("auth.tenant_suspended", {"tenant_id": tenant.tenant_id})
    return tenant
