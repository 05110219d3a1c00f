"""The job `provision`: claim -> do or undo one step after another, each recorded before and after -> succeeded or rolled back.

A worker may die anywhere: whoever claims the job next goes on with the step that was begun. Steps can be done and undone
again, and what a superseded worker still writes comes to nothing (docs/decisions/0124).
"""

import logging
from collections.abc import Mapping
from typing import Protocol

from ops.runtime.clock import Clock
from ops.runtime.metrics import PROVISIONING_DURATION, PROVISIONING_JOBS, PROVISIONING_STEPS, Metrics
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.controls.access_rights import Superseded
from storage.models.provisioning import (
    MOST_TRIES,
    Do,
    End,
    ProvisioningJob,
    StepName,
    Trouble,
    Undo,
    begun,
    done,
    ended,
    is_claimable,
    next_move,
    troubled,
    undoing,
    undoing_troubled,
    undone,
)
from workers.jobs import TryAgain
from workers.provisioning.held import HeldJob, JobStore, claimed_until
from workers.provisioning.troubles import KNOWN, ClaimLost, trouble_of

_log = logging.getLogger(__name__)


class SagaStep(Protocol):
    """One step. Both may be called again after any part of them has happened, by this worker or another.

    They raise `ClaimLost`, `StoreUnavailable` and what `troubles.KNOWN` names.
    """

    async def do(self, held: HeldJob) -> None: ...
    async def undo(self, held: HeldJob) -> None: ...


class News(Protocol):
    """`workers.provisioning.news.JobNews`."""

    async def ending(self, job: ProvisioningJob, end: End, now: int) -> None: ...
    async def not_undone(self, job: ProvisioningJob, name: StepName, trouble: Trouble, now: int) -> None: ...


class Provisioning:
    """The body of the job."""

    def __init__(
        self,
        store: JobStore,
        steps: Mapping[StepName, SagaStep],
        news: News,
        *,
        clock: Clock,
        metrics: Metrics,
        most_tries: int = MOST_TRIES,
    ) -> None:
        """`most_tries`: of a step that is refused from outside."""
        self._store, self._steps, self._news, self._clock = store, steps, news, clock
        self._most_tries = most_tries
        self._moves, self._ends = metrics.counter(PROVISIONING_STEPS), metrics.counter(PROVISIONING_JOBS)
        self._seconds = metrics.histogram(PROVISIONING_DURATION)

    async def provision(self, job_id: str) -> None:
        """Bring the job to its end unless it is there, waits, or it is another's turn (then a sweep comes back to it).

        Raises `TryAgain` after trouble that may pass and while somebody else has the job, `ValueError` for an id that names no job, and `StoreUnavailable`.
        """
        job = await self._store.get(job_id)
        if job is None:
            raise ValueError(f"there is no provisioning job {job_id!r}")
        if job.is_over:
            await self._store.end_turn(job)  # who has ended it may have died before
            return
        now = self._clock.now()
        if job.claimed_until > now:  # by somebody who may be dead
            raise TryAgain(f"job {job_id} is somebody else's", (job.claimed_until - now) / NANOSECONDS_PER_SECOND)
        if not is_claimable(job, now):
            return
        claimed = await self._store.claim(job, now, claimed_until(now))
        if claimed is None:
            return
        held = HeldJob(self._store, claimed, self._clock)
        try:
            async with held.meanwhile():
                await self._work(held)
        except (ClaimLost, Superseded) as lost:
            _log.warning("job %s is somebody else's now: %s", job_id, lost)

    async def _work(self, held: HeldJob) -> None:
        while (move := next_move(held.job)) is not None:
            match move:
                case Do(step):
                    await self._do(held, step)
                case Undo(step):
                    await self._undo(held, step)
                case End():
                    await self._end(held, move)

    async def _do(self, held: HeldJob, name: StepName) -> None:
        await held.save(begun(held.job, name, self._clock.now()))
        try:
            await self._steps[name].do(held)
        except KNOWN as error:
            await self._troubled(held, name, error)
            return
        await held.save(done(held.job, name, self._clock.now()))
        self._count(name, "done")

    async def _troubled(self, held: HeldJob, name: StepName, error: Exception) -> None:
        trouble = trouble_of(error)
        await held.save(troubled(held.job, name, trouble, self._clock.now(), self._most_tries))
        failed = held.job.status == "failed"
        self._count(name, "failed" if failed else "retried")
        _log.warning("step %s of job %s: %s (%s)", name, held.job.job_id, trouble.code, error)
        if not failed:
            raise self._again(held.job, trouble.code)

    async def _undo(self, held: HeldJob, name: StepName) -> None:
        await held.save(undoing(held.job, name))
        try:
            await self._steps[name].undo(held)
        except KNOWN as error:
            trouble, now = trouble_of(error), self._clock.now()
            await held.save(undoing_troubled(held.job, name, trouble, now))
            self._count(name, "retried")
            _log.warning("step %s of job %s is not undone yet: %s (%s)", name, held.job.job_id, trouble.code, error)
            await self._news.not_undone(held.job, name, trouble, now)
            raise self._again(held.job, trouble.code) from error
        await held.save(undone(held.job, name, self._clock.now()))
        self._count(name, "undone")

    async def _end(self, held: HeldJob, end: End) -> None:
        """The turn is given back last: a job that is over and still has it is no obstacle to others."""
        before, now = held.job, self._clock.now()
        await self._news.ending(before, end, now)
        await held.save(ended(before, end, now))
        self._ends.labels(outcome=end.status).inc()
        self._seconds.observe((now - before.created_at) / NANOSECONDS_PER_SECOND)
        _log.info("job %s %s", before.job_id, end.status)
        await self._store.end_turn(held.job)

    def _again(self, job: ProvisioningJob, reason: str) -> TryAgain:
        return TryAgain(reason, max(0, job.next_try_at - self._clock.now()) / NANOSECONDS_PER_SECOND)

    def _count(self, name: StepName, outcome: str) -> None:
        self._moves.labels(step=name, outcome=outcome).inc()
