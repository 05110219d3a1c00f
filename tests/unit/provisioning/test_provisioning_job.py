"""The body of the job over a store of one job: what is recorded when, who is told, and when it is tried again."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ops.runtime.clock import ManualClock
from ops.runtime.errors import HubError
from ops.runtime.metrics import PROVISIONING_STEPS, Metrics
from storage.controls.access_rights import Contended, Superseded
from storage.log.port import LogUnavailable
from storage.models.applications import Application
from storage.models.provisioning import STEPS, End, ProvisioningJob, StepName, Trouble, claimed, is_claimable, job_of
from storage.mongo.failures import StoreUnavailable
from workers.jobs import TryAgain
from workers.provisioning.held import HeldJob
from workers.provisioning.saga import Provisioning
from workers.provisioning.troubles import Away, ClaimLost, NotNow, trouble_of

SECOND = 1_000_000_000
APPLICATION = Application(
    application_id="app_1", tenant_id="ten_1", contact_email="a@example.com", target_markets=("crypto",),
    target_exchanges=("BINANCE",), status="approved", submitted_at=1, updated_at=1,
)  # fmt: skip
Act = Callable[[HeldJob], Awaitable[None]]


class Store:
    """One job, and every form in which it was stored."""

    def __init__(self) -> None:
        self.job: ProvisioningJob | None = job_of(APPLICATION, 1)
        self.forms: list[ProvisioningJob] = []
        self.turns_ended = 0

    async def get(self, job_id: str) -> ProvisioningJob | None:
        return self.job if job_id == "job_1" else None

    async def claim(self, job: ProvisioningJob, now: int, until: int) -> ProvisioningJob | None:
        assert is_claimable(job, now)
        self.job = claimed(job, job.fence + 1, until, now)
        return self.job

    async def renew(self, job: ProvisioningJob, until: int) -> bool:
        return self.job is not None and self.job.fence == job.fence

    async def save(self, job: ProvisioningJob) -> ProvisioningJob | None:
        if self.job is None or self.job.fence != job.fence:
            return None
        self.job = job
        self.forms.append(job)
        return job

    async def end_turn(self, job: ProvisioningJob) -> None:
        self.turns_ended += 1


class Steps:
    """Notes what is done and undone; a step may have troubles first."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.troubles: dict[str, list[Exception]] = {}
        self.on: dict[str, Act] = {}

    def __getitem__(self, name: StepName) -> Any:
        steps = self

        class One:
            async def do(self, held: HeldJob) -> None:
                await steps.act(f"do {name}", held)

            async def undo(self, held: HeldJob) -> None:
                await steps.act(f"undo {name}", held)

        return One()

    async def act(self, what: str, held: HeldJob) -> None:
        self.said.append(what)
        if what in self.on:
            await self.on[what](held)
        if self.troubles.get(what):
            raise self.troubles[what].pop(0)


class News:
    def __init__(self) -> None:
        self.told: list[str] = []

    async def ending(self, job: ProvisioningJob, end: End, now: int) -> None:
        self.told.append(end.status)

    async def not_undone(self, job: ProvisioningJob, name: StepName, trouble: Trouble, now: int) -> None:
        self.told.append(f"{name} not undone: {trouble.code}")


class Desk:
    def __init__(self) -> None:
        self.store, self.steps, self.news, self.clock = Store(), Steps(), News(), ManualClock(10 * SECOND)
        self.metrics = Metrics()
        steps: Any = self.steps
        self.saga = Provisioning(self.store, steps, self.news, clock=self.clock, metrics=self.metrics)

    async def run(self) -> float | None:
        """One message; after how many seconds it is tried again."""
        try:
            await self.saga.provision("job_1")
        except TryAgain as again:
            return again.seconds
        return None

    @property
    def job(self) -> ProvisioningJob:
        assert self.store.job is not None
        return self.store.job


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_each_step_is_recorded_before_and_after(desk: Desk) -> None:
    assert await desk.run() is None
    assert desk.steps.said == [f"do {name}" for name in STEPS]
    forms = [[step.status for step in form.steps] for form in desk.store.forms[:4]]
    assert [form[:2] for form in forms] == [
        ["running", "pending"], ["done", "pending"], ["done", "running"], ["done", "done"],
    ]  # fmt: skip
    assert (desk.job.status, desk.job.claimed_until) == ("succeeded", 0)
    assert (desk.news.told, desk.store.turns_ended) == (["succeeded"], 1)
    await desk.run()
    assert (len(desk.steps.said), desk.store.turns_ended) == (len(STEPS), 2)


async def test_trouble_that_may_pass_is_tried_again_where_it_was(desk: Desk) -> None:
    desk.steps.troubles["do open_account"] = [Away("orders", "silent"), LogUnavailable("away")]
    assert await desk.run() == 1
    assert (desk.job.error_code, desk.job.claimed_until) == ("system.unavailable", 0)
    assert await desk.run() is None  # it waits still
    desk.clock.advance(1)
    assert await desk.run() == 2
    desk.clock.advance(2)
    assert await desk.run() is None
    assert (desk.job.status, desk.job.step("open_account").attempts) == ("succeeded", 3)
    assert desk.steps.said.count("do validate") == 1


async def test_a_refusal_for_good_is_undone_and_undoing_goes_on_until_it_is(desk: Desk) -> None:
    desk.steps.troubles["do load_credentials"] = [HubError("credential.unreadable")]
    desk.steps.troubles["undo open_account"] = [Away("orders", "silent")]
    assert await desk.run() == 2  # the second time that this step is begun
    assert (desk.job.status, desk.job.error_code) == ("failed", "credential.unreadable")
    assert desk.job.step("open_account").undo_error_code == "system.unavailable"
    counted = {"step": "open_account", "outcome": "retried"}
    assert desk.metrics.registry.get_sample_value(PROVISIONING_STEPS.name, counted) == 1
    desk.clock.advance(2)
    assert await desk.run() is None
    assert desk.job.status == "rolled_back"
    assert [said for said in desk.steps.said if said.startswith("undo")] == [
        "undo load_credentials", "undo open_account", "undo open_account", "undo validate",
    ]  # fmt: skip
    assert desk.news.told == ["open_account not undone: system.unavailable", "rolled_back"]
    assert (desk.job.step("open_account").undo_error_code, desk.job.error_code) == (None, "credential.unreadable")


async def test_whoever_has_lost_the_claim_stops_and_says_nothing(desk: Desk) -> None:
    async def taken(held: HeldJob) -> None:
        desk.store.job = claimed(held.job, 9, 99 * SECOND, desk.clock.now())

    desk.steps.on["do open_account"] = taken
    assert await desk.run() is None
    assert desk.steps.said == ["do validate", "do open_account"]
    assert (desk.job.fence, desk.job.status, desk.news.told) == (9, "running", [])
    assert await desk.run() == 89  # when that claim would have ended


@pytest.mark.parametrize("lost", [Superseded("x"), ClaimLost("x")])
async def test_a_step_may_say_that_it_is_superseded(desk: Desk, lost: Exception) -> None:
    desk.steps.troubles["do activate"] = [lost]
    assert await desk.run() is None
    assert desk.job.step("activate").status == "running"


async def test_a_store_that_is_away_is_for_the_broker_to_wait_for(desk: Desk) -> None:
    desk.steps.troubles["do validate"] = [StoreUnavailable("away")]
    with pytest.raises(StoreUnavailable):
        await desk.run()


async def test_an_id_that_names_nothing_is_not_tried_again(desk: Desk) -> None:
    with pytest.raises(ValueError, match="job_2"):
        await desk.saga.provision("job_2")


def test_troubles_are_told_apart_and_named() -> None:
    refused = trouble_of(HubError("provisioning.no_connector", {"exchange_code": "XNAS"}))
    assert refused == (
        "final",
        "provisioning.no_connector",
        "No connector that is ready leads to XNAS.",
        {"exchange_code": "XNAS"},
    )
    assert trouble_of(NotNow("connector.unavailable", {"connector": "sim-a"})).kind == "theirs"
    ours = [trouble_of(error) for error in (Away("orders", "x"), Contended("x"), LogUnavailable("x"))]
    assert [(one.kind, one.details["component"]) for one in ours] == [
        ("ours", "orders"), ("ours", "database"), ("ours", "log"),
    ]  # fmt: skip
