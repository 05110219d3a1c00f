"""The life of a challenge under any sequence of tries, resends and waiting, against what is promised of it."""

from collections.abc import Awaitable, Mapping

from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.proofs.codes import Codes
from ops.runtime.errors import HubError
from storage.models.challenges import ALIVE_SECONDS, Challenge, ChallengeKind
from storage.models.people import Audience, User
from tests.unit.identity.identity_desk import KEY_RING, SECOND, KeptJobs, NumberedIdentifiers

USER = User(
    user_id="usr_1", tenant_id="ten_1", email="ada@acme.example", display_name="Ada", company_name="Acme",
    country_region="GB", password_hash="", created_at=0,
)  # fmt: skip
STEPS = st.lists(
    st.one_of(
        st.sampled_from(["right", "wrong", "old", "resend"]),
        st.tuples(st.just("wait"), st.sampled_from([1.0, 29.0, 30.0, 299.0, 300.0, 1_800.0])),
    ),
    max_size=40,
)


class OneChallenge:
    """A store with room for one."""

    def __init__(self) -> None:
        self.kept: Challenge | None = None

    async def insert(self, challenge: Challenge) -> None:
        self.kept = challenge

    async def get(self, challenge_id: str) -> Challenge | None:
        return self.kept

    async def newest(self, kind: ChallengeKind, audience: Audience, subject_id: str) -> Challenge | None:
        return self.kept

    async def replace(self, before: Challenge, after: Challenge) -> bool:
        assert self.kept is not None
        if (self.kept.tries, self.kept.mails, self.kept.ended_at) != (before.tries, before.mails, before.ended_at):
            return False
        self.kept = after
        return True


async def outcome_of(doing: Awaitable[object]) -> tuple[str, Mapping[str, object] | None]:
    """What came of it: `done`, or a refusal with its details."""
    try:
        await doing
    except HubError as refusal:
        return refusal.code, refusal.details
    return "done", None


@given(STEPS, st.sampled_from(["verification", "login", "password_reset"]), st.booleans())
async def test_no_sequence_gets_more_than_is_promised(steps: list[object], kind: ChallengeKind, stale: bool) -> None:
    store, jobs = OneChallenge(), KeptJobs()
    numbers = iter(range(1_000))
    codes = Codes(store, KEY_RING, jobs, NumberedIdentifiers(), lambda: f"{next(numbers):06d}")
    now, drawn = 1_000 * SECOND, 0
    begun = await codes.begin(kind, USER, "en-US", now)
    sent_at, let_in, wrong = now, 0, 0
    for step in steps:
        held = begun if stale else await store.get("")
        assert held is not None
        if isinstance(step, tuple):
            now += round(step[1] * SECOND)
            continue
        alive = let_in == 0 and wrong < 5 and now < sent_at + ALIVE_SECONDS[kind] * SECOND
        current = store.kept
        assert current is not None
        if step == "resend":
            outcome = await outcome_of(codes.resend(current, USER, "en-US", now))
            if not alive or drawn == 5:
                assert outcome == ("auth.challenge_ended", None)
            elif now < sent_at + 30 * SECOND:
                assert outcome[0] == "auth.resend_too_soon"
            else:
                assert outcome == ("done", None)
                drawn, sent_at = drawn + 1, now
            continue
        code = {"right": f"{drawn:06d}", "wrong": "999999", "old": f"{drawn - 1:06d}"}[str(step)]
        outcome = await outcome_of(codes.take(held, codes.mailed(code), now))
        if not alive:
            assert outcome == ("auth.challenge_ended", None)
        elif step == "right":
            assert outcome == ("done", None)
            let_in += 1
        else:
            wrong += 1
            assert outcome == ("auth.code_invalid", {"tries_left": 5 - wrong})
    assert let_in <= 1
    assert wrong <= 5
    assert len(set(jobs.mails)) == len(jobs.mails) == drawn + 1
