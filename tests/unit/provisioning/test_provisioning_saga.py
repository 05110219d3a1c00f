"""The saga as rules alone: any outcomes and kills end it, and what it leaves is all or nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.runtime.errors import HubError
from storage.models.applications import Application, ProvisionPolicy
from storage.models.provisioning import (
    MOST_TRIES,
    STEPS,
    Do,
    End,
    ProvisioningJob,
    StepName,
    Trouble,
    Undo,
    begun,
    claimed,
    done,
    ended,
    is_claimable,
    job_of,
    next_move,
    retried,
    troubled,
    undoing,
    undoing_troubled,
    undone,
)

SECOND = 1_000_000_000
APPLICATION = Application(
    application_id="app_1", tenant_id="ten_1", contact_email="a@example.com", target_markets=("crypto",),
    target_exchanges=("BINANCE",), status="approved", submitted_at=1, updated_at=1,
)  # fmt: skip
OURS = Trouble("ours", "system.unavailable", "away", {})
THEIRS = Trouble("theirs", "connector.unavailable", "down", {"connector": "sim-a"})
FINAL = Trouble("final", "provisioning.no_connector", "none", {})
TROUBLES = {"ours": OURS, "theirs": THEIRS, "final": FINAL}


class World:
    """Workers that do and undo steps as a script says, and are killed where it says, on one stored job."""

    def __init__(self, job: ProvisioningJob) -> None:
        self.job, self.now, self.fence = job, 10 * SECOND, 0
        self.effects: dict[StepName, str] = {}
        self.undos: list[StepName] = []

    def work(self, script: list[str]) -> None:
        """One claim after another until the job is over; without a script left everything goes well."""
        while not self.job.is_over:
            self.now = max(self.now, self.job.next_try_at, self.job.claimed_until)
            assert is_claimable(self.job, self.now)
            self.fence += 1
            self.job = claimed(self.job, self.fence, self.now + 10 * SECOND, self.now)
            while self.job.claimed_until > self.now and self._move(script.pop(0) if script else "good"):
                self.now += SECOND // 10

    def _move(self, outcome: str) -> bool:
        """Whether the worker is still alive."""
        move = next_move(self.job)
        assert move is not None
        if outcome == "killed before":
            return False
        match move:
            case Do(step):
                self.job = begun(self.job, step, self.now)
                return self._do(step, outcome)
            case Undo(step):
                self.job = undoing(self.job, step)
                return self._undo(step, outcome)
            case End():
                self.job = ended(self.job, move, self.now)
                return True

    def _do(self, step: StepName, outcome: str) -> bool:
        if outcome == "killed in it":
            self.effects[step] = "half"
            return False
        if outcome in TROUBLES:
            self.effects.setdefault(step, "half")
            self.job = troubled(self.job, step, TROUBLES[outcome], self.now)
            return True
        assert [name for name in STEPS if self.effects.get(name) == "whole"][: STEPS.index(step)] == list(
            STEPS[: STEPS.index(step)]
        )
        self.effects[step] = "whole"
        if outcome == "killed after":
            return False
        self.job = done(self.job, step, self.now)
        return True

    def _undo(self, step: StepName, outcome: str) -> bool:
        later = set(STEPS[STEPS.index(step) + 1 :])
        assert not later & set(self.effects), "a later step still stands"
        if outcome in TROUBLES:
            self.job = undoing_troubled(self.job, step, TROUBLES[outcome], self.now)
            return True
        if outcome == "killed in it":
            return False
        self.effects.pop(step, None)
        self.undos.append(step)
        if outcome == "killed after":
            return False
        self.job = undone(self.job, step, self.now)
        return True


def new_job(**changes: Any) -> ProvisioningJob:
    return job_of(APPLICATION, 1).model_copy(update=changes)


outcomes = st.sampled_from(["good", "good", "good", "killed before", "killed in it", "killed after", *TROUBLES])


@given(st.lists(st.lists(outcomes, max_size=60), min_size=1, max_size=3))
def test_any_outcomes_and_kills_end_it_with_all_or_nothing(runs: list[list[str]]) -> None:
    world = World(new_job())
    for number, script in enumerate(runs, 1):
        world.work(list(script))
        if world.job.status == "succeeded":
            assert world.effects == dict.fromkeys(STEPS, "whole")
            assert {step.status for step in world.job.steps} == {"done"}
            assert world.job.error_code is None
            return
        assert world.job.status == "rolled_back"
        assert world.effects == {}
        begun_steps = [step.name for step in world.job.steps if step.started_at is not None]
        assert [step.name for step in world.job.steps if step.undone_at is not None] == begun_steps
        assert world.job.step(world.job.current_step).status == "failed"
        assert world.job.error_code == world.job.step(world.job.current_step).error_code
        world.job = retried(world.job, None, "try", world.now)
        assert (world.job.attempt, world.job.status, next_move(world.job)) == (number + 1, "queued", Do("validate"))


def test_without_trouble_every_step_is_tried_once() -> None:
    world = World(new_job())
    world.work([])
    assert (world.job.status, world.undos) == ("succeeded", [])
    assert [(step.attempts, step.status) for step in world.job.steps] == [(1, "done")] * len(STEPS)
    assert world.job.finished_at is not None


def test_what_is_refused_is_tried_a_few_times_and_then_undone_in_reverse() -> None:
    world = World(new_job())
    world.work(["good", "good", "good", "good", *["theirs"] * MOST_TRIES])
    assert world.job.status == "rolled_back"
    assert world.job.step("verify_connectivity").error_code == "connector.unavailable"
    assert world.job.current_step == "verify_connectivity"
    assert world.undos == list(reversed(STEPS[:5]))
    assert world.job.step("activate").status == "pending"
    assert world.job.error_details == {"connector": "sim-a"}


def test_what_is_ours_is_waited_for_without_end() -> None:
    world = World(new_job())
    world.work(["good", *["ours"] * 50])
    assert world.job.status == "succeeded"
    assert world.job.step("open_account").attempts == 51


def test_what_an_outage_cut_off_is_no_refusal() -> None:
    """After ten tries without a venue its first refusal is the first of six, not the last."""
    world = World(new_job())
    world.work(["good", "good", "good", "good", *["ours"] * 10, *["theirs"] * (MOST_TRIES - 1)])
    assert world.job.status == "succeeded"
    world = World(new_job())
    world.work(["good", "good", "good", "good", *["killed in it"] * 10, *["theirs", "ours"] * (MOST_TRIES - 1)])
    assert world.job.status == "succeeded"


def test_what_cannot_pass_is_not_tried_again() -> None:
    world = World(new_job())
    world.work(["final"])
    assert (world.job.status, world.job.step("validate").attempts, world.undos) == ("rolled_back", 2, ["validate"])


def test_pauses_grow_to_a_quarter_of_a_minute() -> None:
    tried, pauses = new_job(), []
    for _ in range(6):
        tried = troubled(begun(tried, "validate", 10 * SECOND), "validate", OURS, 10 * SECOND)
        pauses.append((tried.next_try_at - 10 * SECOND) // SECOND)
    assert pauses == [1, 2, 4, 8, 15, 15]
    job = begun(claimed(new_job(), 1, 20 * SECOND, 10 * SECOND), "validate", 10 * SECOND)
    later = troubled(job, "validate", OURS, 10 * SECOND)
    assert (later.next_try_at, later.claimed_until) == (11 * SECOND, 0)
    assert not is_claimable(later, 11 * SECOND - 1)
    assert is_claimable(later, 11 * SECOND)
    assert not is_claimable(job, 20 * SECOND - 1)


@pytest.mark.parametrize("status", ["queued", "running", "succeeded", "failed"])
def test_only_what_was_rolled_back_is_retried(status: str) -> None:
    with pytest.raises(HubError) as refused:
        retried(new_job(status=status), None, "try", 5)
    assert (refused.value.code, refused.value.details) == (
        "provisioning_job.wrong_state", {"job_id": "job_1", "status": status},
    )  # fmt: skip


def test_a_retry_may_have_another_policy() -> None:
    other = ProvisionPolicy(fallback_enabled=False)
    again = retried(new_job(status="rolled_back", fence=7, version=9, error_code="x"), other, "try", 5)
    assert (again.policy, again.attempt, again.fence, again.version, again.error_code) == (other, 2, 7, 9, None)
    assert again.retry_id == "try"
