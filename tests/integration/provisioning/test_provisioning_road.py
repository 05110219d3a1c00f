"""From an approval to the right to trade, over the real order core, venue and controls of one process."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ops.processes.commands.port import CommandFailed
from ops.processes.commands.registry import COMMANDS
from ops.processes.controls import announcer_of
from ops.runtime.settings import Settings
from storage.controls.availability import Availabilities
from storage.controls.defaults import bind_tenant
from storage.credentials import CredentialVault
from storage.jobs import PROVISION
from storage.models.applications import moved
from storage.models.credentials import Ciphertexts, GivenCredential
from storage.models.provisioning import retried
from storage.models.tenants import account_id_of
from storage.mongo.reference import load_reference
from tests.integration.provisioning.hall import DEPOSIT, Hall, opened_hall

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    async with opened_hall(Settings(_env_file=None)) as hall:
        yield hall


async def test_an_application_comes_to_the_point_of_trading(hall: Hall) -> None:
    job_id = await hall.asked_for(await hall.approved("a", ("BINANCE", "XNAS"), priority_exchanges=("XNAS",)))
    job = await hall.over(job_id)
    assert job.status == "succeeded"
    assert [(one.exchange_code, one.connector, one.kept) for one in job.bindings] == [
        ("XNAS", "sim-a", False), ("BINANCE", "sim-a", False),
    ]  # fmt: skip
    assert {step.attempts for step in job.steps} == {1}
    await hall.check(job)
    account = await hall.account(account_id_of("ten_a"))
    assert account is not None
    assert (account.account.tenant_id, account.account.mode, account.account.currency) == ("ten_a", "sandbox", "USD")


async def test_a_connector_that_is_down_is_passed_over(hall: Hall) -> None:
    await hall.fault("sim-a", "timeout")
    job = await hall.over(await hall.asked_for(await hall.approved("a", ("BINANCE",))))
    assert job.status == "succeeded"
    assert [one.connector for one in job.bindings] == ["sim-b"]
    await hall.check(job)


async def test_one_that_was_set_down_is_not_even_asked(hall: Hall) -> None:
    clock = hall.platform.clock
    await Availabilities(announcer_of(hall.platform), clock).say(
        "sim-a", "down", reason="test", by="adm_1", at=clock.now()
    )
    job = await hall.over(await hall.asked_for(await hall.approved("a", ("BINANCE",))))
    assert [(one.connector, one.refused) for one in job.bindings] == [("sim-b", ())]
    assert job.step("verify_connectivity").attempts == 1


async def test_without_fallback_it_waits_for_the_first_connector(hall: Hall) -> None:
    await hall.fault("sim-a", "refuse")
    job_id = await hall.asked_for(await hall.approved("a", ("BINANCE",), fallback_enabled=False))
    waiting = await hall.until(job_id, lambda job: job.error_code is not None, 10)
    assert waiting.error_code == "connector.unavailable"
    assert (await hall.application(waiting)).status == "provisioning"
    assert "active" not in str(await hall.rights("ten_a"))
    await hall.fault("sim-a", "none")
    job = await hall.over(job_id)
    assert (job.status, job.error_code) == ("succeeded", None)
    await hall.check(job)


async def test_a_failure_for_good_undoes_everything_and_a_retry_does_it(hall: Hall) -> None:
    await hall.catalog(sim_a=("equity",))
    job_id = await hall.asked_for(await hall.approved("a", ("XNAS", "BINANCE"), priority_exchanges=("XNAS",)))
    job = await hall.over(job_id)
    assert (job.status, job.current_step, job.error_code) == ("rolled_back", "validate", "provisioning.no_connector")
    assert job.error_message == "No connector that is ready leads to BINANCE."
    await hall.check(job)
    await hall.catalog(sim_a=("equity",), sim_b=("crypto",))
    assert await hall.store.replace(retried(job, None, "try", hall.platform.clock.now()))
    await hall.jobs.enqueue(PROVISION, job_id)
    job = await hall.over(job_id)
    assert (job.status, job.attempt) == ("succeeded", 2)
    assert [one.connector for one in job.bindings] == ["sim-a", "sim-b"]
    await hall.check(job)


async def test_a_retry_that_meets_a_rejection_does_nothing(hall: Hall) -> None:
    await hall.catalog(sim_a=("equity",))
    job_id = await hall.asked_for(await hall.approved("a", ("BINANCE",)))
    job = await hall.over(job_id)
    rejected = moved(await hall.application(job), "rejected", hall.platform.clock.now())
    assert await hall.applications.replace(rejected)
    await hall.catalog(sim_a=("crypto",))
    assert await hall.store.replace(retried(job, None, "retry_1", hall.platform.clock.now()))
    await hall.jobs.enqueue(PROVISION, job_id)
    again = await hall.until(job_id, lambda one: one.is_over and one.attempt == 2, 20)
    assert (again.status, again.current_step, again.error_code) == (
        "rolled_back", "validate", "application.wrong_state",
    )  # fmt: skip
    assert await hall.application(again) == rejected
    assert await hall.rights("ten_a") == {}


async def test_an_account_that_was_opened_is_closed_and_taken_up_again(hall: Hall) -> None:
    await hall.fault("sim-a", "down")
    await hall.fault("sim-b", "down")
    job_id = await hall.asked_for(await hall.approved("a", ("BINANCE",)))
    await hall.until(job_id, lambda job: job.step("verify_connectivity").attempts > 1, 10)
    opened = await hall.account(account_id_of("ten_a"))
    assert opened is not None
    assert opened.account.cash == DEPOSIT
    suspended = {"$set": {"status": "suspended"}}
    await hall.platform.store.database["tenants"].update_one({"_id": "ten_a"}, suspended)
    await hall.fault("sim-a", "none")
    job = await hall.over(job_id)
    assert (job.status, job.current_step, job.error_code) == ("rolled_back", "activate", "auth.tenant_suspended")
    closed = await hall.account(account_id_of("ten_a"))
    assert closed is not None
    await hall.check(job)
    await hall.platform.store.database["tenants"].update_one({"_id": "ten_a"}, {"$set": {"status": "active"}})
    assert await hall.store.replace(retried(job, None, "try", hall.platform.clock.now()))
    await hall.jobs.enqueue(PROVISION, job_id)
    job = await hall.over(job_id)
    await hall.account(account_id_of("ten_a"))
    assert job.status == "succeeded"
    await hall.check(job)


async def test_jobs_of_a_tenant_take_turns_and_what_it_has_stays_its_own(hall: Hall) -> None:
    first = await hall.approved("a", ("BINANCE",))
    second = await hall.approved("b", ("BINANCE", "XNAS"), tenant_id="ten_a")
    ids = [await hall.asked_for(one) for one in (first, second)]
    done = [await hall.over(job_id, 30) for job_id in ids]
    assert {job.status for job in done} == {"succeeded"}
    account = await hall.account(account_id_of("ten_a"))
    assert account is not None
    assert account.account.cash == DEPOSIT
    assert sorted(job.account.kept for job in done if job.account is not None) == [False, True]
    assert set((await hall.rights("ten_a")).values()) == {("sim-a", "active", "active")}
    await hall.catalog(sim_a=("crypto",))
    third = await hall.over(await hall.asked_for(await hall.approved("c", ("BINANCE", "XNAS"), tenant_id="ten_a")))
    assert third.status == "rolled_back"
    assert set((await hall.rights("ten_a")).values()) == {("sim-a", "active", "active")}
    assert (await hall.tenants.get_many(["ten_a"]))["ten_a"].account_ids == (account_id_of("ten_a"),)


async def test_rights_that_an_operator_gave_are_kept(hall: Hall) -> None:
    await hall.tenant("a")
    reference = await load_reference(hall.platform.store.database)
    await bind_tenant(announcer_of(hall.platform), "ten_a", reference, "sim-b")
    job = await hall.over(await hall.asked_for(await hall.approved("a", ("BINANCE",), tenant_id="ten_a")))
    assert [(one.connector, one.kept) for one in job.bindings] == [("sim-b", True)]
    [shown] = await hall.bindings.of_tenant("ten_a")
    assert (shown.connector, shown.status) == ("sim-b", "active")


async def test_without_auto_bind_rights_stay_pending(hall: Hall) -> None:
    job = await hall.over(await hall.asked_for(await hall.approved("a", ("BINANCE",), auto_bind=False)))
    assert job.status == "succeeded"
    application = await hall.application(job)
    assert application.status == "active"
    assert application.mail is None, "nobody is told that it can trade"
    assert await hall.rights("ten_a") == {"BINANCE": ("sim-a", "pending", "pending")}


async def test_an_operator_activates_what_was_left_pending(hall: Hall) -> None:
    await hall.over(await hall.asked_for(await hall.approved("a", ("BINANCE",), auto_bind=False)))

    async def bind(**arguments: str) -> list[dict[str, Any]]:
        return [event async for event in COMMANDS["accounts.bind"](hall.platform, {"tenant_id": "ten_a", **arguments})]

    for refused in ({"exchange": "XNAS"}, {"exchange": "BINANCE", "connector": "nope"}):
        with pytest.raises(CommandFailed):
            await bind(**refused)
    assert await hall.rights("ten_a") == {"BINANCE": ("sim-a", "pending", "pending")}
    [told] = await bind(exchange="BINANCE", connector="sim-b")
    assert (told["connector"], told["binding_status"]) == ("sim-b", "active")
    assert await hall.rights("ten_a") == {"BINANCE": ("sim-b", "active", "active")}
    [again] = await bind(exchange="BINANCE")
    assert again == told


async def test_a_policy_that_cannot_be_done_leaves_the_application_approved(hall: Hall) -> None:
    job = await hall.over(await hall.asked_for(await hall.approved("a", ("BINANCE",), priority_exchanges=("XNAS",))))
    assert (job.status, job.error_code) == ("rolled_back", "provisioning.policy_impossible")
    application = await hall.application(job)
    assert application.failure_message == "The provision policy names XNAS, which the application does not ask for."
    await hall.check(job)


async def test_an_approval_whose_job_was_lost_gets_one_by_the_sweep(hall: Hall) -> None:
    application = await hall.approved("a", ("BINANCE",))
    job_id = application.provisioning_job_id
    assert job_id is not None
    async with asyncio.timeout(15):
        while await hall.store.get(job_id) is None:  # noqa: ASYNC110  (the sweep announces nothing)
            await asyncio.sleep(0.05)
    await hall.check(await hall.over(job_id, 25))


async def test_a_credential_that_cannot_be_opened_fails_the_job_after_the_account(hall: Hall) -> None:
    platform = hall.platform
    vault = CredentialVault(platform.store.database, platform.key_ring, platform.clock)
    given = GivenCredential("BINANCE", "main", Ciphertexts("not a JWE", "neither", None))
    await vault.put("crd_1", given, platform.clock.now())
    job = await hall.over(await hall.asked_for(await hall.approved("a", ("BINANCE",))))
    assert (job.status, job.current_step, job.error_code) == (
        "rolled_back", "load_credentials", "credential.unreadable",
    )  # fmt: skip
    closed = await hall.account(account_id_of("ten_a"))
    assert closed is not None
    await hall.check(job)
