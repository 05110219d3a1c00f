"""A job in the hands of this worker: its claim is renewed while it is worked on, and every change is stored under it."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from ops.runtime.clock import Clock
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.provisioning import ProvisioningJob
from workers.provisioning.troubles import ClaimLost
from workers.renewing import renewed_meanwhile

CLAIM_SECONDS: Final = 6
RENEW_SECONDS: Final = 2.0


class JobStore(Protocol):
    """`storage.mongo.provisioning_jobs.ProvisioningJobs`, which says what each promises."""

    async def get(self, job_id: str) -> ProvisioningJob | None: ...
    async def claim(self, job: ProvisioningJob, now: int, until: int) -> ProvisioningJob | None: ...
    async def renew(self, job: ProvisioningJob, until: int) -> bool: ...
    async def save(self, job: ProvisioningJob) -> ProvisioningJob | None: ...
    async def end_turn(self, job: ProvisioningJob) -> None: ...


def claimed_until(now: int) -> int:
    """When a claim ends that is taken or renewed `now` (ns)."""
    return now + CLAIM_SECONDS * NANOSECONDS_PER_SECOND


class HeldJob:
    """`job` is how the job stands; the claim is renewed every 2 s inside `async with held.meanwhile()`."""

    def __init__(self, store: JobStore, job: ProvisioningJob, clock: Clock) -> None:
        self.job = job
        self.clock = clock
        self._store = store
        self._writing = asyncio.Lock()

    async def save(self, job: ProvisioningJob) -> None:
        """Store a change of the job. Raises `ClaimLost`."""
        async with self._writing:
            saved = await self._store.save(self._renewed(job))
        if saved is None:
            raise ClaimLost(job.job_id)
        self.job = saved

    def meanwhile(self) -> AbstractAsyncContextManager[None]:
        """Hold the claim until the block ends, or somebody else has it; then the next write says so."""
        return renewed_meanwhile(f"job {self.job.job_id}", RENEW_SECONDS, self._renew)

    def _renewed(self, job: ProvisioningJob) -> ProvisioningJob:
        """A write of a job that stays in our hands renews the claim too."""
        if not job.claimed_until:
            return job
        return job.model_copy(update={"claimed_until": claimed_until(self.clock.now())})

    async def _renew(self) -> bool:
        async with self._writing:
            if not self.job.claimed_until:
                return True  # it was given back, and there is nothing to renew
            return await self._store.renew(self.job, claimed_until(self.clock.now()))
