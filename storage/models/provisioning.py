"""The saga that provisions an application: which step is next, what is undone, when it is tried again. Pure.

A job does its steps in order, each recorded before and after. What may pass is tried again with a back-off; what cannot pass
(or did not pass for too long) makes the job `failed`: then every step that was begun is undone, in reverse, and it is
`rolled_back`. Undoing is never given up. Times are nanoseconds since the epoch.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from ops.runtime.errors import HubError
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.applications import Application, ProvisionPolicy, job_id_of
from storage.models.pauses import pause_after
from storage.models.read_models import Cursor

StepName = Literal[
    "validate", "open_account", "load_credentials", "bind_connectors", "verify_connectivity", "activate"
]  # fmt: skip
StepStatus = Literal["pending", "running", "done", "failed", "undone"]
JobStatus = Literal["queued", "running", "succeeded", "failed", "rolled_back"]
STEPS: Final[tuple[StepName, ...]] = (
    "validate", "open_account", "load_credentials", "bind_connectors", "verify_connectivity", "activate",
)  # fmt: skip
JOB_STATUSES: Final[tuple[JobStatus, ...]] = ("queued", "running", "succeeded", "failed", "rolled_back")
UNFINISHED: Final[tuple[JobStatus, ...]] = ("queued", "running", "failed")
MOST_TRIES: Final = 6
"""Of a step that is refused from outside: the last one is about half a minute after the first."""
LONGEST_PAUSE_SECONDS: Final = 15


class Trouble(NamedTuple):
    """Why a step was not done. `ours`: store, log or core are away, which is waited for without end; `theirs`: whoever we
    depend on says no, which may pass; `final`: it cannot pass. `code` is of the catalogue, `details` fill its message.
    """

    kind: Literal["ours", "theirs", "final"]
    code: str
    message: str
    details: Mapping[str, Any]


class Step(BaseModel):
    """One step. `attempts` counts how often it (or, later, its undoing) was begun, `refusals` how many of them were refused from
    outside; `undone_at`: what it did is taken back; `undo_error_code`: why that has not worked yet.
    """

    model_config = ConfigDict(frozen=True)

    name: StepName
    status: StepStatus = "pending"
    attempts: int = 0
    refusals: int = 0
    started_at: int | None = None
    finished_at: int | None = None
    undone_at: int | None = None
    error_code: str | None = None
    undo_error_code: str | None = None

    @property
    def is_to_be_undone(self) -> bool:
        """It was begun, so it may have had effects, also where it failed."""
        return self.started_at is not None and self.undone_at is None


class PlannedBinding(BaseModel):
    """Through which connector an exchange is bound. `kept`: the tenant had the right before, so it is left as it is.
    `refused` are the connectors that were down when they were tried.
    """

    model_config = ConfigDict(frozen=True)

    exchange_code: str
    connector: str
    kept: bool = False
    refused: tuple[str, ...] = ()


class Asked(BaseModel):
    """When the order core was asked for something, and the occasion: together they make commands that have one effect."""

    model_config = ConfigDict(frozen=True)

    at: int
    occasion: str


class AccountOpening(BaseModel):
    """What of the account has been asked of the order core. `kept`: the tenant had it before. `closing` is how its opening is
    taken back.
    """

    model_config = ConfigDict(frozen=True)

    account_id: str
    kept: bool = False
    opening: Asked
    closing: Asked | None = None


class ProvisioningJob(BaseModel):
    """One job: there is one for each application, ever. `attempt` counts its runs: a retry by an admin begins another.

    `retry_id` names the write that asked for this run ("": the approval). `fence` is the number of the claim that wrote last: numbers of a tenant only grow, and what is written under a lower one
    than was seen before comes to nothing. Nobody else may claim before `claimed_until`, nor should before `next_try_at`.
    """

    model_config = ConfigDict(frozen=True)

    job_id: str
    application_id: str
    tenant_id: str
    targets: tuple[str, ...]
    policy: ProvisionPolicy
    attempt: int = 1
    status: JobStatus = "queued"
    steps: tuple[Step, ...] = tuple(Step(name=name) for name in STEPS)
    account: AccountOpening | None = None
    bindings: tuple[PlannedBinding, ...] = ()
    error_code: str | None = None
    error_message: str | None = None
    error_details: dict[str, Any] | None = None
    created_at: int
    started_at: int | None = None
    finished_at: int | None = None
    next_try_at: int = 0
    swept_at: int = 0
    retry_id: str = ""
    claimed_until: int = 0
    fence: int = 0
    version: int = 1

    @property
    def is_over(self) -> bool:
        """Nothing more happens unless an admin retries it."""
        return self.status not in UNFINISHED

    @property
    def current_step(self) -> StepName:
        """The step that is at work, or where it ended."""
        if self.status in ("failed", "rolled_back"):
            return next((step.name for step in self.steps if step.status == "failed"), STEPS[0])
        return next((step.name for step in self.steps if step.status != "done"), STEPS[-1])

    def step(self, name: StepName) -> Step:
        """The step of that name."""
        return self.steps[STEPS.index(name)]


class Do(NamedTuple):
    """The next thing is to do a step."""

    step: StepName


class Undo(NamedTuple):
    """The next thing is to undo a step."""

    step: StepName


class End(NamedTuple):
    """Nothing is left but to say how it ended."""

    status: Literal["succeeded", "rolled_back"]


def job_of(application: Application, now: int) -> ProvisioningJob:
    """The job of an approved application, which carries its policy."""
    return ProvisioningJob(
        job_id=job_id_of(application.application_id),
        application_id=application.application_id,
        tenant_id=application.tenant_id,
        targets=application.target_exchanges,
        policy=application.policy,
        created_at=now,
    )


def next_move(job: ProvisioningJob) -> Do | Undo | End | None:
    """What is to happen next to the job; None when it is over."""
    if job.is_over:
        return None
    if job.status == "failed":
        left = [step.name for step in job.steps if step.is_to_be_undone]
        return Undo(left[-1]) if left else End("rolled_back")
    return next((Do(step.name) for step in job.steps if step.status != "done"), End("succeeded"))


def is_claimable(job: ProvisioningJob, now: int) -> bool:
    """Whether a worker may take it up: it is not over, due, and nobody's."""
    return not job.is_over and job.next_try_at <= now and job.claimed_until <= now


def claimed(job: ProvisioningJob, fence: int, until: int, now: int) -> ProvisioningJob:
    """The job in the hands of a worker."""
    status = "running" if job.status == "queued" else job.status
    started_at = now if job.started_at is None else job.started_at
    return _changed(job, status=status, started_at=started_at, fence=fence, claimed_until=until)


def begun(job: ProvisioningJob, name: StepName, now: int) -> ProvisioningJob:
    """A step is about to be tried."""
    step = job.step(name)
    started_at = now if step.started_at is None else step.started_at
    return _with_step(job, name, status="running", attempts=step.attempts + 1, started_at=started_at)


def done(job: ProvisioningJob, name: StepName, now: int) -> ProvisioningJob:
    """A step has its effect."""
    return _with_step(job, name, status="done", finished_at=now, error_code=None)


def troubled(
    job: ProvisioningJob, name: StepName, trouble: Trouble, now: int, most_tries: int = MOST_TRIES
) -> ProvisioningJob:
    """A try of a step came to nothing: it is tried again later, or the job fails with it. Only refusals are counted for that:
    tries that an outage of ours or a killed worker has cut off say nothing about whoever refuses.
    """
    step = job.step(name)
    refusals = step.refusals + (trouble.kind == "theirs")
    told = {"error_code": trouble.code, "error_message": trouble.message, "error_details": dict(trouble.details)}
    if trouble.kind == "final" or (trouble.kind == "theirs" and refusals >= most_tries):
        failed = _with_step(job, name, status="failed", finished_at=now, error_code=trouble.code, refusals=refusals)
        return _changed(failed, status="failed", next_try_at=0, **told)
    later = _with_step(job, name, error_code=trouble.code, refusals=refusals)
    pause = pause_after((refusals if trouble.kind == "theirs" else step.attempts) - 1, LONGEST_PAUSE_SECONDS)
    return _changed(later, next_try_at=now + pause * NANOSECONDS_PER_SECOND, claimed_until=0, **told)


def undoing(job: ProvisioningJob, name: StepName) -> ProvisioningJob:
    """A step is about to be undone."""
    return _with_step(job, name, attempts=job.step(name).attempts + 1)


def undone(job: ProvisioningJob, name: StepName, now: int) -> ProvisioningJob:
    """Nothing is left of a step. One that failed goes on showing that."""
    status = "failed" if job.step(name).status == "failed" else "undone"
    return _with_step(job, name, status=status, undone_at=now, undo_error_code=None)


def undoing_troubled(job: ProvisioningJob, name: StepName, trouble: Trouble, now: int) -> ProvisioningJob:
    """A step could not be undone yet; that is tried until it can. Why the job failed stays what it was."""
    pause = pause_after(job.step(name).attempts - 1, LONGEST_PAUSE_SECONDS)
    later = _with_step(job, name, undo_error_code=trouble.code)
    return _changed(later, next_try_at=now + pause * NANOSECONDS_PER_SECOND, claimed_until=0)


def ended(job: ProvisioningJob, end: End, now: int) -> ProvisioningJob:
    """The job is over. One that succeeded shows no error of tries that came to nothing."""
    quiet: dict[str, Any] = {"error_code": None, "error_message": None, "error_details": None}
    told = quiet if end.status == "succeeded" else {}
    return _changed(job, status=end.status, finished_at=now, next_try_at=0, claimed_until=0, **told)


def retried(job: ProvisioningJob, policy: ProvisionPolicy | None, retry_id: str, now: int) -> ProvisioningJob:
    """The job from its beginning once more, under another policy if one is given; `retry_id` names the write that asks.

    Raises `provisioning_job.wrong_state` for one that was not rolled back.
    """
    if job.status != "rolled_back":
        raise HubError("provisioning_job.wrong_state", {"job_id": job.job_id, "status": job.status})
    fresh = ProvisioningJob(
        job_id=job.job_id,
        application_id=job.application_id,
        tenant_id=job.tenant_id,
        targets=job.targets,
        policy=policy or job.policy,
        attempt=job.attempt + 1,
        created_at=job.created_at,
        retry_id=retry_id,
        fence=job.fence,
        version=job.version,
    )
    return _changed(fresh, swept_at=now)


def cursor_of(job: ProvisioningJob) -> Cursor:
    """The cursor of a page of jobs that ends with `job`."""
    return Cursor(job.created_at, job.job_id)


def _with_step(job: ProvisioningJob, name: StepName, **changes: Any) -> ProvisioningJob:
    steps = [step.model_copy(update=changes) if step.name == name else step for step in job.steps]
    return _changed(job, steps=tuple(steps))


def _changed(job: ProvisioningJob, **changes: Any) -> ProvisioningJob:
    return job.model_copy(update=changes)
