"""Opens the account of a tenant as this platform's settings want it: bound to a connector, with the sandbox's deposit."""

from ops.processes.controls import announcer_of
from ops.processes.platform import Platform
from storage.controls.defaults import DEFAULT_CONNECTOR, bind_tenant
from storage.decisions.accounts import Opening, open_account
from storage.decisions.decisions import Decisions
from storage.models.order_records import OrderRecord
from storage.models.tenants import Tenant, account_id_of
from storage.mongo.tenants import Tenants
from storage.reference import ReferenceData


async def open_tenant_account(
    platform: Platform,
    decisions: Decisions,
    reference: ReferenceData,
    tenant: Tenant,
    *,
    connector: str = DEFAULT_CONNECTOR,
    currency: str = "USD",
    deposit: str | None = None,
) -> OrderRecord:
    """Let the tenant trade every venue through `connector`, open its account, and let routes answer for it. `deposit` is what
    is put in; outside production OMNIAXS_SANDBOX_DEPOSIT where none is given. Raises as `open_account` and `bind_tenant` do.
    """
    settings = platform.settings
    production = settings.mode == "production"
    await bind_tenant(announcer_of(platform), tenant.tenant_id, reference, connector)
    opening = Opening(
        tenant_id=tenant.tenant_id,
        account_id=tenant.account_ids[0] if tenant.account_ids else account_id_of(tenant.tenant_id),
        mode="live" if production else "sandbox",
        asked_at=platform.clock.now(),
        currency=currency,
        deposit=deposit or (None if production else settings.sandbox_deposit),
    )
    record = await open_account(decisions, opening)
    if not tenant.account_ids:
        await Tenants(platform.store.database).set_accounts(tenant, (opening.account_id,), tenant.fence)
    return record
