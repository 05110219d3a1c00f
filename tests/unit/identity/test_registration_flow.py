"""Registering, verifying the address, and getting another code."""

import asyncio

import pytest

from gateway.identity.door.registration import AdminRegistration
from ops.runtime.errors import HubError
from tests.unit.identity.identity_desk import EMAIL, PASSWORD, SECOND, Desk, code_of, desk_of


async def register_admin(desk: Desk) -> None:
    asked = AdminRegistration("root@omniaxs.example", PASSWORD, "Root", "compliance_admin", "ja-JP")
    await desk.flows.registering.register(desk.admins, asked.person, PASSWORD, desk.asker())


async def test_a_registered_user_waits_and_has_a_mail(desk: Desk) -> None:
    user = await desk.register(language="ja-JP")
    stored = await desk.parts.users.get(user.user_id)
    assert stored == user
    assert (user.status, user.tenant_role, user.email) == ("pending_verification", "owner", EMAIL)
    assert PASSWORD not in stored.model_dump_json()
    assert await desk.parts.tenants.get_many([user.tenant_id]) == {}
    mail = await desk.mail()
    assert (mail.to, mail.template, mail.language) == (EMAIL, "verification_code", "ja-JP")
    assert mail.values == {"name": "Ada", "minutes": "30"}
    assert mail.expires_at - mail.created_at == 1_800 * SECOND
    challenge = await desk.parts.challenges.newest("verification", "user", user.user_id)
    assert challenge is not None
    assert await desk.code() not in challenge.model_dump_json(exclude={"mail": {"sealed"}, "code_hash": True})


async def test_the_mail_speaks_the_language_that_the_request_asks_for(desk: Desk) -> None:
    user = await desk.register(language="ja-JP")
    desk.clock.advance(30)
    await desk.flows.verifying.resend(desk.users, user.email, desk.asker(accept_language="zh-CN"))
    assert (await desk.mail()).language == "zh-CN"


async def test_an_address_is_registered_once(desk: Desk) -> None:
    first = await desk.register()
    with pytest.raises(HubError) as refusal:
        await desk.register()
    assert refusal.value.code == "user.email_taken"
    assert await desk.parts.users.by_email(EMAIL) == first


async def test_registering_what_is_taken_does_the_same_work_and_mails_nobody(desk: Desk) -> None:
    await desk.register()
    with pytest.raises(HubError, match=r"user\.email_taken"):
        await desk.register()
    assert len(desk.jobs.mails) == await desk.database["challenges"].count_documents({}) == 2
    mail = await desk.mail()
    assert (mail.state, mail.sealed) == ("expired", None)
    desk.clock.advance(30)
    await desk.flows.verifying.resend(desk.users, EMAIL, desk.asker())
    assert (await desk.flows.verifying.verify(desk.users, EMAIL, await desk.code(), desk.asker())).status == "active"


async def test_of_simultaneous_registrations_one_gets_through(desk: Desk) -> None:
    outcomes = await asyncio.gather(*(desk.register() for _ in range(5)), return_exceptions=True)
    refused = [code_of(outcome) for outcome in outcomes if isinstance(outcome, BaseException)]
    assert refused == ["user.email_taken"] * 4
    mails = [await desk.mail(outbox_id) for outbox_id in desk.jobs.mails]
    assert sorted(mail.state for mail in mails) == ["expired"] * 4 + ["pending"]


async def test_a_user_and_an_admin_may_share_an_address(desk: Desk) -> None:
    await desk.register("root@omniaxs.example")
    await register_admin(desk)
    assert len(desk.jobs.mails) == 2


async def test_the_code_makes_the_user_active_and_opens_the_tenant(desk: Desk) -> None:
    user = await desk.register()
    desk.clock.advance(60)
    found = await desk.flows.verifying.verify(desk.users, EMAIL, await desk.code(), desk.asker())
    assert (found.status, found.verified_at) == ("active", desk.clock.now())
    assert await desk.parts.users.get(user.user_id) == found
    tenant = (await desk.parts.tenants.get_many([user.tenant_id]))[user.tenant_id]
    assert (tenant.name, tenant.account_ids) == ("Acme", ())
    assert desk.told.told == [f"user:{user.user_id}"]


async def test_a_code_is_used_once(desk: Desk) -> None:
    await desk.register()
    code = await desk.code()
    outcomes = await asyncio.gather(
        *(desk.flows.verifying.verify(desk.users, EMAIL, code, desk.asker()) for _ in range(4)), return_exceptions=True
    )
    assert [code_of(each) for each in outcomes if isinstance(each, BaseException)] == ["auth.challenge_ended"] * 3


async def test_five_wrong_codes_end_it_and_another_is_had_when_its_time_is_over(desk: Desk) -> None:
    await desk.register()
    code = await desk.code()
    wrong = "000000" if code != "000000" else "000001"
    left = []
    for _ in range(5):
        with pytest.raises(HubError) as refusal:
            await desk.flows.verifying.verify(desk.users, EMAIL, wrong, desk.asker())
        assert refusal.value.code == "auth.code_invalid"
        left.append((refusal.value.details or {})["tries_left"])
    assert left == [4, 3, 2, 1, 0]
    for wanted in (code, wrong):
        with pytest.raises(HubError, match=r"auth\.challenge_ended"):
            await desk.flows.verifying.verify(desk.users, EMAIL, wanted, desk.asker())
    desk.clock.advance(60)
    with pytest.raises(HubError) as ended:
        await desk.flows.verifying.resend(desk.users, EMAIL, desk.asker())
    assert (ended.value.code, list(ended.value.details or {})) == ("auth.challenge_ended", ["retry_at"])
    desk.clock.advance(1_740)
    await desk.flows.verifying.resend(desk.users, EMAIL, desk.asker())
    assert (await desk.flows.verifying.verify(desk.users, EMAIL, await desk.code(), desk.asker())).status == "active"


async def test_codes_are_sent_again_every_30_seconds_and_five_times(desk: Desk) -> None:
    await desk.register()
    codes = {await desk.code()}
    for _ in range(5):
        with pytest.raises(HubError) as refusal:
            await desk.flows.verifying.resend(desk.users, EMAIL, desk.asker())
        assert (refusal.value.code, refusal.value.retry_after) == ("auth.resend_too_soon", 30)
        desk.clock.advance(30)
        challenge = await desk.flows.verifying.resend(desk.users, EMAIL, desk.asker())
        assert challenge.expires_at == desk.clock.now() + 1_800 * SECOND
        codes.add(await desk.code())
    desk.clock.advance(30)
    with pytest.raises(HubError, match=r"auth\.challenge_ended"):
        await desk.flows.verifying.resend(desk.users, EMAIL, desk.asker())
    assert len(desk.jobs.mails) == len(set(desk.jobs.mails)) == 6
    assert (await desk.flows.verifying.verify(desk.users, EMAIL, await desk.code(), desk.asker())).status == "active"


async def test_only_the_newest_code_counts() -> None:
    drawn = iter(("111111", "222222"))
    desk = await desk_of(draw=lambda: next(drawn))
    await desk.register()
    desk.clock.advance(30)
    await desk.flows.verifying.resend(desk.users, EMAIL, desk.asker())
    with pytest.raises(HubError, match=r"auth\.code_invalid"):
        await desk.flows.verifying.verify(desk.users, EMAIL, "111111", desk.asker())
    await desk.flows.verifying.verify(desk.users, EMAIL, "222222", desk.asker())


async def test_a_code_has_its_time(desk: Desk) -> None:
    await desk.register()
    desk.clock.advance(1_800)
    with pytest.raises(HubError, match=r"auth\.challenge_ended"):
        await desk.flows.verifying.verify(desk.users, EMAIL, await desk.code(), desk.asker())


async def test_who_does_not_wait_for_a_code_gets_none(desk: Desk) -> None:
    await desk.verified()
    for email in (EMAIL, "nobody@acme.example"):
        with pytest.raises(HubError, match=r"user\.not_found"):
            await desk.flows.verifying.resend(desk.users, email, desk.asker())
        with pytest.raises(HubError, match=r"auth\.challenge_ended"):
            await desk.flows.verifying.verify(desk.users, email, "000000", desk.asker())
    with pytest.raises(HubError, match=r"admin\.not_found"):
        await desk.flows.verifying.resend(desk.admins, EMAIL, desk.asker())


async def test_a_registration_that_was_stopped_before_its_code_gets_one(desk: Desk) -> None:
    user = await desk.register()
    await desk.parts.challenges._collection.delete_many({})  # type: ignore[attr-defined]
    await desk.flows.verifying.resend(desk.users, EMAIL, desk.asker())
    await desk.flows.verifying.verify(desk.users, EMAIL, await desk.code(), desk.asker())
    assert (await desk.parts.users.get(user.user_id) or user).status == "active"


async def test_a_verification_that_was_stopped_after_its_code_is_repaired_by_another(desk: Desk) -> None:
    user = await desk.register()
    challenge = await desk.parts.challenges.newest("verification", "user", user.user_id)
    assert challenge is not None
    await desk.parts.codes.take(challenge, desk.parts.codes.mailed(await desk.code()), desk.clock.now())
    await desk.users.admit(user, desk.clock.now())
    before = await desk.parts.tenants.get_many([user.tenant_id])
    await desk.flows.verifying.resend(desk.users, EMAIL, desk.asker())
    await desk.flows.verifying.verify(desk.users, EMAIL, await desk.code(), desk.asker())
    assert await desk.parts.tenants.get_many([user.tenant_id]) == before


@pytest.mark.parametrize(("registration", "status"), [("approval", "pending_approval"), ("open", "active")])
async def test_a_verified_admin_waits_unless_the_door_is_open(registration: str, status: str) -> None:
    desk = await desk_of(admin_registration=registration)  # type: ignore[arg-type]
    await register_admin(desk)
    email = "root@omniaxs.example"
    found = await desk.flows.verifying.verify(desk.admins, email, await desk.code(), desk.asker())
    assert (found.status, found.role) == (status, "compliance_admin")
    assert desk.told.told == [f"admin:{found.admin_id}"]


async def test_who_was_closed_meanwhile_is_not_made_active(desk: Desk) -> None:
    user = await desk.register()
    await desk.change(user, status="closed")
    with pytest.raises(HubError, match=r"auth\.challenge_ended"):
        await desk.flows.verifying.verify(desk.users, EMAIL, await desk.code(), desk.asker())
