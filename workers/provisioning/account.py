"""The step `open_account`: an account in the order core, then its id in the tenant, from when on routes answer for it."""

from typing import Literal, Protocol

from storage.controls.access_rights import Contended, Superseded
from storage.models.provisioning import AccountOpening, Asked, ProvisioningJob
from storage.models.tenants import Tenant, account_id_of
from storage.mongo.failures import REPLACE_TRIES
from workers.provisioning.core import NeverDone
from workers.provisioning.held import HeldJob
from workers.provisioning.tenants import TenantStore, active_tenant_of, tenant_of
from workers.provisioning.troubles import Away


class AccountCore(Protocol):
    """`workers.provisioning.core.Core`."""

    async def open(self, tenant_id: str, account_id: str, asked: Asked) -> None: ...
    async def close(self, tenant_id: str, account_id: str, opening: Asked, closing: Asked) -> None: ...


class TenantNews(Protocol):
    """`storage.identity_events.IdentityEvents`: tells gateways that a tenant has changed."""

    async def announce(self, kind: Literal["tenant"], identity: str) -> None: ...


class OpenTheAccount:
    """Opens the tenant's account unless it has one."""

    def __init__(self, tenants: TenantStore, core: AccountCore, news: TenantNews) -> None:
        self._tenants, self._core, self._news = tenants, core, news

    async def do(self, held: HeldJob) -> None:
        """Raises `tenant.not_found`, `auth.tenant_suspended`, `provisioning.account_differs`."""
        tenant = await active_tenant_of(self._tenants, held.job)
        plan = held.job.account or await self._planned(held, tenant)
        if plan.kept:
            return
        try:
            await self._core.open(tenant.tenant_id, plan.account_id, plan.opening)
        except NeverDone as error:
            anew = Asked(at=held.clock.now(), occasion=f"{plan.opening.occasion}+")
            await _save(held, plan.model_copy(update={"opening": anew}))
            raise Away("orders", f"too late: {error}") from error
        await self._set_accounts(held.job, (plan.account_id,))

    async def undo(self, held: HeldJob) -> None:
        """Nobody can trade on the account any more, and what was put in is out again. Opened it stays: the log keeps it."""
        plan = held.job.account
        if plan is None or plan.kept:
            return
        await self._set_accounts(held.job, ())
        closing = plan.closing
        if closing is None:
            closing = Asked(at=held.clock.now(), occasion=f"{plan.opening.occasion}:undo")
            await _save(held, plan.model_copy(update={"closing": closing}))
        try:
            await self._core.close(held.job.tenant_id, plan.account_id, plan.opening, closing)
        except NeverDone as error:
            anew = Asked(at=held.clock.now(), occasion=f"{closing.occasion}+")
            await _save(held, plan.model_copy(update={"closing": anew}))
            raise Away("orders", f"too late: {error}") from error

    async def _planned(self, held: HeldJob, tenant: Tenant) -> AccountOpening:
        asked = Asked(at=held.clock.now(), occasion=f"{held.job.job_id}:{held.job.attempt}")
        kept = bool(tenant.account_ids)
        account_id = tenant.account_ids[0] if kept else account_id_of(tenant.tenant_id)
        plan = AccountOpening(account_id=account_id, kept=kept, opening=asked)
        await _save(held, plan)
        return plan

    async def _set_accounts(self, job: ProvisioningJob, account_ids: tuple[str, ...]) -> None:
        for _ in range(REPLACE_TRIES):
            tenant = await tenant_of(self._tenants, job)
            if tenant.fence > job.fence:
                raise Superseded(job.tenant_id)
            if tenant.account_ids == account_ids and tenant.fence == job.fence:
                return
            if await self._tenants.set_accounts(tenant, account_ids, job.fence):
                await self._news.announce("tenant", job.tenant_id)
                return
        raise Contended(job.tenant_id)


async def _save(held: HeldJob, plan: AccountOpening) -> None:
    await held.save(held.job.model_copy(update={"account": plan}))
