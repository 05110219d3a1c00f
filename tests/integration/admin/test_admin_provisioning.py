"""Provisioning jobs over HTTP: admins read them step by step, and retry what was rolled back."""

from typing import Any

import pytest

from storage.models.applications import Application, ProvisionPolicy
from storage.models.provisioning import (
    STEPS,
    End,
    ProvisioningJob,
    Trouble,
    begun,
    claimed,
    done,
    ended,
    job_of,
    troubled,
    undoing,
    undone,
)
from storage.mongo.idempotency import COLLECTION as IDEMPOTENCY
from storage.mongo.provisioning_jobs import ProvisioningJobs
from tests.integration.admin.admin_desk import AdminDesk, Calling

JOBS = "/provisioning/jobs"
KEY = "retry-it-now"


def a_job(desk: AdminDesk, number: int = 1) -> ProvisioningJob:
    application = Application(
        application_id=f"app_{number}", tenant_id=f"ten_{number}", contact_email="a@example.com",
        target_markets=("crypto",), target_exchanges=("BINANCE",), status="approved", submitted_at=1, updated_at=1,
    )  # fmt: skip
    return job_of(application, desk.clock.now() + number)


def rolled_back(job: ProvisioningJob, now: int) -> ProvisioningJob:
    job = done(begun(claimed(job, 1, now, now), "validate", now), "validate", now)
    details = {"exchange_code": "BINANCE", "connector": "sim-a"}
    trouble = Trouble("final", "provisioning.no_connector", "No connector.", details)
    job = troubled(begun(job, "open_account", now), "open_account", trouble, now)
    for step in ("open_account", "validate"):
        job = undone(undoing(job, step), step, now)
    return ended(job, End("rolled_back"), now)


@pytest.fixture
async def calling(desk: AdminDesk) -> Calling:
    return await desk.log_in("ops_admin")


async def put(desk: AdminDesk, job: ProvisioningJob) -> ProvisioningJob:
    assert await ProvisioningJobs(desk.database).insert_if_absent(job)
    return job


async def stored(desk: AdminDesk, job_id: str = "job_1") -> ProvisioningJob:
    found = await ProvisioningJobs(desk.database).get(job_id)
    assert found is not None
    return found


async def test_a_job_is_shown_step_by_step(desk: AdminDesk, calling: Calling) -> None:
    await put(desk, a_job(desk))
    shown = (await calling.get(f"{JOBS}/job_1")).data
    assert {name: shown[name] for name in ("job_id", "application_id", "status", "current_step", "attempt")} == {
        "job_id": "job_1", "application_id": "app_1", "status": "queued", "current_step": "validate", "attempt": 1,
    }  # fmt: skip
    assert [step["name"] for step in shown["steps"]] == list(STEPS)
    assert (shown["error_code"], shown["started_at"], shown["finished_at"]) == (None, None, None)
    assert shown["provision_policy"] == {"auto_bind": True, "fallback_enabled": True, "priority_exchanges": []}


async def test_what_is_wrong_is_said_in_the_callers_language(desk: AdminDesk, calling: Calling) -> None:
    await put(desk, rolled_back(a_job(desk), desk.clock.now()))
    shown = (await desk.open("GET", f"{JOBS}/job_1", calling._headers() | {"Accept-Language": "ja"})).data
    assert (shown["status"], shown["current_step"]) == ("rolled_back", "open_account")
    assert shown["error_code"] == "provisioning.no_connector"
    assert shown["error_details"] == {"exchange_code": "BINANCE", "connector": "sim-a"}
    assert shown["error_message"] == "BINANCE につながる準備済みのコネクタがありません。"
    assert [(step["status"], step["undone_at"] is None) for step in shown["steps"][:3]] == [
        ("undone", False), ("failed", False), ("pending", True),
    ]  # fmt: skip


async def test_what_another_version_called_wrong_is_shown_as_it_said_it(desk: AdminDesk, calling: Calling) -> None:
    job = rolled_back(a_job(desk), desk.clock.now())
    await put(desk, job.model_copy(update={"error_code": "later.code", "error_message": "It said this."}))
    shown = await calling.get(f"{JOBS}/job_1")
    assert (shown.status, shown.data["error_code"], shown.data["error_message"]) == (200, "later.code", "It said this.")


async def test_jobs_are_listed_in_pages_newest_first(desk: AdminDesk, calling: Calling) -> None:
    for number in range(1, 6):
        await put(desk, a_job(desk, number))
    await put(desk, rolled_back(a_job(desk, 9), desk.clock.now()))
    first = (await calling.get(f"{JOBS}?page_size=2&status=queued")).data
    token = first["next_page_token"]
    second = (await calling.get(f"{JOBS}?page_size=2&status=queued&page_token={token}")).data
    assert [one["job_id"] for one in (*first["items"], *second["items"])] == ["job_5", "job_4", "job_3", "job_2"]
    assert [one["job_id"] for one in (await calling.get(f"{JOBS}?status=rolled_back")).data["items"]] == ["job_9"]
    assert (await calling.get(f"{JOBS}?status=gone")).code == "request.invalid"


async def test_what_was_rolled_back_is_retried_once_for_a_key(desk: AdminDesk, calling: Calling) -> None:
    await put(desk, rolled_back(a_job(desk), desk.clock.now()))
    body: dict[str, Any] = {"provision_policy": {"fallback_enabled": False, "priority_exchanges": ["BINANCE"]}}
    answers = [await calling.send("POST", f"{JOBS}/job_1/retry", body, KEY) for _ in range(2)]
    assert answers[0].body == answers[1].body
    shown = answers[0].data
    assert (shown["status"], shown["attempt"], shown["error_code"]) == ("queued", 2, None)
    assert {step["status"] for step in shown["steps"]} == {"pending"}
    job = await stored(desk)
    assert job.policy == ProvisionPolicy(fallback_enabled=False, priority_exchanges=("BINANCE",))
    assert desk.jobs.asked == [("provision", "job_1")]
    told = [event for event in await desk.told() if event.action == "provisioning.retry"]
    assert [event.stage for event in told] == ["intended", "done"]
    assert told[0].before == {"status": "rolled_back", "attempt": 1}


async def test_a_retry_keeps_the_policy_unless_another_is_sent(desk: AdminDesk, calling: Calling) -> None:
    job = a_job(desk).model_copy(update={"policy": ProvisionPolicy(auto_bind=False)})
    await put(desk, rolled_back(job, desk.clock.now()))
    assert (await calling.send("POST", f"{JOBS}/job_1/retry", {})).data["provision_policy"]["auto_bind"] is False
    assert (await calling.send("POST", f"{JOBS}/job_1/retry", {})).code == "provisioning_job.wrong_state"
    assert (
        await calling.send("POST", f"{JOBS}/job_1/retry", {"provision_policy": {"auto": True}})
    ).code == "request.invalid"
    assert (await calling.send("POST", f"{JOBS}/job_7/retry", {})).code == "provisioning_job.not_found"


async def test_a_retry_under_a_policy_that_cannot_be_is_refused_and_leaves_the_job(
    desk: AdminDesk, calling: Calling
) -> None:
    before = await put(desk, rolled_back(a_job(desk), desk.clock.now()))
    impossible = {"provision_policy": {"priority_exchanges": ["XNAS"]}}
    refused = await calling.send("POST", f"{JOBS}/job_1/retry", impossible)
    assert refused.code == "request.invalid"
    assert [field["name"] for field in refused.error["details"]["fields"]] == ["provision_policy.priority_exchanges"]
    assert await stored(desk) == before
    assert desk.jobs.asked == []


async def test_a_crash_after_the_retry_was_stored_is_gone_on_from(desk: AdminDesk, calling: Calling) -> None:
    await put(desk, rolled_back(a_job(desk), desk.clock.now()))
    assert (await calling.send("POST", f"{JOBS}/job_1/retry", {}, KEY)).status == 200
    before = await stored(desk)
    lost = {"$set": {"state": "in_progress", "lease_until": 0}, "$unset": {"answer": ""}}
    await desk.database[IDEMPOTENCY].update_many({}, lost)
    desk.clock.advance(60)
    again = await calling.send("POST", f"{JOBS}/job_1/retry", {}, KEY)
    assert again.status == 200, again.body
    assert await stored(desk) == before
