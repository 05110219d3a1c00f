"""The sweep of provisioning: a job that no message comes for, or whose worker died, gets a new message; an approval whose
job was never stored gets the job.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol

from ops.runtime.clock import Clock
from storage.jobs import PROVISION
from storage.models.applications import Application, ApplicationFilters, cursor_of
from storage.models.provisioning import ProvisioningJob, job_of
from storage.models.read_models import Cursor
from workers.sweeps.ports import AnsweringJobs

MOST_AT_ONCE: Final = 100
"""Of a turn; the rest is found at the next one."""
_APPROVED: Final = ApplicationFilters(status="approved")


class SweptJobs(Protocol):
    """`storage.mongo.provisioning_jobs.ProvisioningJobs`."""

    async def insert_if_absent(self, job: ProvisioningJob) -> bool: ...
    async def known(self, job_ids: Iterable[str]) -> set[str]: ...
    async def due(self, now: int, limit: int) -> list[str]: ...
    async def swept(self, job_ids: Iterable[str], now: int) -> None: ...


class ListedApplications(Protocol):
    """`storage.mongo.applications.Applications`."""

    async def page(self, filters: ApplicationFilters, after: Cursor | None, limit: int) -> list[Application]: ...


def provisioning_sweep(
    store: SweptJobs, applications: ListedApplications, jobs: AnsweringJobs, clock: Clock
) -> Callable[[], Awaitable[int]]:
    """The work of that sweep. While the broker is away nothing is asked of it, and the jobs stay due."""

    async def sweep() -> int:
        await _make_missing(store, applications, clock)
        if await jobs.problem() is not None:
            return 0
        found = await store.due(clock.now(), MOST_AT_ONCE)
        await asyncio.gather(*(jobs.enqueue(PROVISION, job_id) for job_id in found))
        await store.swept(found, clock.now())
        return len(found)

    return sweep


async def _make_missing(store: SweptJobs, applications: ListedApplications, clock: Clock) -> None:
    """Whoever approved died before the job was stored. Approved is also what has been rolled back: that has its job."""
    after: Cursor | None = None
    while True:
        page = await applications.page(_APPROVED, after, MOST_AT_ONCE)
        wanted = {found.provisioning_job_id: found for found in page if found.provisioning_job_id is not None}
        for job_id in wanted.keys() - await store.known(wanted):
            await store.insert_if_absent(job_of(wanted[job_id], clock.now()))
        if len(page) < MOST_AT_ONCE:
            return
        after = cursor_of(page[-1])
