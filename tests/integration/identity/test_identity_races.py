"""Simultaneous steps over a real server: each code, registration, device code and refresh token gets one through."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pyotp
import pytest

from gateway.identity.proofs.totp_codes import TotpCodes
from gateway.identity.sessions.opening import Opened
from storage.mongo.connect import connect
from tests.unit.identity.identity_desk import EMAIL, KEY_RING, SECOND, Desk, code_of, desk_of
from tests.unit.identity.test_login_flow import begin, verify
from tests.unit.identity.test_refresh_flow import refresh

pytestmark = pytest.mark.mongo
MANY = 12


@pytest.fixture
async def desk(mongo_url: str) -> AsyncIterator[Desk]:
    store = connect(mongo_url, f"test_{secrets.token_hex(6)}")
    try:
        yield await desk_of(database=store.database)
        await store.client.drop_database(store.database.name)
    finally:
        store.close()


def refusals(outcomes: list[object]) -> list[str]:
    return sorted(code_of(outcome) for outcome in outcomes if isinstance(outcome, BaseException))


async def test_an_address_is_registered_once(desk: Desk) -> None:
    outcomes = await asyncio.gather(*(desk.register() for _ in range(MANY)), return_exceptions=True)
    assert refusals(outcomes) == ["user.email_taken"] * (MANY - 1)
    assert (
        len(desk.jobs.mails) == MANY
    )  # a taken address costs the same writes: a challenge of nobody, whose mail is over


async def test_a_verification_code_counts_once_and_makes_one_tenant(desk: Desk) -> None:
    user = await desk.register()
    code = await desk.code()
    verifying = (desk.flows.verifying.verify(desk.users, EMAIL, code, desk.asker()) for _ in range(MANY))
    outcomes = await asyncio.gather(*verifying, return_exceptions=True)
    assert refusals(outcomes) == ["auth.challenge_ended"] * (MANY - 1)
    assert list(await desk.parts.tenants.get_many([user.tenant_id])) == [user.tenant_id]


async def test_a_login_code_opens_one_session(desk: Desk) -> None:
    user = await desk.verified()
    challenge = await begin(desk)
    code = await desk.code()
    outcomes = await asyncio.gather(*(verify(desk, challenge, code) for _ in range(MANY)), return_exceptions=True)
    assert refusals(outcomes) == ["auth.challenge_ended"] * (MANY - 1)
    assert len(await desk.parts.sessions.active_of(user.user_id, desk.clock.now())) == 1


async def test_five_wrong_codes_are_answered_whoever_sends_how_many(desk: Desk) -> None:
    await desk.verified()
    challenge = await begin(desk)
    right = await desk.code()
    guesses = [code for code in (f"{number:06d}" for number in range(MANY + 1)) if code != right][:MANY]
    outcomes = await asyncio.gather(*(verify(desk, challenge, code) for code in guesses), return_exceptions=True)
    assert refusals(outcomes) == ["auth.challenge_ended"] * (MANY - 5) + ["auth.code_invalid"] * 5
    with pytest.raises(Exception, match=r"auth\.challenge_ended"):
        await verify(desk, challenge, right)


async def test_a_device_code_opens_one_of_many_challenges(desk: Desk) -> None:
    user = await desk.verified()
    totp, secret = TotpCodes(KEY_RING).make(user.user_id, desk.clock.now())
    await desk.change(user, totp=totp.model_copy(update={"confirmed_at": desk.clock.now()}))
    challenges = [await begin(desk) for _ in range(MANY)]
    code = pyotp.TOTP(secret).at(desk.clock.now() // SECOND)
    outcomes = await asyncio.gather(*(verify(desk, each, code) for each in challenges), return_exceptions=True)
    assert sum(isinstance(outcome, Opened) for outcome in outcomes) == 1
    assert len(await desk.parts.sessions.active_of(user.user_id, desk.clock.now())) == 1


async def test_a_refresh_token_is_taken_once(desk: Desk) -> None:
    await desk.verified()
    first = await verify(desk, await begin(desk), await desk.code())
    outcomes = await asyncio.gather(*(refresh(desk, first.refresh_token) for _ in range(MANY)), return_exceptions=True)
    assert sum(isinstance(outcome, Opened) for outcome in outcomes) == 1
