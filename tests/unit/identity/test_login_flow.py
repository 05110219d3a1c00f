"""Logging in: the password, then the code."""

import asyncio
from collections.abc import Sequence

import pyotp
import pytest
from argon2 import PasswordHasher

from gateway.identity.door.login_code import AskedChallenge
from gateway.identity.door.registration import AdminRegistration
from gateway.identity.proofs.totp_codes import TotpCodes
from gateway.identity.sessions.opening import Opened
from ops.runtime.errors import HubError
from storage.models.challenges import Challenge
from storage.models.people import Admin
from storage.passwords import Passwords
from tests.unit.identity.identity_desk import (
    CHEAP,
    EMAIL,
    KEY_RING,
    PASSWORD,
    SECOND,
    Desk,
    code_of,
    desk_of,
)

ROOT = "root@omniaxs.example"


async def begin(desk: Desk, email: str = EMAIL, password: str = PASSWORD, ip: str = "198.51.100.7") -> Challenge:
    return await desk.flows.logging_in.begin(desk.users, email, password, None, desk.asker(ip))


async def verify(desk: Desk, challenge: Challenge, code: str, email: str = EMAIL) -> Opened:
    asked = AskedChallenge(email, challenge.challenge_id, None)
    return await desk.flows.login_codes.verify(desk.users, asked, code, desk.asker())


async def admin_of(desk: Desk, status: str = "active") -> Admin:
    asked = AdminRegistration(ROOT, PASSWORD, "Root", "ops_admin", "en-US")
    admin, _ = await desk.flows.registering.register(desk.admins, asked.person, PASSWORD, desk.asker())
    after = admin.model_copy(update={"status": status, "version": 2})
    assert await desk.parts.admins.replace(after)
    return after


def actions(desk: Desk) -> Sequence[tuple[str, object]]:
    return [(act.action, (act.after or {}).get("reason")) for act in desk.audit.acts]


async def test_password_and_code_open_a_session(desk: Desk) -> None:
    user = await desk.verified()
    challenge = await begin(desk)
    assert (challenge.channel, challenge.expires_at) == ("email", desk.clock.now() + 300 * SECOND)
    desk.clock.advance(10)
    opened = await verify(desk, challenge, await desk.code())
    claims = desk.parts.access_tokens.read(opened.access_token, "user", desk.clock.now())  # type: ignore[attr-defined]
    session = await desk.parts.sessions.get(claims.session_id)
    assert session is not None
    assert (claims.subject_id, session.subject_id, claims.role) == (user.user_id, user.user_id, None)
    assert (session.ip, session.user_agent, session.generation) == ("198.51.100.7", "curl/8", 1)
    assert session.expires_at == desk.clock.now() + 30 * 86_400 * SECOND
    assert opened.refresh_token not in session.model_dump_json()
    assert opened.person["user_id"] == user.user_id
    assert opened.person["account_ids"] == []
    assert opened.person["last_login_at"] is not None
    stored = await desk.parts.users.get(user.user_id)
    assert stored is not None
    assert stored.last_login_at == desk.clock.now()
    assert actions(desk) == [("user.login", None)]
    assert opened.access_token not in repr(opened)


async def test_nobody_and_a_wrong_password_are_told_the_same(desk: Desk) -> None:
    await desk.verified()
    for email, password in ((EMAIL, "wrong"), ("nobody@acme.example", PASSWORD), ("nobody@acme.example", "wrong")):
        with pytest.raises(HubError) as refusal:
            await begin(desk, email, password)
        assert (refusal.value.code, refusal.value.details) == ("auth.credentials_invalid", None)
    await desk.parts.afterwards.drain()
    assert actions(desk) == [("user.login_failed", "password")]
    assert [act.target_id for act in desk.audit.acts] == ["usr_00000001"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("pending_verification", "auth.email_not_verified"),
        ("suspended", "auth.suspended"),
        ("closed", "auth.closed"),
    ],
)
async def test_a_status_is_told_to_the_right_password_alone(desk: Desk, status: str, code: str) -> None:
    await desk.change(await desk.verified(), status=status)
    with pytest.raises(HubError, match=r"auth\.credentials_invalid"):
        await begin(desk, password="wrong")
    with pytest.raises(HubError) as refusal:
        await begin(desk)
    assert refusal.value.code == code
    await desk.parts.afterwards.drain()
    assert actions(desk) == [("user.login_failed", "password"), ("user.login_failed", code)]
    assert len(desk.jobs.mails) == 1


async def test_ten_wrong_passwords_lock_the_address_and_mail_once(desk: Desk) -> None:
    await desk.verified()
    for _ in range(10):
        with pytest.raises(HubError, match=r"auth\.credentials_invalid"):
            await begin(desk, password="wrong")
    await desk.parts.afterwards.drain()
    for password in ("wrong", PASSWORD):
        with pytest.raises(HubError, match=r"rate\.limited"):
            await begin(desk, password=password, ip="203.0.113.9")
    mail = await desk.mail()
    assert (mail.template, mail.to, mail.sealed) == ("account_locked", EMAIL, None)
    assert mail.values["ip"] == "198.51.100.7"
    assert 1 <= int(mail.values["minutes"]) <= 15
    assert len(desk.jobs.mails) == 2
    desk.clock.advance(15 * 60)
    assert (await begin(desk)).channel == "email"


async def test_wrong_passwords_and_codes_at_one_door_lock_nobody_at_the_other(desk: Desk) -> None:
    await admin_of(desk)
    await desk.verified(ROOT)
    for _ in range(2):
        challenge = await begin(desk, ROOT)
        wrong = "000000" if await desk.code() != "000000" else "000001"
        for _ in range(5):
            with pytest.raises(HubError, match=r"auth\.code_invalid"):
                await verify(desk, challenge, wrong, ROOT)
    for _ in range(10):
        with pytest.raises(HubError, match=r"auth\.credentials_invalid"):
            await begin(desk, ROOT, "wrong")
    with pytest.raises(HubError, match=r"rate\.limited"):
        await begin(desk, ROOT)
    challenge = await desk.flows.logging_in.begin(desk.admins, ROOT, PASSWORD, "ops_admin", desk.asker())
    asked = AskedChallenge(ROOT, challenge.challenge_id, "ops_admin")
    opened = await desk.flows.login_codes.verify(desk.admins, asked, await desk.code(), desk.asker())
    assert opened.person["role"] == "ops_admin"


async def test_an_unknown_address_is_locked_too_and_nobody_is_told(desk: Desk) -> None:
    for _ in range(10):
        with pytest.raises(HubError, match=r"auth\.credentials_invalid"):
            await begin(desk)
    with pytest.raises(HubError, match=r"rate\.limited"):
        await begin(desk)
    await desk.parts.afterwards.drain()
    assert (desk.jobs.mails, desk.audit.acts) == ([], [])


async def test_a_caller_with_a_hundred_wrong_passwords_is_locked_out(desk: Desk) -> None:
    for number in range(100):
        with pytest.raises(HubError, match=r"auth\.credentials_invalid"):
            await begin(desk, email=f"u{number}@acme.example")
    await desk.verified()
    with pytest.raises(HubError, match=r"rate\.limited"):
        await begin(desk)
    assert (await begin(desk, ip="203.0.113.9")).kind == "login"


async def test_a_challenge_is_bound_to_its_address_and_door(desk: Desk) -> None:
    await desk.verified()
    await desk.verified("eve@acme.example")
    challenge = await begin(desk)
    code = await desk.code()
    with pytest.raises(HubError, match=r"auth\.challenge_ended"):
        await verify(desk, challenge, code, "eve@acme.example")
    with pytest.raises(HubError, match=r"auth\.challenge_ended"):
        await desk.flows.login_codes.verify(
            desk.admins, AskedChallenge(EMAIL, challenge.challenge_id, "ops_admin"), code, desk.asker()
        )
    verification = challenge.model_copy(update={"challenge_id": "chl_unknown"})
    with pytest.raises(HubError, match=r"auth\.challenge_ended"):
        await verify(desk, verification, code)
    assert (await verify(desk, challenge, code)).person["email"] == EMAIL


async def test_a_code_opens_one_session(desk: Desk) -> None:
    user = await desk.verified()
    challenge = await begin(desk)
    code = await desk.code()
    outcomes = await asyncio.gather(*(verify(desk, challenge, code) for _ in range(4)), return_exceptions=True)
    assert [code_of(each) for each in outcomes if isinstance(each, BaseException)] == ["auth.challenge_ended"] * 3
    assert len(await desk.parts.sessions.active_of(user.user_id, desk.clock.now())) == 1


async def test_wrong_codes_end_the_challenge_and_are_recorded(desk: Desk) -> None:
    await desk.verified()
    challenge = await begin(desk)
    code = await desk.code()
    wrong = "000000" if code != "000000" else "000001"
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(HubError) as refusal:
            await verify(desk, challenge, wrong)
        assert refusal.value.details == {"tries_left": left}
    with pytest.raises(HubError, match=r"auth\.challenge_ended"):
        await verify(desk, challenge, code)
    assert actions(desk) == [("user.login_failed", "code")] * 5


async def test_ten_wrong_codes_lock_the_codes_of_an_address(desk: Desk) -> None:
    await desk.verified()
    for _ in range(2):
        challenge = await begin(desk)
        code = await desk.code()
        for _ in range(5):
            with pytest.raises(HubError, match=r"auth\.code_invalid"):
                await verify(desk, challenge, "000000" if code != "000000" else "000001")
    challenge = await begin(desk)
    with pytest.raises(HubError, match=r"rate\.limited"):
        await verify(desk, challenge, await desk.code())


async def test_a_login_code_is_sent_again(desk: Desk) -> None:
    await desk.verified()
    challenge = await begin(desk)
    asked = AskedChallenge(EMAIL, challenge.challenge_id, None)
    with pytest.raises(HubError, match=r"auth\.resend_too_soon"):
        await desk.flows.login_codes.resend(desk.users, asked, desk.asker())
    desk.clock.advance(30)
    again = await desk.flows.login_codes.resend(desk.users, asked, desk.asker())
    assert (again.mails, again.expires_at) == (2, desk.clock.now() + 300 * SECOND)
    assert (await verify(desk, challenge, await desk.code())).person["email"] == EMAIL
    with pytest.raises(HubError, match=r"auth\.challenge_ended"):
        await desk.flows.login_codes.resend(desk.users, asked, desk.asker())


async def test_a_login_code_has_its_time(desk: Desk) -> None:
    await desk.verified()
    challenge = await begin(desk)
    desk.clock.advance(300)
    with pytest.raises(HubError, match=r"auth\.challenge_ended"):
        await verify(desk, challenge, await desk.code())


async def test_who_is_suspended_between_the_steps_does_not_get_in(desk: Desk) -> None:
    user = await desk.verified()
    challenge = await begin(desk)
    await desk.change(user, status="suspended")
    with pytest.raises(HubError, match=r"auth\.suspended"):
        await verify(desk, challenge, await desk.code())


async def test_a_login_whose_challenges_were_ended_does_not_open(desk: Desk) -> None:
    user = await desk.verified()
    challenge = await begin(desk)
    await desk.parts.challenges.end_all(user.user_id, desk.clock.now())
    with pytest.raises(HubError, match=r"auth\.challenge_ended"):
        await verify(desk, challenge, await desk.code())


async def with_totp(desk: Desk) -> str:
    user = await desk.verified()
    totp, secret = TotpCodes(KEY_RING).make(user.user_id, desk.clock.now())
    await desk.change(user, totp=totp.model_copy(update={"confirmed_at": desk.clock.now()}))
    return secret


async def test_a_device_makes_the_code_and_each_counts_once(desk: Desk) -> None:
    secret = await with_totp(desk)
    mails = len(desk.jobs.mails)
    challenge = await begin(desk)
    assert (challenge.channel, challenge.mails, challenge.mail) == ("totp", 0, None)
    code = pyotp.TOTP(secret).at(desk.clock.now() // SECOND)
    assert (await verify(desk, challenge, code)).person["totp_enabled"] is True
    second = await begin(desk)
    with pytest.raises(HubError, match=r"auth\.code_invalid"):
        await verify(desk, second, code)
    desk.clock.advance(30)
    await verify(desk, second, pyotp.TOTP(secret).at(desk.clock.now() // SECOND))
    assert len(desk.jobs.mails) == mails


async def test_one_device_code_opens_one_of_two_challenges(desk: Desk) -> None:
    secret = await with_totp(desk)
    challenges = [await begin(desk), await begin(desk)]
    code = pyotp.TOTP(secret).at(desk.clock.now() // SECOND)
    outcomes = await asyncio.gather(*(verify(desk, each, code) for each in challenges), return_exceptions=True)
    assert sum(isinstance(outcome, Opened) for outcome in outcomes) == 1


async def test_no_code_is_sent_where_a_device_makes_it(desk: Desk) -> None:
    await with_totp(desk)
    challenge = await begin(desk)
    with pytest.raises(HubError, match=r"request\.invalid"):
        await desk.flows.login_codes.resend(
            desk.users, AskedChallenge(EMAIL, challenge.challenge_id, None), desk.asker()
        )


async def test_a_second_factor_counts_once_it_is_confirmed(desk: Desk) -> None:
    user = await desk.verified()
    totp, _ = TotpCodes(KEY_RING).make(user.user_id, desk.clock.now())
    await desk.change(user, totp=totp)
    assert (await begin(desk)).channel == "email"


async def test_a_password_kept_with_old_parameters_is_kept_anew() -> None:
    newer = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    desk = await desk_of(hasher=newer)
    user = await desk.verified()
    await desk.change(user, password_hash=await Passwords(CHEAP).hash(PASSWORD))
    await begin(desk)
    stored = await desk.parts.users.get(user.user_id)
    assert stored is not None
    assert "t=2" in stored.password_hash
    assert await desk.parts.passwords.verify(stored.password_hash, PASSWORD)


async def test_an_admins_role_is_told_to_the_right_password_alone(desk: Desk) -> None:
    await admin_of(desk)

    async def login(password: str, role: str) -> Challenge:
        return await desk.flows.logging_in.begin(desk.admins, ROOT, password, role, desk.asker())

    with pytest.raises(HubError, match=r"auth\.credentials_invalid"):
        await login("wrong", "super_admin")
    with pytest.raises(HubError, match=r"admin\.role_mismatch"):
        await login(PASSWORD, "super_admin")
    challenge = await login(PASSWORD, "ops_admin")
    code = await desk.code()
    with pytest.raises(HubError, match=r"admin\.role_mismatch"):
        await desk.flows.login_codes.verify(
            desk.admins, AskedChallenge(ROOT, challenge.challenge_id, "compliance_admin"), code, desk.asker()
        )
    asked = AskedChallenge(ROOT, challenge.challenge_id, "ops_admin")
    opened = await desk.flows.login_codes.verify(desk.admins, asked, code, desk.asker())
    claims = desk.parts.access_tokens.read(opened.access_token, "admin", desk.clock.now())  # type: ignore[attr-defined]
    assert (claims.role, opened.person["role"]) == ("ops_admin", "ops_admin")
    assert actions(desk)[-1] == ("admin.login", None)


async def test_an_admin_who_waits_for_approval_does_not_get_in(desk: Desk) -> None:
    await admin_of(desk, "pending_approval")
    with pytest.raises(HubError, match=r"auth\.approval_pending"):
        await desk.flows.logging_in.begin(desk.admins, ROOT, PASSWORD, "ops_admin", desk.asker())
