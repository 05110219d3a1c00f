"""Provisioning jobs over both adapters: claimed by one, written under the newest claim alone, one job of a tenant at a time."""

import asyncio

import pytest

from storage.models.applications import Application
from storage.models.provisioning import End, ProvisioningJob, begun, ended, job_of
from storage.models.tenants import Tenant
from storage.mongo.connect import Store
from storage.mongo.documents import Database
from storage.mongo.provisioning_jobs import JOB_SECONDS, SWEPT_SECONDS, ProvisioningJobs
from storage.mongo.tenants import Tenants

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
UNTIL = NOW + 6 * SECOND


def a_job(number: int = 1, tenant_id: str = "ten_1") -> ProvisioningJob:
    application = Application(
        application_id=f"app_{number}", tenant_id=tenant_id, contact_email="a@example.com", target_markets=("crypto",),
        target_exchanges=("BINANCE",), status="approved", submitted_at=1, updated_at=1,
    )  # fmt: skip
    return job_of(application, NOW + number)


@pytest.fixture
def jobs(database: Database) -> ProvisioningJobs:
    return ProvisioningJobs(database)


async def claim(jobs: ProvisioningJobs, job_id: str, now: int = NOW) -> ProvisioningJob | None:
    job = await jobs.get(job_id)
    assert job is not None
    return await jobs.claim(job, now, now + 6 * SECOND)


async def test_a_job_is_stored_once_and_read_as_it_is(jobs: ProvisioningJobs) -> None:
    assert await jobs.insert_if_absent(a_job())
    assert not await jobs.insert_if_absent(a_job().model_copy(update={"targets": ("OTHER",)}))
    assert await jobs.get("job_1") == a_job()
    assert await jobs.get("job_2") is None
    assert await jobs.known(["job_1", "job_2"]) == {"job_1"}


async def test_a_claim_is_one_workers_until_it_ends(jobs: ProvisioningJobs) -> None:
    await jobs.insert_if_absent(a_job())
    first = await claim(jobs, "job_1")
    assert first is not None
    assert (first.status, first.fence, first.claimed_until) == ("running", 1, UNTIL)
    assert await claim(jobs, "job_1", UNTIL - 1) is None
    assert await jobs.renew(first, UNTIL + SECOND)
    assert await claim(jobs, "job_1", UNTIL) is None
    second = await claim(jobs, "job_1", UNTIL + SECOND)
    assert second is not None
    assert second.fence == 2
    assert await jobs.save(begun(first, "validate", NOW)) is None
    assert not await jobs.renew(first, UNTIL + 100 * SECOND)
    saved = await jobs.save(begun(second, "validate", NOW))
    assert saved is not None
    assert await jobs.get("job_1") == saved


async def test_of_two_that_claim_at_once_one_has_it(real_store: Store) -> None:
    jobs = ProvisioningJobs(real_store.database)
    await jobs.insert_if_absent(a_job())
    for turn in range(10):
        claims = await asyncio.gather(*(claim(jobs, "job_1", NOW + turn * 60 * SECOND) for _ in range(6)))
        held = [one for one in claims if one is not None]
        assert len(held) <= 1
        stored = await jobs.get("job_1")
        assert stored is not None
        if held:
            assert stored == held[0]


async def test_a_tenants_jobs_take_turns_under_numbers_that_grow(jobs: ProvisioningJobs) -> None:
    for job in (a_job(1), a_job(2), a_job(3, "ten_2")):
        await jobs.insert_if_absent(job)
    first, other = await claim(jobs, "job_1"), await claim(jobs, "job_3")
    assert first is not None
    assert other is not None
    assert await claim(jobs, "job_2") is None
    over = await jobs.save(ended(first, End("succeeded"), NOW))
    assert over is not None
    second = await claim(jobs, "job_2")  # though the turn was not given back
    assert second is not None
    assert (first.fence, second.fence, other.fence) == (1, 2, 1)
    await jobs.end_turn(over)  # too late: it is the other's
    later = await claim(jobs, "job_2", NOW + 60 * SECOND)
    assert later is not None
    await jobs.end_turn(later)
    again = await claim(jobs, "job_2", NOW + 120 * SECOND)
    assert again is not None
    assert again.fence == 4


async def test_what_has_nobody_is_due_until_it_was_asked_for(jobs: ProvisioningJobs) -> None:
    await jobs.insert_if_absent(a_job())
    late = NOW + 1 + JOB_SECONDS * SECOND
    assert await jobs.due(late - 1, 10) == []
    assert await jobs.due(late, 10) == ["job_1"]
    await jobs.swept(["job_1"], late)
    assert await jobs.due(late + SWEPT_SECONDS * SECOND - 1, 10) == []
    assert await jobs.due(late + SWEPT_SECONDS * SECOND, 10) == ["job_1"]
    long_after = NOW + 60 * SECOND
    held = await claim(jobs, "job_1", long_after)
    assert held is not None
    assert await jobs.due(long_after + 6 * SECOND - 1, 10) == []
    assert await jobs.due(long_after + 6 * SECOND, 10) == ["job_1"]
    assert await jobs.save(ended(held, End("rolled_back"), NOW)) is not None
    assert await jobs.due(long_after + 600 * SECOND, 10) == []


async def test_pages_are_newest_first_and_by_status(jobs: ProvisioningJobs) -> None:
    for number in range(1, 6):
        await jobs.insert_if_absent(a_job(number, f"ten_{number}"))
    assert await claim(jobs, "job_4") is not None
    assert [job.job_id for job in await jobs.page(None, None, 3)] == ["job_5", "job_4", "job_3"]
    assert [job.job_id for job in await jobs.page("running", None, 3)] == ["job_4"]


async def test_a_replaced_job_is_the_version_after_the_one_that_was_read(jobs: ProvisioningJobs) -> None:
    await jobs.insert_if_absent(a_job())
    job = await jobs.get("job_1")
    assert job is not None
    replaced = await jobs.replace(job.model_copy(update={"attempt": 2}))
    assert replaced is not None
    assert (replaced.version, replaced.attempt) == (2, 2)
    assert await jobs.replace(job.model_copy(update={"attempt": 3})) is None


async def test_accounts_of_a_tenant_are_set_by_the_newest_claim(database: Database) -> None:
    tenants = Tenants(database)
    await tenants.insert(Tenant(tenant_id="ten_1", name="T", created_at=1))
    await database["tenants"].update_one({"_id": "ten_1"}, {"$unset": {"fence": ""}})  # as an earlier version wrote it
    [tenant] = (await tenants.get_many(["ten_1"])).values()
    assert await tenants.set_accounts(tenant, ("acc_1",), 5)
    assert not await tenants.set_accounts(tenant, (), 6)
    [tenant] = (await tenants.get_many(["ten_1"])).values()
    assert (tenant.account_ids, tenant.fence) == (("acc_1",), 5)
    assert not await tenants.set_accounts(tenant, (), 4)
    assert await tenants.set_accounts(tenant, (), 6)
