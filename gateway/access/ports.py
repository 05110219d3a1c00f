"""What applications and their views need of other parts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.market.ports import ReferenceSource
from ops.runtime.languages import Languages
from storage.models.access_bindings import AccessBinding
from storage.models.applications import Application, ApplicationFilters
from storage.models.provisioning import JobStatus, ProvisioningJob
from storage.models.read_models import Cursor


class ApplicationStore(Protocol):
    """The applications (storage/mongo/applications.py, which says what each promises)."""

    async def insert(self, application: Application) -> bool: ...
    async def get(self, application_id: str) -> Application | None: ...
    async def replace(self, application: Application) -> bool: ...
    async def page(self, filters: ApplicationFilters, after: Cursor | None, limit: int) -> list[Application]: ...


class BindingStore(Protocol):
    """The bindings (storage/mongo/access_bindings.py)."""

    async def of_tenant(self, tenant_id: str) -> list[AccessBinding]: ...
    async def of_applications(self, application_ids: Iterable[str]) -> Mapping[str, list[AccessBinding]]: ...


class JobStore(Protocol):
    """The provisioning jobs (storage/mongo/provisioning_jobs.py)."""

    async def get(self, job_id: str) -> ProvisioningJob | None: ...
    async def insert_if_absent(self, job: ProvisioningJob) -> bool: ...
    async def replace(self, job: ProvisioningJob) -> ProvisioningJob | None: ...
    async def page(self, status: JobStatus | None, after: Cursor | None, limit: int) -> list[ProvisioningJob]: ...


@dataclass(frozen=True, slots=True)
class AccessParts:
    """What access is made of, for tenants and for admins."""

    applications: ApplicationStore
    bindings: BindingStore
    jobs: JobStore
    reference: ReferenceSource
    languages: Languages
