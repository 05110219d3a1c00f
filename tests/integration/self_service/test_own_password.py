"""A password changed by whoever knows the present one, and set anew by whoever has the mailed code."""

import asyncio

import pytest

from storage.models.mails import Mail
from storage.mongo.notices import COLLECTION as NOTICES
from tests.integration.self_service.self_desk import PASSWORD, Answered, Calling, SelfDesk

NEW = "a better one than before"
CHANGE = {"current_password": PASSWORD, "new_password": NEW}


async def opens(desk: SelfDesk, password: str) -> bool:
    """Whether it is Ada's password."""
    user = await desk.users.get("usr_ada")
    assert user is not None
    return await desk.passwords.verify(user.password_hash, password)


async def begun_logins(desk: SelfDesk, ada: Calling) -> list[int | None]:
    """When the logins of Ada that have begun ended, if they did."""
    return [challenge.ended_at for challenge in await desk.challenges.newest_of("login", "user", ada.user.user_id, 10)]


async def notices(desk: SelfDesk) -> list[Mail]:
    return [Mail.model_validate(each["mail"]) async for each in desk.database[NOTICES].find({})]


async def test_a_change_ends_all_sessions_but_the_own(desk: SelfDesk, ada: Calling) -> None:
    elsewhere = await desk.logged_in(ada.user)
    eve = await desk.caller("eve")
    data = (await ada.post("/v1/user/password", CHANGE)).data
    assert (data["user_id"], data["sessions_ended"]) == ("usr_ada", 1)
    assert (await opens(desk, NEW), await opens(desk, PASSWORD)) == (True, False)
    await desk.cache.refresh()
    assert (await elsewhere.get("/v1/user/me")).code == "auth.session_ended"
    assert (await ada.get("/v1/user/me")).code == "ok"
    assert (await eve.get("/v1/user/me")).code == "ok"
    assert desk.announcer.told == [("user", "usr_ada")]


async def test_a_login_that_began_before_a_change_ends_with_it(desk: SelfDesk, ada: Calling) -> None:
    await desk.codes.begin("login", ada.user, "en-US", desk.clock.now())
    eve = await desk.caller("eve")
    await desk.codes.begin("login", eve.user, "en-US", desk.clock.now())
    assert (await ada.post("/v1/user/password", CHANGE | {"current_password": "another one"})).code != "ok"
    assert (await begun_logins(desk, ada), await begun_logins(desk, eve)) == ([None], [None])
    await ada.post("/v1/user/password", CHANGE)
    assert (await begun_logins(desk, ada), await begun_logins(desk, eve)) == ([desk.clock.now()], [None])


async def test_a_login_that_began_before_a_reset_ends_with_it(desk: SelfDesk, ada: Calling) -> None:
    await desk.codes.begin("login", ada.user, "en-US", desk.clock.now())
    challenge_id = (await forgot(desk)).data["challenge_id"]
    assert (await reset(desk, challenge_id, await mailed_code(desk))).code == "ok"
    assert await begun_logins(desk, ada) == [desk.clock.now()]


async def test_a_change_is_told_by_mail_and_in_the_trail(desk: SelfDesk, ada: Calling) -> None:
    await ada.post("/v1/user/password", CHANGE)
    [mail] = await notices(desk)
    assert (mail.to, mail.template, mail.language) == ("ada@example.com", "password_changed", "ja-JP")
    assert (mail.values["name"], mail.values["ip"]) == ("Ada", "203.0.113.9")
    assert desk.jobs.asked == [("send_mail", mail.outbox_id)]
    assert [(event.action, event.actor_id, event.after) for event in await desk.told()] == [
        ("user.password", "usr_ada", {"password": "changed"})
    ]
    assert NEW not in await desk.all_text()


async def test_a_wrong_present_password_changes_nothing(desk: SelfDesk, ada: Calling) -> None:
    refused = await ada.post("/v1/user/password", CHANGE | {"current_password": "another one"})
    assert refused.code == "auth.password_wrong"
    assert await opens(desk, PASSWORD)
    assert (await desk.told(), await notices(desk)) == ([], [])


async def test_ten_wrong_present_passwords_lock(desk: SelfDesk, ada: Calling) -> None:
    wrong = CHANGE | {"current_password": "another one"}
    codes = [(await ada.post("/v1/user/password", wrong)).code for _ in range(11)]
    assert codes == ["auth.password_wrong"] * 10 + ["rate.limited"]
    assert (await ada.post("/v1/user/password", CHANGE)).code == "rate.limited"
    assert [(mail.template, mail.values["ip"]) for mail in await notices(desk)] == [("account_locked", "203.0.113.9")]
    desk.clock.advance(15 * 60)
    ada = await desk.logged_in(ada.user)
    assert (await ada.post("/v1/user/password", CHANGE)).code == "ok"


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [
        ("short", "too short"),
        ("password123", "one of the commonest passwords"),
        ("my ada@example.com 1", "contains the e-mail address"),
        ("x" * 129, "empty or too long"),
    ],
)
async def test_a_weak_password_is_refused(desk: SelfDesk, ada: Calling, chosen: str, reason: str) -> None:
    refused = await ada.post("/v1/user/password", CHANGE | {"new_password": chosen})
    assert (refused.code, refused.fields) == ("request.invalid", {"new_password": reason})
    assert await opens(desk, PASSWORD)


async def test_a_change_that_dies_is_completed_by_the_next_try(desk: SelfDesk, ada: Calling) -> None:
    desk.trail.away = True
    assert (await ada.post("/v1/user/password", CHANGE, key="dies-once")).status == 503
    assert await opens(desk, NEW)
    desk.trail.away = False
    assert (await ada.post("/v1/user/password", CHANGE, key="dies-once")).code == "ok"
    assert [event.action for event in await desk.told()] == ["user.password"]
    assert len(await notices(desk)) == 1
    assert (await ada.post("/v1/user/password", CHANGE, key="another-write")).code == "ok"  # it is the present one


async def test_two_changes_at_once_leave_one_password(desk: SelfDesk, ada: Calling) -> None:
    others = [CHANGE | {"new_password": f"a better one than {number}"} for number in range(5)]
    answers = await asyncio.gather(*(ada.post("/v1/user/password", body) for body in others))
    won = [body["new_password"] for body, answer in zip(others, answers, strict=True) if answer.code == "ok"]
    assert {answer.code for answer in answers} <= {"ok", "auth.password_wrong"}
    assert len(won) == 1
    assert await opens(desk, won[0])


async def forgot(desk: SelfDesk, email: str = "ada@example.com") -> Answered:
    return await desk.ask("password/forgot", {"email": email})


async def reset(desk: SelfDesk, challenge_id: str, code: str, email: str = "ada@example.com") -> Answered:
    body = {"email": email, "challenge_id": challenge_id, "reset_code": code, "new_password": NEW}
    return await desk.ask("password/reset", body)


async def mailed_code(desk: SelfDesk) -> str:
    return desk.secret_in(await desk.newest_mail())["code"]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def test_a_mailed_code_sets_a_new_password_and_ends_every_session(desk: SelfDesk, ada: Calling) -> None:
    challenge_id = (await forgot(desk, "Ada@Example.com")).data["challenge_id"]
    mail = await desk.newest_mail()
    assert (mail.to, mail.template, mail.language, mail.state) == (
        "ada@example.com", "password_reset_code", "ja-JP", "pending",
    )  # fmt: skip
    data = (await reset(desk, challenge_id, await mailed_code(desk))).data
    assert (data["user_id"], data["sessions_ended"]) == ("usr_ada", 1)
    assert await opens(desk, NEW)
    await desk.cache.refresh()
    assert (await ada.get("/v1/user/me")).code == "auth.session_ended"
    assert desk.announcer.told == [("user", "usr_ada")]
    assert [(event.action, event.after) for event in await desk.told()] == [("user.password", {"password": "reset"})]
    assert [each.template for each in await notices(desk)] == ["password_changed"]


async def test_a_code_counts_once(desk: SelfDesk, ada: Calling) -> None:
    challenge_id = (await forgot(desk)).data["challenge_id"]
    code = await mailed_code(desk)
    answers = await asyncio.gather(*(reset(desk, challenge_id, code) for _ in range(5)))
    assert sorted(answer.code for answer in answers) == ["auth.challenge_ended"] * 4 + ["ok"]
    assert (await reset(desk, challenge_id, code)).code == "auth.challenge_ended"


async def test_a_code_is_of_its_challenge_and_address(desk: SelfDesk, ada: Calling) -> None:
    await desk.user("eve")
    challenge_id = (await forgot(desk)).data["challenge_id"]
    code = await mailed_code(desk)
    of_eve = (await forgot(desk, "eve@example.com")).data["challenge_id"]
    assert (await reset(desk, of_eve, code)).code == "auth.challenge_ended"
    assert (await reset(desk, challenge_id, code, "eve@example.com")).code == "auth.challenge_ended"
    assert (await reset(desk, "chl_nothing", code)).code == "auth.challenge_ended"
    assert (await reset(desk, challenge_id, code)).code == "ok"


async def test_a_code_dies_after_five_minutes(desk: SelfDesk, ada: Calling) -> None:
    challenge_id = (await forgot(desk)).data["challenge_id"]
    code = await mailed_code(desk)
    desk.clock.advance(300)
    assert (await reset(desk, challenge_id, code)).code == "auth.challenge_ended"
    assert await opens(desk, PASSWORD)


async def test_a_weak_password_costs_no_try(desk: SelfDesk, ada: Calling) -> None:
    challenge_id = (await forgot(desk)).data["challenge_id"]
    body = {"email": "ada@example.com", "challenge_id": challenge_id, "reset_code": await mailed_code(desk)}
    assert (await desk.ask("password/reset", body | {"new_password": "short"})).fields == {"new_password": "too short"}
    assert (await desk.ask("password/reset", body | {"new_password": NEW})).code == "ok"


async def life_of(desk: SelfDesk, email: str) -> list[object]:
    """Everything that somebody without the mail sees of an address: names, codes, tries, waits."""
    asked = await forgot(desk, email)
    challenge_id = asked.data["challenge_id"]
    again = await forgot(desk, email)
    seen: list[object] = [sorted(asked.data), asked.data["resend_after_seconds"], len(challenge_id)]
    seen += [again.code, again.headers["Retry-After"]]
    code = await mailed_code(desk) if email == "ada@example.com" else "000000"
    for _ in range(6):
        refused = await reset(desk, challenge_id, wrong(code), email)
        seen.append((refused.code, refused.error["details"], refused.error["message"]))
    desk.clock.advance(31)
    seen.append((await forgot(desk, email)).code)
    return seen


@pytest.mark.parametrize("status", ["nobody", "suspended", "closed", "pending_verification"])
async def test_who_is_not_active_looks_as_who_is(desk: SelfDesk, ada: Calling, status: str) -> None:
    if status != "nobody":
        await desk.user("eve", status=status)
    asked = len(desk.jobs.asked)
    known = await life_of(desk, "ada@example.com")
    jobs_of_known = len(desk.jobs.asked) - asked
    assert known == await life_of(desk, "eve@example.com")
    assert len(desk.jobs.asked) - asked == 2 * jobs_of_known
    mail = await desk.newest_mail()
    assert (mail.to, mail.state, mail.sealed) == ("eve@example.com", "expired", None)
    assert await desk.outbox.claim(mail.outbox_id, desk.clock.now(), desk.clock.now() + 1) is None
    assert await desk.outbox.due(desk.clock.now() + 60 * 10**9, 100) != []  # Ada's own
    assert mail.outbox_id not in await desk.outbox.due(desk.clock.now() + 60 * 10**9, 100)


async def test_who_is_suspended_meanwhile_gets_no_new_password(desk: SelfDesk, ada: Calling) -> None:
    challenge_id = (await forgot(desk)).data["challenge_id"]
    await desk.users.replace(ada.user.model_copy(update={"status": "suspended", "version": 2}))
    assert (await reset(desk, challenge_id, await mailed_code(desk))).code == "auth.challenge_ended"
    assert await opens(desk, PASSWORD)


async def test_ten_wrong_codes_lock_the_address(desk: SelfDesk, ada: Calling) -> None:
    answers = []
    for _ in range(3):
        challenge_id = (await forgot(desk)).data["challenge_id"]
        code = await mailed_code(desk)
        answers += [(await reset(desk, challenge_id, wrong(code))).code for _ in range(5)]
        desk.clock.advance(31)
    assert answers == ["auth.code_invalid"] * 10 + ["rate.limited"] * 5
    challenge_id = (await forgot(desk)).data["challenge_id"]
    assert (await reset(desk, challenge_id, await mailed_code(desk))).code == "rate.limited"


async def test_every_bad_field_of_a_reset_is_named(desk: SelfDesk) -> None:
    refused = await desk.ask("password/reset", {"email": "x", "challenge_id": "c", "reset_code": "12345", "tenant": 1})
    assert refused.fields == {
        "email": "not an e-mail address",
        "challenge_id": "too short",
        "reset_code": "not a code",
        "new_password": "missing",
        "tenant": "unknown field",
    }


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
async def test_six_codes_in_half_an_hour_are_all_whoever_has_the_address(
    desk: SelfDesk, ada: Calling, email: str
) -> None:
    for _ in range(6):
        assert (await forgot(desk, email)).code == "ok"
        desk.clock.advance(31)
    refused, wait = await forgot(desk, email), 30 * 60 - 6 * 31
    assert (refused.code, refused.error["details"]) == ("auth.resend_too_soon", {"retry_after_seconds": wait})
    assert refused.headers["Retry-After"] == str(wait)
    desk.clock.advance(wait - 1)
    assert (await forgot(desk, email)).headers["Retry-After"] == "1"
    desk.clock.advance(1)
    assert (await forgot(desk, email)).code == "ok"
    assert (await forgot(desk, email)).headers["Retry-After"] == "31"  # the second of the six leaves then
