"""Applications as admins see and rule them: opened, decided once, one job, one mail, told in the trail, whoever else decides."""

import asyncio
from typing import Any

import pytest

from storage.models.access_bindings import AccessBinding
from storage.models.alert_codes import PROVISIONING_FAILED
from storage.models.applications import Application, moved
from storage.models.provisioning import End, JobStatus, Trouble, begun, claimed, ended, retried, troubled
from storage.mongo.access_bindings import AccessBindings
from storage.mongo.applications import Applications
from storage.mongo.failures import StoreUnavailable
from storage.mongo.provisioning_jobs import ProvisioningJobs
from tests.integration.admin.admin_desk import AdminDesk, Calling

LIST = "/access-applications"


class Office:
    """The desk, its applications and jobs."""

    def __init__(self, desk: AdminDesk) -> None:
        self.desk = desk
        self.applications, self.jobs = Applications(desk.database), ProvisioningJobs(desk.database)
        self.bindings = AccessBindings(desk.database)

    async def submitted(self, number: int = 1, **changes: Any) -> str:
        """A new application of ten_<number>; its id."""
        now = self.desk.clock.now()
        fields = {
            "application_id": f"app_{number}", "tenant_id": f"ten_{number}", "contact_email": "ada@acme.example",
            "target_markets": ("equity", "crypto"), "target_exchanges": ("XNAS", "BINANCE"), "preferred_language": "ja-JP",
            "submitted_at": now, "updated_at": now,
        }  # fmt: skip
        application = Application(**{**fields, **changes})
        assert await self.applications.insert(application)
        return application.application_id

    async def stored(self, application_id: str) -> Application:
        found = await self.applications.get(application_id)
        assert found is not None
        return found


@pytest.fixture
async def office(desk: AdminDesk) -> Office:
    await desk.user("usr_1")  # the owner of ten_1, whose name is T
    return Office(desk)


@pytest.fixture
async def compliance(office: Office) -> Calling:
    return await office.desk.log_in("compliance_admin")


async def test_an_application_is_shown_with_all_that_was_asked_and_has_come(
    office: Office, compliance: Calling
) -> None:
    application_id = await office.submitted(notes="soon", expected_monthly_volume="1000000")
    shown = (await compliance.get(f"{LIST}/{application_id}")).data
    assert shown == {
        "application_id": "app_1", "tenant_id": "ten_1", "status": "submitted", "status_label": "Submitted",
        "review_result": None, "contact_email": "ada@acme.example", "target_markets": ["equity", "crypto"],
        "target_exchanges": ["XNAS", "BINANCE"], "expected_monthly_volume": "1000000", "preferred_language": "ja-JP",
        "notes": "soon", "review_note": None, "reject_reason_code": None, "reject_message": None, "failure": None,
        "provisioning_job_id": None, "provisioning": None, "bindings": [], "reviewed_by": None, "provision_policy": None,
        "submitted_at": "2024-08-08T14:30:00Z", "updated_at": "2024-08-08T14:30:00Z",
    }  # fmt: skip
    assert (await office.stored(application_id)).status == "submitted", "looking opens nothing"
    assert (await compliance.get(f"{LIST}/app_9")).error["details"] == {"application_id": "app_9"}


async def test_the_list_is_filtered_and_paged_stable_under_inserts(office: Office, compliance: Calling) -> None:
    for number in range(1, 6):
        exchanges = ("XTKS",) if number == 3 else ("XNAS", "BINANCE")
        await office.submitted(number, target_exchanges=exchanges, status="reviewing" if number % 2 else "submitted")
        office.desk.clock.advance(1)

    async def found(query: str) -> list[str]:
        return [one["application_id"] for one in (await compliance.get(f"{LIST}?{query}")).data["items"]]

    assert await found("") == ["app_5", "app_4", "app_3", "app_2", "app_1"]
    assert await found("exchange_code=XTKS") == ["app_3"]
    assert await found("exchange_code=BINANCE&status=reviewing&market=crypto") == ["app_5", "app_1"]
    assert await found("market=fx") == []
    first = (await compliance.get(f"{LIST}?page_size=2&market=equity")).data
    await office.submitted(9)
    token = first["next_page_token"]
    assert await found(f"page_size=2&market=equity&page_token={token}") == ["app_3", "app_2"]
    assert (await compliance.get(f"{LIST}?market=crypto&page_token={token}")).code == "page_token.not_found"
    refused = (await compliance.get(f"{LIST}?status=gone&page_size=501")).error
    assert [one["name"] for one in refused["details"]["fields"]] == ["status", "page_size"]


async def test_review_opens_it_and_again_only_replaces_the_note(office: Office) -> None:
    application_id = await office.submitted()
    operations = await office.desk.log_in("ops_admin")
    opened = (await operations.send("POST", f"{LIST}/{application_id}/review", {"review_note": "who?\nasked"})).data
    assert (opened["status"], opened["status_label"]) == ("reviewing", "Under review")
    assert (opened["review_note"], opened["reviewed_by"]) == ("who?\nasked", "adm_ops_admin")
    again = await operations.send("POST", f"{LIST}/{application_id}/review", None, key="")
    assert (again.data["review_note"], again.data["status"]) == ("who?\nasked", "reviewing")
    assert (await office.stored(application_id)).version == 2
    changed = await operations.send("POST", f"{LIST}/{application_id}/review", {"review_note": "known"})
    assert changed.data["review_note"] == "known"
    told = await office.desk.told()
    assert [(one.action, one.stage) for one in told] == [
        ("application.review", stage) for stage in ("intended", "done")
    ] * 3
    assert told[0].before == {"status": "submitted"}


async def test_an_approval_starts_one_job_however_often_it_is_given(office: Office, compliance: Calling) -> None:
    application_id = await office.submitted()
    policy = {"auto_bind": True, "fallback_enabled": False, "priority_exchanges": ["BINANCE"]}
    body = {"review_note": "fine", "provision_policy": policy}
    told = {"action": "approve", "status": "approved", "application_id": "app_1", "provisioning_job_id": "job_1"}
    first = await compliance.send("POST", f"{LIST}/{application_id}/approve", body, key="")
    again = await compliance.send("POST", f"{LIST}/{application_id}/approve", {}, key="")
    chief = await office.desk.log_in("super_admin")
    once_more = await chief.send("POST", f"{LIST}/{application_id}/approve", {"provision_policy": {}})
    assert first.data == again.data == once_more.data == told
    done = [
        event.after
        for event in await office.desk.told()
        if event.action == "application.approve" and event.stage == "done"
    ]
    assert [one and (one["review_note"], one["provision_policy"]) for one in done] == [("fine", policy)] * 3
    job = await office.jobs.get("job_1")
    assert job is not None
    assert (job.application_id, job.tenant_id, job.targets) == ("app_1", "ten_1", ("XNAS", "BINANCE"))
    assert job.policy.model_dump(mode="json") == policy
    assert set(office.desk.jobs.asked) == {("provision", "job_1")}
    shown = (await compliance.get(f"{LIST}/{application_id}")).data
    assert (shown["review_result"], shown["review_note"], shown["reviewed_by"]) == (
        "approved", "fine", "adm_compliance_admin",
    )  # fmt: skip
    assert shown["provision_policy"] == policy
    assert (shown["provisioning"]["status"], shown["provisioning"]["current_step"]) == ("queued", "validate")


@pytest.mark.parametrize("status", ["provisioning", "active"])
async def test_what_is_further_already_is_approved_as_it_was(office: Office, compliance: Calling, status: str) -> None:
    application_id = await office.submitted(status=status, provisioning_job_id="job_1")
    assert (await compliance.send("POST", f"{LIST}/{application_id}/approve", {})).data["status"] == status


@pytest.mark.parametrize("language", ["en-US", "zh-CN", "ja-JP"])
async def test_a_rejection_is_mailed_once_in_the_language_of_the_application(
    office: Office, compliance: Calling, language: str
) -> None:
    application_id = await office.submitted(preferred_language=language)
    body = {"reject_reason_code": "kyc.incomplete", "reject_message": "The licence is missing."}
    for _ in range(2):
        answered = await compliance.send("POST", f"{LIST}/{application_id}/reject", body, key="")
        assert answered.data == {
            "action": "reject", "status": "rejected", "application_id": "app_1", "provisioning_job_id": None,
        }  # fmt: skip
    mail = (await office.stored(application_id)).mail
    assert mail is not None
    assert (mail.to, mail.language, mail.template) == ("ada@acme.example", language, "application_rejected")
    assert (mail.values["name"], mail.values["reason"]) == ("T", "The licence is missing.")
    assert set(office.desk.jobs.asked) == {("send_mail", mail.outbox_id)}
    shown = (await compliance.get(f"{LIST}/{application_id}")).data
    assert (shown["review_result"], shown["reject_reason_code"]) == ("rejected", "kyc.incomplete")
    other = await compliance.send("POST", f"{LIST}/{application_id}/reject", {"reject_reason_code": "other"})
    assert (other.status, other.code) == (409, "application.wrong_state")
    assert (await office.stored(application_id)).reject_reason_code == "kyc.incomplete"


@pytest.mark.parametrize(
    ("status", "action", "code"),
    [
        ("rejected", "approve", "application.wrong_state"),
        ("rejected", "review", "application.wrong_state"),
        ("approved", "reject", "application.wrong_state"),
        ("approved", "review", "application.wrong_state"),
        ("provisioning", "reject", "application.wrong_state"),
        ("active", "reject", "application.wrong_state"),
        ("active", "review", "application.wrong_state"),
    ],
)
async def test_what_is_decided_stays_decided(
    office: Office, compliance: Calling, status: str, action: str, code: str
) -> None:
    job_id = None if status == "rejected" else "job_1"
    application_id = await office.submitted(status=status, provisioning_job_id=job_id)
    body = {"reject_reason_code": "x"} if action == "reject" else {}
    refused = await compliance.send("POST", f"{LIST}/{application_id}/{action}", body)
    assert (refused.status, refused.code) == (409, code)
    assert refused.error["details"]["status"] == status
    assert status in refused.error["message"]
    assert office.desk.jobs.asked == []
    assert (await office.desk.told())[-1].after == {"refused": code}


@pytest.mark.parametrize(
    ("action", "body", "names"),
    [
        (
            "approve",
            {"provision_policy": {"priority_exchanges": ["XTKS", "XNAS"]}},
            ["provision_policy.priority_exchanges"],
        ),
        ("approve", {"provision_policy": {"auto_bind": "yes"}}, ["provision_policy.auto_bind"]),
        ("approve", {"provision_policy": {"fall_back": True}}, ["provision_policy.fall_back"]),
        ("approve", {"provision_policy": [], "note": 1}, ["provision_policy", "note"]),
        ("approve", {"review_note": "x" * 2001}, ["review_note"]),
        ("review", {"review_note": "\x00"}, ["review_note"]),
        ("reject", {}, ["reject_reason_code"]),
        ("reject", {"reject_reason_code": "", "reject_message": 5}, ["reject_reason_code", "reject_message"]),
    ],
)
async def test_bad_bodies_name_their_fields(
    office: Office, compliance: Calling, action: str, body: dict[str, Any], names: list[str]
) -> None:
    application_id = await office.submitted()
    refused = await compliance.send("POST", f"{LIST}/{application_id}/{action}", body)
    assert (refused.status, refused.code) == (422, "request.invalid")
    assert [one["name"] for one in refused.error["details"]["fields"]] == names
    if "XTKS" in str(body):
        assert refused.error["details"]["fields"][0]["reason"] == "unknown: XTKS"
    assert (await office.stored(application_id)).status == "submitted"


@pytest.mark.parametrize("action", ["review", "approve", "reject"])
async def test_what_does_not_exist_is_not_ruled(office: Office, compliance: Calling, action: str) -> None:
    body = {"reject_reason_code": "x"} if action == "reject" else {}
    refused = await compliance.send("POST", f"{LIST}/app_none/{action}", body)
    assert (refused.status, refused.code) == (404, "application.not_found")
    assert await office.desk.told() == []


async def test_simultaneous_approvals_are_one(office: Office, compliance: Calling) -> None:
    application_id = await office.submitted()
    chief = await office.desk.log_in("super_admin")
    asked = [one.send("POST", f"{LIST}/{application_id}/approve", {}) for one in [compliance, chief] * 4]
    answers = await asyncio.gather(*asked)
    assert {one.data["provisioning_job_id"] for one in answers} == {"job_1"}
    assert (await office.stored(application_id)).version == 3  # submitted, reviewing, approved


async def test_of_an_approval_and_a_rejection_at_once_one_counts(office: Office, compliance: Calling) -> None:
    for number in range(10, 20):
        application_id = await office.submitted(number)
        approval = compliance.send("POST", f"{LIST}/{application_id}/approve", {})
        rejection = compliance.send("POST", f"{LIST}/{application_id}/reject", {"reject_reason_code": "x"})
        approved, rejected = await asyncio.gather(*((approval, rejection) if number % 2 else (rejection, approval)))
        if not number % 2:
            approved, rejected = rejected, approved
        stored = await office.stored(application_id)
        assert {approved.status, rejected.status} == {200, 409}
        assert stored.status == ("approved" if approved.status == 200 else "rejected")
        assert (stored.mail is None) == (stored.status == "approved")
        assert (await office.jobs.get(f"job_{number}") is None) == (stored.status == "rejected")


async def failed_for_good(office: Office, compliance: Calling, status: JobStatus = "rolled_back") -> str:
    """An application that is approved again since its job has failed; the job is as `status` says."""
    application_id = await office.submitted()
    await compliance.send("POST", f"{LIST}/{application_id}/approve", {})
    trouble = Trouble("final", "provisioning.no_connector", "nothing leads there", {"exchange_code": "XNAS"})
    job = claimed(await stored_job(office), 1, 1, 1)
    job = troubled(begun(job, "validate", 1), "validate", trouble, 2)
    job = job if status == "failed" else ended(job, End("rolled_back"), 3)
    assert await office.jobs.replace(retried(job, None, "again", 4) if status == "queued" else job)
    approved = await office.stored(application_id)
    back = moved(moved(approved, "provisioning", 1), "approved", 2, failure_code="provisioning.no_connector")
    for one in (moved(approved, "provisioning", 1), back):
        assert await office.applications.replace(one)
    now = office.desk.clock.now()
    await office.desk.parts.alerts.desk.raise_(PROVISIONING_FAILED, "warning", "job_1", "it failed", {}, now=now)
    return application_id


async def stored_job(office: Office) -> Any:
    """The job as it is kept."""
    return await office.jobs.get("job_1")


async def test_an_approval_whose_job_failed_for_good_can_be_rejected(office: Office, compliance: Calling) -> None:
    application_id = await failed_for_good(office, compliance)
    before = await stored_job(office)
    body = {"reject_reason_code": "venue.unreachable", "reject_message": "Nobody leads there."}
    for _ in range(2):
        answered = await compliance.send("POST", f"{LIST}/{application_id}/reject", body, key="")
        assert (answered.data["status"], answered.data["provisioning_job_id"]) == ("rejected", "job_1")
    stored = await office.stored(application_id)
    assert (stored.status, stored.failure_code, stored.reject_reason_code) == ("rejected", None, "venue.unreachable")
    assert stored.mail is not None
    assert stored.mail.values["reason"] == "Nobody leads there."
    assert office.desk.jobs.asked.count(("send_mail", stored.mail.outbox_id)) == 2, "asked for again, sent once"
    [alert] = (await compliance.get("/alerts")).data["items"]
    assert (alert["code"], alert["state"]) == (PROVISIONING_FAILED, "resolved")
    chief = await office.desk.log_in("super_admin")
    for path in (f"{LIST}/{application_id}/approve", "/provisioning/jobs/job_1/retry"):
        refused = await chief.send("POST", path, {})
        assert (refused.status, refused.code) == (409, "application.wrong_state")
    assert await stored_job(office) == before


@pytest.mark.parametrize("status", ["failed", "queued"])
async def test_while_a_job_is_undone_or_retried_its_application_is_not_rejected(
    office: Office, compliance: Calling, status: JobStatus
) -> None:
    application_id = await failed_for_good(office, compliance, status)
    refused = await compliance.send("POST", f"{LIST}/{application_id}/reject", {"reject_reason_code": "x"})
    assert (refused.status, refused.code) == (409, "application.wrong_state")
    assert (await office.stored(application_id)).status == "approved"


class Failing:
    """Jobs that cannot be kept the first time."""

    def __init__(self, jobs: ProvisioningJobs) -> None:
        self._jobs, self.left = jobs, 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._jobs, name)

    async def insert_if_absent(self, job: Any) -> bool:
        if self.left:
            self.left -= 1
            raise StoreUnavailable("the store is away")
        return await self._jobs.insert_if_absent(job)


async def test_an_approval_that_broke_off_is_finished_by_the_next(desk: AdminDesk) -> None:
    office = Office(desk)
    object.__setattr__(desk.parts.access, "jobs", Failing(office.jobs))
    caller = await desk.log_in("compliance_admin")
    application_id = await office.submitted()
    broken = await caller.send("POST", f"{LIST}/{application_id}/approve", {"review_note": "fine"}, key="the same key")
    assert (broken.status, broken.code) == (503, "system.unavailable")
    assert (await office.stored(application_id)).status == "approved"
    finished = await caller.send(
        "POST", f"{LIST}/{application_id}/approve", {"review_note": "fine"}, key="the same key"
    )
    assert finished.data["provisioning_job_id"] == "job_1"
    assert await office.jobs.get("job_1") is not None
    assert [(one.stage, one.before) for one in await desk.told()] == [
        ("intended", {"status": "submitted"}), ("done", {"status": "submitted"}),
    ]  # fmt: skip


async def test_why_a_job_failed_is_told_in_the_callers_language(office: Office, compliance: Calling) -> None:
    application_id = await office.submitted(status="reviewing")
    await compliance.send("POST", f"{LIST}/{application_id}/approve", {})
    job = await office.jobs.get("job_1")
    assert job is not None
    trouble = Trouble("final", "connector.unavailable", "sim-a is down", {"connector": "sim-a"})
    failed = troubled(begun(claimed(job, 1, 1, 1), "validate", 1), "validate", trouble, 2)
    assert await office.jobs.replace(failed)
    approved = await office.stored(application_id)
    back = moved(moved(approved, "provisioning", 1), "approved", 2, failure_code="connector.unavailable",
                 failure_message="sim-a is down", failure_details={"connector": "sim-a"})  # fmt: skip
    for one in (moved(approved, "provisioning", 1), back):
        assert await office.applications.replace(one)
    await office.bindings.insert(
        AccessBinding(
            tenant_id="ten_1", exchange_code="XNAS", connector="sim-a", status="failed", application_id=application_id,
            job_id="job_1", updated_at=office.desk.clock.now(),
        )
    )  # fmt: skip
    headers = {"Authorization": f"Bearer {compliance.token}", "X-PM-ROLE": "compliance_admin"}
    messages = {}
    for language in ("en-US", "zh-CN", "ja-JP"):
        target = f"{LIST}/{application_id}"
        shown = (await office.desk.open("GET", target, {**headers, "Accept-Language": language})).data
        assert shown["failure"] == shown["provisioning"]["error"]
        assert shown["failure"]["code"] == "connector.unavailable"
        assert shown["provisioning"]["status"] == "failed"
        [binding] = shown["bindings"]
        messages[language] = (shown["failure"]["message"], shown["status_label"], binding["status_label"])
    assert len(set(messages.values())) == 3
    assert all(len({one[place] for one in messages.values()}) == 3 for place in range(3))
    [listed] = (await compliance.get(LIST)).data["items"]
    assert (listed["failure"]["code"], listed["bindings"][0]["binding_status"]) == ("connector.unavailable", "failed")
