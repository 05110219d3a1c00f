"""Both doors as clients see them: bodies, answers, refusals."""

import pytest

from tests.unit.identity.door_app import Answered, Doors
from tests.unit.identity.identity_desk import EMAIL, PASSWORD, Desk, desk_of

USER = "/public/v1/auth"
ADMIN = "/public/v1/admin/auth"
REGISTRATION = {
    "email": "Ada@Acme.example",
    "password": PASSWORD,
    "display_name": "Ada",
    "company_name": "Acme",
    "country_region": "GB",
}
ROOT = {"email": "root@omniaxs.example", "password": PASSWORD, "display_name": "Root"}


@pytest.fixture
def doors(desk: Desk) -> Doors:
    return Doors(desk)


async def verified(doors: Doors) -> None:
    assert (await doors.post(f"{USER}/register", REGISTRATION)).status == 200
    code = await doors.desk.code()
    assert (await doors.post(f"{USER}/verify-email", {"email": EMAIL, "verification_code": code})).status == 200


async def logged_in(doors: Doors) -> dict[str, str]:
    login = await doors.post(f"{USER}/login", {"email": EMAIL, "password": PASSWORD})
    code = await doors.desk.code()
    asked = {"email": EMAIL, "challenge_id": login.data["challenge_id"], "otp_code": code}
    answer = await doors.post(f"{USER}/login/verify-otp", asked)
    return dict(answer.data)


def names(answer: Answered) -> dict[str, str]:
    assert answer.refusal == (422, "request.invalid")
    return {field["name"]: field["reason"] for field in answer.body["error"]["details"]["fields"]}


async def test_from_registration_to_tokens(doors: Doors) -> None:
    registered = (await doors.post(f"{USER}/register", REGISTRATION)).data
    assert set(registered) == {"user_id", "email", "status", "verification_expires_at"}
    assert (registered["email"], registered["status"]) == (EMAIL, "pending_verification")
    doors.desk.clock.advance(30)
    resent = (await doors.post(f"{USER}/resend-verification", {"email": "ADA@acme.example"})).data
    assert set(resent) == {"email", "sent", "resend_after_seconds", "verification_expires_at"}
    assert (resent["email"], resent["sent"], resent["resend_after_seconds"]) == (EMAIL, True, 30)
    code = await doors.desk.code()
    done = (await doors.post(f"{USER}/verify-email", {"email": EMAIL, "verification_code": code})).data
    assert (set(done), done["status"]) == ({"user_id", "email", "status", "verified_at"}, "active")
    login = (await doors.post(f"{USER}/login", {"email": EMAIL, "password": PASSWORD})).data
    assert (set(login), login["channel"]) == (
        {"challenge_id", "channel", "otp_expires_at", "resend_after_seconds"},
        "email",
    )
    doors.desk.clock.advance(30)
    again = {"email": EMAIL, "challenge_id": login["challenge_id"]}
    sent = (await doors.post(f"{USER}/login/resend-otp", again)).data
    assert set(sent) == {"challenge_id", "sent", "otp_expires_at", "resend_after_seconds"}
    answer = await doors.post(f"{USER}/login/verify-otp", {**again, "otp_code": await doors.desk.code()})
    assert set(answer.data) == {
        "token_type", "access_token", "expires_in", "refresh_token", "refresh_expires_in", "user",
    }  # fmt: skip
    assert (answer.data["token_type"], answer.data["expires_in"]) == ("Bearer", 900)
    assert answer.data["user"]["user_id"] == registered["user_id"]
    assert answer.headers["Cache-Control"] == "no-store"
    renewed = (await doors.post(f"{USER}/refresh", {"refresh_token": answer.data["refresh_token"]})).data
    assert set(renewed) == set(answer.data)
    reused = await doors.post(f"{USER}/refresh", {"refresh_token": answer.data["refresh_token"]})
    assert reused.refusal == (401, "auth.refresh_reused")


async def test_what_is_wrong_with_a_registration_is_named_and_not_repeated(doors: Doors) -> None:
    answer = await doors.post(
        f"{USER}/register", {"email": "ada", "pasword": PASSWORD, "password": "short", "display_name": 5}
    )
    assert names(answer) == {
        "email": "not an e-mail address",
        "password": "too short",
        "display_name": "not a string",
        "company_name": "missing",
        "country_region": "missing",
        "pasword": "unknown field",
    }
    assert PASSWORD not in str(answer.body)
    assert "short" not in str(answer.body).replace("too short", "")
    common = await doors.post(f"{USER}/register", {**REGISTRATION, "password": "baseball"})
    assert names(common) == {"password": "one of the commonest passwords"}
    own = await doors.post(f"{USER}/register", {**REGISTRATION, "password": "1ada@acme.example"})
    assert names(own) == {"password": "contains the e-mail address"}
    language = await doors.post(f"{USER}/register", {**REGISTRATION, "preferred_language": "de-DE"})
    assert names(language) == {"preferred_language": "not one of the known values"}
    long = await doors.post(f"{USER}/register", {**REGISTRATION, "company_name": "A" * 161, "country_region": "G"})
    assert names(long) == {"company_name": "too long", "country_region": "too short"}
    assert (await doors.post(f"{USER}/register", {**REGISTRATION, "company_name": "A" * 160})).status == 200


@pytest.mark.parametrize(
    ("step", "body", "wrong"),
    [
        ("resend-verification", {}, {"email": "missing"}),
        ("verify-email", {"email": EMAIL, "verification_code": "12345"}, {"verification_code": "not a code"}),
        ("login", {"email": EMAIL}, {"password": "missing"}),
        ("login", {"email": EMAIL, "password": "x", "role": "ops_admin"}, {"role": "unknown field"}),
        ("login/resend-otp", {"email": EMAIL, "challenge_id": "short"}, {"challenge_id": "too short"}),
        ("login/verify-otp", {"email": EMAIL, "challenge_id": "chl_12345", "otp_code": 5}, {"otp_code": "not a code"}),
        ("refresh", {"refresh_token": "short"}, {"refresh_token": "too short"}),
    ],
)
async def test_what_is_wrong_with_a_step_is_named(doors: Doors, step: str, body: object, wrong: dict[str, str]) -> None:
    assert names(await doors.post(f"{USER}/{step}", body)) == wrong


async def test_the_refusals_of_the_steps(doors: Doors) -> None:
    await verified(doors)
    assert (await doors.post(f"{USER}/register", REGISTRATION)).refusal == (409, "user.email_taken")
    assert (await doors.post(f"{USER}/resend-verification", {"email": "no@acme.example"})).refusal == (
        404,
        "user.not_found",
    )
    wrong = await doors.post(f"{USER}/login", {"email": EMAIL, "password": "wrong"})
    nobody = await doors.post(f"{USER}/login", {"email": "no@acme.example", "password": "wrong"})
    assert wrong.refusal == (401, "auth.credentials_invalid")
    assert nobody.body["error"] == wrong.body["error"]
    unknown = {"email": EMAIL, "challenge_id": "chl_unknown", "otp_code": "000000"}
    assert (await doors.post(f"{USER}/login/verify-otp", unknown)).refusal == (422, "auth.challenge_ended")
    invented = {"refresh_token": "pmr_" + "x" * 40}
    assert (await doors.post(f"{USER}/refresh", invented)).refusal == (401, "auth.refresh_invalid")
    login = await doors.post(f"{USER}/login", {"email": EMAIL, "password": PASSWORD})
    again = {"email": EMAIL, "challenge_id": login.data["challenge_id"]}
    soon = await doors.post(f"{USER}/login/resend-otp", again)
    assert soon.refusal == (429, "auth.resend_too_soon")
    assert soon.headers["Retry-After"] == "30"


async def test_sessions_are_listed_and_ended(doors: Doors) -> None:
    await verified(doors)
    first, second, third = [await logged_in(doors) for _ in range(3)]
    token = first["access_token"]
    listed = (await doors.open("GET", "/v1/user/sessions", token=token)).data
    assert [item["current"] for item in listed["items"]].count(True) == 1
    assert set(listed["items"][0]) == {
        "session_id", "current", "created_at", "last_used_at", "expires_at", "ip", "user_agent",
    }  # fmt: skip
    assert listed["items"][0]["ip"] == "203.0.113.9"
    page = (await doors.open("GET", "/v1/user/sessions?page_size=2", token=token)).data
    rest = (
        await doors.open("GET", f"/v1/user/sessions?page_size=2&page_token={page['next_page_token']}", token=token)
    ).data
    assert page["items"] + rest["items"] == listed["items"]
    assert rest["next_page_token"] is None
    other = next(item["session_id"] for item in listed["items"] if not item["current"])
    ended = await doors.open("DELETE", f"/v1/user/sessions/{other}", token=token)
    assert (ended.data["session_id"], ended.data["status"]) == (other, "ended")
    assert (await doors.open("DELETE", f"/v1/user/sessions/{other}", token=token)).data == ended.data
    assert (await doors.open("DELETE", "/v1/user/sessions/ses_unknown", token=token)).refusal == (
        404,
        "session.not_found",
    )
    assert len((await doors.open("GET", "/v1/user/sessions", token=token)).data["items"]) == 2
    out = await doors.post("/v1/user/logout", {}, token)
    assert (set(out.data), out.data["status"]) == ({"session_id", "status", "ended_at"}, "ended")
    await doors.cache.refresh()
    assert (await doors.open("GET", "/v1/user/sessions", token=token)).refusal == (401, "auth.session_ended")
    living = [
        each
        for each in (second, third)
        if (await doors.open("GET", "/v1/user/sessions", token=each["access_token"])).status == 200
    ]
    assert len(living) == 1
    refreshed = await doors.post(f"{USER}/refresh", {"refresh_token": first["refresh_token"]})
    assert refreshed.refusal == (401, "auth.session_ended")
    assert [act.action for act in doors.desk.audit.acts if act.action.startswith("session")] == ["session.end"] * 3


async def test_all_sessions_end_at_once(doors: Doors) -> None:
    await verified(doors)
    tokens = [(await logged_in(doors))["access_token"] for _ in range(3)]
    typo = await doors.post("/v1/user/logout-all", {"al": True}, tokens[0])
    assert names(typo) == {"al": "unknown field"}
    assert (await doors.post("/v1/user/logout-all", {}, tokens[0])).data == {"sessions_ended": 3}
    await doors.cache.refresh()
    for token in tokens:
        assert (await doors.open("GET", "/v1/user/sessions", token=token)).refusal == (401, "auth.session_ended")


async def test_nobody_ends_the_session_of_another(doors: Doors) -> None:
    await verified(doors)
    mine = (await logged_in(doors))["access_token"]
    eve = await doors.desk.verified("eve@acme.example")
    challenge = await doors.desk.flows.logging_in.begin(doors.desk.users, eve.email, PASSWORD, None, doors.desk.asker())
    assert challenge.subject_id == eve.user_id
    asked = {"email": eve.email, "challenge_id": challenge.challenge_id, "otp_code": await doors.desk.code()}
    await doors.post(f"{USER}/login/verify-otp", asked)
    (hers,) = await doors.desk.parts.sessions.active_of(eve.user_id, doors.desk.clock.now())
    refused = await doors.open("DELETE", f"/v1/user/sessions/{hers.session_id}", token=mine)
    assert refused.refusal == (404, "session.not_found")
    assert len(await doors.desk.parts.sessions.active_of(eve.user_id, doors.desk.clock.now())) == 1


async def admin_logged_in(doors: Doors) -> dict[str, str]:
    await doors.post(f"{ADMIN}/register", ROOT)
    code = await doors.desk.code()
    done = (await doors.post(f"{ADMIN}/verify-email", {"email": ROOT["email"], "verification_code": code})).data
    assert (set(done), done["status"]) == ({"admin_id", "email", "status", "verified_at"}, "active")
    who = {"email": ROOT["email"], "role": "ops_admin"}
    login = (await doors.post(f"{ADMIN}/login", {**who, "password": PASSWORD})).data
    code = await doors.desk.code()
    asked = {**who, "challenge_id": login["challenge_id"], "otp_code": code}
    return dict((await doors.post(f"{ADMIN}/login/verify-otp", asked)).data)


async def test_an_admin_comes_through_the_own_door() -> None:
    doors = Doors(await desk_of(admin_registration="open"))
    opened = await admin_logged_in(doors)
    assert opened["admin"]["role"] == "ops_admin"  # type: ignore[index]
    token = opened["access_token"]
    assert (await doors.open("GET", "/v1/user/sessions", token=token)).refusal == (401, "auth.token_invalid")
    logout = "/internal/v1/admin/auth/logout"
    assert (await doors.post(logout, {}, token)).refusal == (422, "request.invalid")
    assert (await doors.post(logout, {}, token, X_PM_ROLE="super_admin")).refusal == (403, "admin.role_mismatch")
    assert (await doors.post(f"{USER}/refresh", {"refresh_token": opened["refresh_token"]})).status == 401
    renewed = (await doors.post(f"{ADMIN}/refresh", {"refresh_token": opened["refresh_token"]})).data
    assert renewed["admin"] == opened["admin"]
    assert (await doors.post(logout, {}, renewed["access_token"], X_PM_ROLE="ops_admin")).data["status"] == "ended"
    ended = await doors.post(f"{ADMIN}/refresh", {"refresh_token": renewed["refresh_token"]})
    assert ended.refusal == (401, "auth.session_ended")
    wrong = await doors.post(f"{ADMIN}/login", {"email": ROOT["email"], "password": PASSWORD})
    assert wrong.refusal == (403, "admin.role_mismatch")


async def test_a_super_admin_does_not_register_and_a_closed_door_is_closed() -> None:
    doors = Doors(await desk_of(admin_registration="approval"))
    assert names(await doors.post(f"{ADMIN}/register", {**ROOT, "role": "super_admin"})) == {
        "role": "not one of the known values"
    }
    closed = Doors(await desk_of(admin_registration="closed"))
    assert (await closed.post(f"{ADMIN}/register", ROOT)).refusal == (403, "admin.registration_closed")
    assert closed.desk.jobs.mails == []
