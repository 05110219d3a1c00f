"""The steps `bind_connectors`, `verify_connectivity` and `activate`: the right to trade each exchange, through a connector
that answers.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from ops.runtime.errors import HubError
from storage.controls.access_rights import AccessRights
from storage.jobs import SEND_MAIL, Jobs
from storage.models.access_bindings import AccessBinding, BindingStatus
from storage.models.provisioning import PlannedBinding, ProvisioningJob
from storage.models.venues import ConnectorCheck
from workers.provisioning.application import ProvisionedApplications
from workers.provisioning.held import HeldJob
from workers.provisioning.market import Market, MarketSource
from workers.provisioning.tenants import TenantStore, active_tenant_of
from workers.provisioning.troubles import Away, NotNow

ANSWER_SECONDS: Final = 6.0


class Rights:
    """Writes the rights of a job's tenant under the job's claim."""

    def __init__(self, rights: AccessRights) -> None:
        self._rights = rights

    async def write(self, held: HeldJob, planned: PlannedBinding, status: BindingStatus) -> None:
        """Make the right to one exchange so. Raises as `AccessRights.set`."""
        job, now = held.job, held.clock.now()
        await self._rights.set(
            AccessBinding(
                tenant_id=job.tenant_id,
                exchange_code=planned.exchange_code,
                connector=planned.connector,
                status=status,
                application_id=job.application_id,
                job_id=job.job_id,
                activated_at=now if status == "active" else None,
                updated_at=now,
                fence=job.fence,
            )
        )

    async def show(self, held: HeldJob, kept: PlannedBinding) -> None:
        """A right that counts without an application (an operator has given it) is shown like any other."""
        shown, _ = await self._rights.of(held.job.tenant_id, kept.exchange_code)
        if shown is None or (shown.status, shown.connector) != ("active", kept.connector):
            await self.write(held, kept, "active")

    async def kept(self, job: ProvisioningJob, exchange_code: str) -> PlannedBinding | None:
        """The right as the tenant has it already."""
        _, control = await self._rights.of(job.tenant_id, exchange_code)
        if control is None or control.status != "active":
            return None
        return PlannedBinding(exchange_code=exchange_code, connector=control.connector, kept=True)


class BindConnectors:
    """Chooses a connector for each exchange and writes the rights, which do not count yet."""

    def __init__(self, rights: Rights, market: MarketSource) -> None:
        self._rights, self._market = rights, market

    async def do(self, held: HeldJob) -> None:
        """What is chosen is stored first, so that it can be taken back. Where no connector is up the first is chosen, for
        `verify_connectivity` to wait for.
        """
        if not held.job.bindings:
            planned = await self._planned(held.job)
            await held.save(held.job.model_copy(update={"bindings": planned}))
        for binding in held.job.bindings:
            if binding.kept:
                await self._rights.show(held, binding)
            else:
                await self._rights.write(held, binding, "pending")

    async def undo(self, held: HeldJob) -> None:
        """The rights that the job has given are `failed`; those that the tenant had before stay."""
        for binding in reversed(held.job.bindings):
            if not binding.kept:
                await self._rights.write(held, binding, "failed")

    async def _planned(self, job: ProvisioningJob) -> tuple[PlannedBinding, ...]:
        market = await self._market.now()
        planned = []
        for exchange_code in in_order(job):
            kept = await self._rights.kept(job, exchange_code)
            planned.append(kept or _chosen(job, exchange_code, market))
        return tuple(planned)


class Asking(Protocol):
    """`storage.connector_asking.ConnectorAsking`."""

    async def ask(self, check_id: str, connector: str, seconds: float) -> ConnectorCheck | None: ...


class VerifyConnectivity:
    """Asks each connector that was chosen; where one is down and the policy allows it, the next one is taken."""

    def __init__(self, rights: Rights, market: MarketSource, asking: Asking) -> None:
        self._rights, self._market, self._asking = rights, market, asking

    async def do(self, held: HeldJob) -> None:
        """Without `auto_bind` nobody is asked. Raises `NotNow` when no connector of an exchange can be taken, `Away` when nobody says
        whether one could.
        """
        market = await self._market.now()
        checked: dict[str, ConnectorCheck] = {}
        for place, binding in enumerate(held.job.bindings):
            if binding.kept or not held.job.policy.auto_bind:
                continue
            while (reason := await self._down(held, place, market, checked)) is not None:
                await self._fall_back(held, place, market, reason)

    async def undo(self, held: HeldJob) -> None:
        """Nothing was changed but the choice of connectors, which `bind_connectors` takes back."""

    async def _down(self, held: HeldJob, place: int, market: Market, checked: dict[str, ConnectorCheck]) -> str | None:
        """Why the chosen connector cannot be taken: it is set down, or it says so itself; None when it answers."""
        connector = held.job.bindings[place].connector
        if connector in market.down:
            return "connector.unavailable"
        check = await self._check(held.job, connector, checked)
        return None if check.status == "up" else check.reason or "connector.unavailable"

    async def _check(self, job: ProvisioningJob, connector: str, checked: dict[str, ConnectorCheck]) -> ConnectorCheck:
        """Each is asked once a try, under an id of the try's own: what was answered to an earlier one does not count."""
        if connector not in checked:
            attempts = job.step("verify_connectivity").attempts
            check_id = f"{job.job_id}:{job.attempt}:{attempts}:{connector}"
            answer = await self._asking.ask(check_id, connector, ANSWER_SECONDS)
            if answer is None:
                raise Away("venues", f"nobody says whether {connector} answers")
            checked[connector] = answer
        return checked[connector]

    async def _fall_back(self, held: HeldJob, place: int, market: Market, reason: str) -> None:
        job, binding = held.job, held.job.bindings[place]
        refused = (*binding.refused, binding.connector)
        left = [one for one in market.connectors(binding.exchange_code) if one not in refused]
        if not job.policy.fallback_enabled or not left:
            await self._choose(held, place, binding.model_copy(update={"refused": ()}))
            if silent := [one for one in refused if one in market.silent]:  # an outage of ours fails no job
                raise Away("venues", f"nobody says whether {silent[0]} answers")
            raise NotNow("connector.unavailable", _about(binding.exchange_code, binding.connector, reason))
        other = binding.model_copy(update={"connector": left[0], "refused": refused})
        await self._choose(held, place, other)
        await self._rights.write(held, other, "pending")

    async def _choose(self, held: HeldJob, place: int, binding: PlannedBinding) -> None:
        bindings = list(held.job.bindings)
        bindings[place] = binding
        await held.save(held.job.model_copy(update={"bindings": tuple(bindings)}))


class Activate:
    """With `auto_bind` the rights count from now on; the application is active, and its contact is told where it can trade."""

    def __init__(self, rights: Rights, applications: ProvisionedApplications, tenants: TenantStore, jobs: Jobs) -> None:
        self._rights, self._applications, self._tenants, self._jobs = rights, applications, tenants, jobs

    async def do(self, held: HeldJob) -> None:
        """What could refuse it is asked first: once a right counts, nothing but an outage stands between it and the end.

        Without `auto_bind` the rights stay pending. Raises `tenant.not_found`, `auth.tenant_suspended`, `application.*`.
        """
        job = held.job
        if not await self._applications.is_active(job):
            tenant = await active_tenant_of(self._tenants, job)
            if job.policy.auto_bind:
                for binding in job.bindings:
                    if not binding.kept:
                        await self._rights.write(held, binding, "active")
            active = await self._applications.activate(job, tenant.name, held.clock.now())
            if active.mail is not None:
                await self._jobs.enqueue(SEND_MAIL, active.mail.outbox_id)

    async def undo(self, held: HeldJob) -> None:
        """The rights do not count any more."""
        for binding in held.job.bindings:
            if not binding.kept:
                await self._rights.write(held, binding, "pending")


def in_order(job: ProvisioningJob) -> Sequence[str]:
    """The exchanges of a job: those of the policy's priority first."""
    first = [one for one in job.policy.priority_exchanges if one in job.targets]
    return list(dict.fromkeys([*first, *job.targets]))


def _chosen(job: ProvisioningJob, exchange_code: str, market: Market) -> PlannedBinding:
    connectors = market.connectors(exchange_code)
    if not connectors:
        raise HubError("provisioning.no_connector", {"exchange_code": exchange_code})
    wanted = connectors if job.policy.fallback_enabled else connectors[:1]
    up = [connector for connector in wanted if connector not in market.down]
    return PlannedBinding(exchange_code=exchange_code, connector=(up or wanted)[0])


def _about(exchange_code: str, connector: str, reason: str) -> dict[str, str]:
    return {"exchange_code": exchange_code, "connector": connector, "reason": reason}
