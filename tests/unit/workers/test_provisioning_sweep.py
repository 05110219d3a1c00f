"""The sweep of provisioning: jobs without anybody are asked for again, approvals without a job get it."""

from collections.abc import Iterable

from ops.runtime.clock import ManualClock
from storage.jobs import Job
from storage.models.applications import Application, ApplicationFilters, cursor_of, job_id_of
from storage.models.provisioning import ProvisioningJob
from storage.models.read_models import Cursor
from workers.sweeps.provisioning import MOST_AT_ONCE, provisioning_sweep


class Store:
    def __init__(self) -> None:
        self.jobs: dict[str, ProvisioningJob] = {}
        self.swept_ids: list[str] = []

    async def insert_if_absent(self, job: ProvisioningJob) -> bool:
        return self.jobs.setdefault(job.job_id, job) is job

    async def known(self, job_ids: Iterable[str]) -> set[str]:
        return set(job_ids) & self.jobs.keys()

    async def due(self, now: int, limit: int) -> list[str]:
        return [job_id for job_id in sorted(self.jobs) if job_id not in self.swept_ids][:limit]

    async def swept(self, job_ids: Iterable[str], now: int) -> None:
        self.swept_ids += job_ids


class Applications:
    def __init__(self, count: int) -> None:
        self.all = [
            Application(
                application_id=f"app_{number:04d}", tenant_id="ten_1", contact_email="a@example.com",
                target_markets=("crypto",), target_exchanges=("BINANCE",), status="approved",
                provisioning_job_id=job_id_of(f"app_{number:04d}"), submitted_at=number, updated_at=1,
            )
            for number in range(count)
        ]  # fmt: skip

    async def page(self, filters: ApplicationFilters, after: Cursor | None, limit: int) -> list[Application]:
        assert filters == ApplicationFilters(status="approved")
        found = [one for one in reversed(self.all) if after is None or cursor_of(one) < after]
        return found[:limit]


class Jobs:
    def __init__(self, problem: str | None = None) -> None:
        self.said, self.asked = problem, list[str]()

    async def enqueue(self, job: Job, argument: str) -> None:
        assert job.name == "provision"
        self.asked.append(argument)

    async def problem(self) -> str | None:
        return self.said


async def test_approvals_without_a_job_get_it_on_every_page() -> None:
    store, applications, jobs = Store(), Applications(2 * MOST_AT_ONCE + 5), Jobs()
    sweep = provisioning_sweep(store, applications, jobs, ManualClock())
    assert await sweep() == MOST_AT_ONCE
    assert store.jobs.keys() == {one.provisioning_job_id for one in applications.all}
    assert [await sweep(), await sweep(), await sweep()] == [MOST_AT_ONCE, 5, 0]
    assert sorted(jobs.asked) == sorted(store.jobs)


async def test_while_the_broker_is_away_jobs_stay_due() -> None:
    store, jobs = Store(), Jobs("away")
    sweep = provisioning_sweep(store, Applications(1), jobs, ManualClock())
    assert await sweep() == 0
    assert (list(store.jobs), store.swept_ids) == (["job_0000"], [])
    jobs.said = None
    assert await sweep() == 1
