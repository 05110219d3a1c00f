"""The steps `validate` and `load_credentials`: whether what was approved can be done at all, before anything is."""

from collections.abc import Sequence
from typing import Protocol

from ops.runtime.errors import HubError
from storage.models.credentials import Credential, OpenedCredential
from storage.models.provisioning import ProvisioningJob
from workers.provisioning.application import ProvisionedApplications
from workers.provisioning.held import HeldJob
from workers.provisioning.market import Market, MarketSource
from workers.provisioning.tenants import TenantStore, active_tenant_of


class Validate:
    """Nothing that cannot be provisioned is begun; from here on the application shows that it is being provisioned."""

    def __init__(self, applications: ProvisionedApplications, tenants: TenantStore, market: MarketSource) -> None:
        self._applications, self._tenants, self._market = applications, tenants, market

    async def do(self, held: HeldJob) -> None:
        """Raises `application.*`, `tenant.*`, `auth.tenant_suspended`, `provisioning.*`."""
        await self._applications.begin(held.job, held.clock.now())
        await active_tenant_of(self._tenants, held.job)
        _check_policy(held.job)
        _check_exchanges(held.job, await self._market.now())

    async def undo(self, held: HeldJob) -> None:
        """The application is approved again, with the reason; an admin can go on from there."""
        await self._applications.give_back(held.job, held.clock.now())


class Vault(Protocol):
    """`storage.credentials.CredentialVault`."""

    async def of_exchange(self, exchange_code: str) -> Sequence[Credential]: ...
    async def opened(self, credential: Credential) -> OpenedCredential: ...


class LoadCredentials:
    """Credentials that are stored for an exchange can be opened. Simulated connectors need none."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def do(self, held: HeldJob) -> None:
        """Nothing of what is opened is kept. Raises `credential.unreadable`."""
        for exchange_code in held.job.targets:
            for credential in await self._vault.of_exchange(exchange_code):
                await self._vault.opened(credential)

    async def undo(self, held: HeldJob) -> None:
        """Nothing was changed."""


def _check_policy(job: ProvisioningJob) -> None:
    for exchange_code in job.policy.priority_exchanges:
        if exchange_code not in job.targets:
            raise HubError("provisioning.policy_impossible", {"exchange_code": exchange_code})


def _check_exchanges(job: ProvisioningJob, market: Market) -> None:
    for exchange_code in job.targets:
        if not market.is_traded(exchange_code):
            raise HubError("provisioning.exchange_unknown", {"exchange_code": exchange_code})
        if not market.connectors(exchange_code):
            raise HubError("provisioning.no_connector", {"exchange_code": exchange_code})
