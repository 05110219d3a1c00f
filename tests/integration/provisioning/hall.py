"""A whole platform in which jobs provision: the streams over its log in this process, applications, and what must hold after."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from ops.processes.controls import announcer_of
from ops.processes.job_parts import open_workers
from ops.processes.lifetime import Background
from ops.processes.local import set_up
from ops.processes.local_streams import LocalStreams
from ops.processes.platform import Platform, opened_platform
from ops.processes.reference_watch import ReferenceWatch
from ops.runtime.settings import Settings
from storage.jobs import PROVISION, DramatiqJobs, open_jobs
from storage.models.access_bindings import AccessBinding
from storage.models.applications import Application, ProvisionPolicy, job_id_of
from storage.models.connectors import Connector
from storage.models.controls import Binding, Fault
from storage.models.provisioning import ProvisioningJob, job_of
from storage.models.read_models import OpenedAccount
from storage.models.tenants import Tenant, account_id_of
from storage.models.venues import ConnectorFault
from storage.mongo.access_bindings import AccessBindings
from storage.mongo.accounts import Accounts
from storage.mongo.applications import Applications
from storage.mongo.audit_events import COLLECTION as AUDIT
from storage.mongo.connectors import Connectors
from storage.mongo.controls import ControlDocuments
from storage.mongo.provisioning_jobs import ProvisioningJobs
from storage.mongo.tenants import Tenants
from tests.integration.orders.trading_place import projected

SECOND = 1_000_000_000
DEPOSIT = "1000000"


@dataclass
class Hall:
    """The platform, and what has been asked of it."""

    platform: Platform
    jobs: DramatiqJobs
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        database = self.platform.store.database
        self.store, self.applications = ProvisioningJobs(database), Applications(database)
        self.tenants, self.bindings = Tenants(database), AccessBindings(database)
        self.accounts, self.controls = Accounts(database), ControlDocuments(database)
        self.connectors = Connectors(database)

    async def tenant(self, name: str, **changes: Any) -> Tenant:
        """A tenant that has nothing yet."""
        tenant = Tenant(**{"tenant_id": f"ten_{name}", "name": f"Company {name}", "created_at": 1, **changes})
        await self.tenants.insert(tenant)
        return tenant

    async def approved(
        self, name: str, exchanges: tuple[str, ...], tenant_id: str | None = None, **policy: Any
    ) -> Application:
        """An application that an admin has approved, whose job nobody has stored or asked for."""
        now = self.platform.clock.now()
        application = Application(
            application_id=f"app_{name}",
            tenant_id=tenant_id or (await self.tenant(name)).tenant_id,
            contact_email=f"{name}@example.com",
            target_markets=("crypto",),
            target_exchanges=exchanges,
            status="approved",
            policy=ProvisionPolicy(**policy),
            provisioning_job_id=job_id_of(f"app_{name}"),
            submitted_at=now,
            updated_at=now,
        )
        assert await self.applications.insert(application)
        return application

    async def asked_for(self, application: Application) -> str:
        """Its job, stored and asked for."""
        job = job_of(application, self.platform.clock.now())
        assert await self.store.insert_if_absent(job)
        await self.jobs.enqueue(PROVISION, job.job_id)
        self.asked.append(job.job_id)
        return job.job_id

    async def job(self, job_id: str) -> ProvisioningJob:
        found = await self.store.get(job_id)
        assert found is not None
        return found

    async def until(self, job_id: str, condition: Callable[[ProvisioningJob], bool], seconds: float) -> ProvisioningJob:
        async with asyncio.timeout(seconds):
            while not condition(job := await self.job(job_id)):  # noqa: ASYNC110  (others write it)
                await asyncio.sleep(0.02)
        return job

    async def over(self, job_id: str, seconds: float = 20) -> ProvisioningJob:
        return await self.until(job_id, lambda job: job.is_over, seconds)

    async def fault(self, connector: str, fault: ConnectorFault) -> None:
        await announcer_of(self.platform).change([Fault(connector, fault)])

    async def catalog(self, **asset_classes: tuple[str, ...]) -> None:
        """The connectors that are ready, and what they lead to; the others are deprecated."""
        for found in await self.connectors.all():
            changes = {"integration_stage": "deprecated", "version": found.version + 1}
            assert await self.connectors.replace(found.model_copy(update=changes))
        for name, classes in asset_classes.items():
            connector = Connector(
                connector_id=name.replace("_", "-"), provider="p", provider_type="simulated", asset_classes=classes,
                integration_stage="ready", created_at=1, updated_at=1,
            )  # fmt: skip
            found = await self.connectors.get(connector.connector_id)
            if found is None:
                await self.connectors.insert(connector)
            else:
                version = {"version": found.version + 1}
                assert await self.connectors.replace(connector.model_copy(update=version))

    async def application(self, job: ProvisioningJob) -> Application:
        found = await self.applications.get(job.application_id)
        assert found is not None
        return found

    async def rights(self, tenant_id: str) -> dict[str, tuple[str, str, str]]:
        """By exchange: the connector, what people are shown, what decisions obey."""
        shown = {one.exchange_code: one for one in await self.bindings.of_tenant(tenant_id)}
        obeyed = await self._controls(tenant_id)
        assert shown.keys() == obeyed.keys(), "a binding in one form only"
        return {code: _both(shown[code], obeyed[code]) for code in shown}

    async def account(self, account_id: str, *, settled: bool = True) -> OpenedAccount | None:
        """As reads show it, once they have come to the present end of the log."""
        if settled:
            await projected(self.platform)
        return await self.accounts.get(account_id)

    async def ends_told(self, application_id: str) -> list[str]:
        """What the audit trail has about ends of runs, oldest first."""
        condition = {"actor_id": "provisioning", "target_id": application_id}
        found = self.platform.store.database[AUDIT].find(condition).sort("_id", 1)
        return [document["action"] async for document in found]

    async def check(self, job: ProvisioningJob) -> None:
        """All of it is there, once, or nothing is."""
        application = await self.application(job)
        [tenant] = (await self.tenants.get_many([job.tenant_id])).values()
        account = await self.account(account_id_of(job.tenant_id), settled=False)
        rights = await self.rights(job.tenant_id)
        told = await self.ends_told(job.application_id)
        assert len(told) == job.attempt
        if job.status == "succeeded":
            assert told[-1] == "provisioning.succeeded"
            assert (application.status, application.failure_code) == ("active", None)
            assert application.mail is not None
            assert tenant.account_ids == (account_id_of(job.tenant_id),)
            assert account is not None
            assert (account.account.balances, account.account.trading_state) == ({"USD": DEPOSIT}, "active")
            planned = {one.exchange_code: (one.connector, "active", "active") for one in job.bindings}
            assert rights == planned
            assert planned.keys() == set(job.targets)
            return
        assert (job.status, told[-1]) == ("rolled_back", "provisioning.rolled_back")
        assert (application.status, application.failure_code) == ("approved", job.error_code)
        assert application.mail is None
        assert tenant.account_ids == ()
        if account is not None:
            assert (account.account.balances, account.account.trading_state) == ({"USD": "0"}, "halted")
        assert {(shown, obeyed) for _, shown, obeyed in rights.values()} <= {("failed", "failed")}

    async def _controls(self, tenant_id: str) -> dict[str, Binding]:
        found = [one.document for one in await self.controls.of_kind("binding")]
        ours = [one for one in found if isinstance(one, Binding) and one.tenant_id == tenant_id]
        return {one.venue: one for one in ours}


@asynccontextmanager
async def opened_hall(settings: Settings, *, with_workers: bool = True) -> AsyncIterator[Hall]:
    """The streams of a platform, over whatever log and store `settings` name, and by default its workers."""
    async with opened_platform(settings) as platform:
        await set_up(platform)
        stop = asyncio.Event()
        background = Background(stop)
        reference = await ReferenceWatch.opened(platform)
        streams = await LocalStreams.started(platform, background, reference)
        jobs = open_jobs(settings.jobs_url, platform.metrics, settings.topic_prefix)
        workers = open_workers(platform, background, jobs) if with_workers else None
        try:
            yield Hall(platform, jobs)
        finally:
            if workers is not None:
                await workers.stop(1.0)
            await streams.stop()
            await background.end()
            jobs.close()


def _both(shown: AccessBinding, obeyed: Binding) -> tuple[str, str, str]:
    assert shown.connector == obeyed.connector
    return shown.connector, shown.status, obeyed.status
