"""Admins under a super_admin: activation with its mail, roles, and the last super_admin, who cannot be taken away."""

import asyncio

import pytest

from storage.mongo.notices import COLLECTION as NOTICES
from tests.integration.admin.admin_desk import AdminDesk


async def test_admins_are_shown_newest_first(desk: AdminDesk) -> None:
    caller = await desk.log_in()
    desk.clock.advance(1)
    await desk.admin("ops_admin", status="pending_approval")
    answered = await caller.get("/admins")
    assert [one["admin_id"] for one in answered.data["items"]] == ["adm_ops_admin", "adm_super_admin"]
    assert answered.data["items"][0] == {
        "admin_id": "adm_ops_admin", "role": "ops_admin", "email": "adm_ops_admin@hub.test",
        "display_name": "The adm_ops_admin", "preferred_language": "en-US", "status": "pending_approval",
        "totp_enabled": False, "created_at": "2024-08-08T14:30:01Z", "last_login_at": None,
    }  # fmt: skip
    assert b"hash" not in answered.body
    page = (await caller.get("/admins?page_size=1")).data
    following = (await caller.get(f"/admins?page_size=1&page_token={page['next_page_token']}")).data
    assert [one["admin_id"] for one in following["items"]] == ["adm_super_admin"]


async def test_an_activation_is_mailed_once(desk: AdminDesk) -> None:
    caller = await desk.log_in()
    await desk.admin("ops_admin", status="pending_approval", preferred_language="ja-JP")
    answered = await caller.send("PATCH", "/admins/adm_ops_admin", {"status": "active"})
    assert (answered.data["status"], answered.data["role"]) == ("active", "ops_admin")
    assert (await caller.send("PATCH", "/admins/adm_ops_admin", {"status": "active"})).status == 200
    [notice] = [one async for one in desk.database[NOTICES].find({})]
    mail = notice["mail"]
    assert (mail["template"], mail["to"], mail["language"]) == ("admin_activated", "adm_ops_admin@hub.test", "ja-JP")
    assert desk.jobs.asked == [("send_mail", mail["outbox_id"])]
    told = [(one.stage, one.before, one.after) for one in (await desk.told())[:2]]
    pending, active = ({"status": status, "role": "ops_admin"} for status in ("pending_approval", "active"))
    assert told == [("intended", pending, active), ("done", pending, active)]


async def test_a_changed_role_and_a_suspension_end_sessions_and_logins(desk: AdminDesk) -> None:
    caller = await desk.log_in()
    for number, (change, reason) in enumerate(
        [({"role": "compliance_admin"}, "role_changed"), ({"status": "suspended", "reason": "left"}, "status_changed")]
    ):
        admin = await desk.admin("ops_admin", f"adm_{number}")
        await desk.token("admin", admin.admin_id, "ops_admin")
        challenge = await desk.codes.begin("login", admin, "en-US", desk.clock.now())
        [session] = await desk.sessions.active_of(admin.admin_id, desk.clock.now())
        assert (await caller.send("PATCH", f"/admins/{admin.admin_id}", change)).status == 200
        ended = await desk.sessions.get(session.session_id)
        assert ended is not None
        assert ended.ended_reason == reason
        begun = await desk.challenges.get(challenge.challenge_id)
        assert begun is not None
        assert begun.ended_at == desk.clock.now()


async def test_the_last_active_super_admin_stays(desk: AdminDesk) -> None:
    caller = await desk.log_in()
    await desk.admin("super_admin", "adm_asleep", status="suspended")
    for change in ({"status": "suspended"}, {"status": "closed"}, {"role": "ops_admin"}):
        refused = await caller.send("PATCH", "/admins/adm_super_admin", change)
        assert (refused.status, refused.code) == (409, "admin.last_super_admin")
    assert (await caller.send("PATCH", "/admins/adm_asleep", {"status": "active"})).status == 200
    assert (await caller.send("PATCH", "/admins/adm_super_admin", {"role": "ops_admin"})).data["role"] == "ops_admin"


async def test_two_super_admins_who_take_each_other_away_at_once_are_not_both_gone(desk: AdminDesk) -> None:
    callers = [await desk.log_in(admin_id=f"adm_{number}") for number in range(2)]
    answers = await asyncio.gather(
        *(
            caller.send("PATCH", f"/admins/adm_{1 - number}", {"status": "suspended"})
            for number, caller in enumerate(callers)
        )
    )
    left = [one for one in await desk.admins.all() if one.status == "active"]
    assert left
    assert sorted(one.status for one in answers) in ([200, 409], [409, 409], [200, 401], [200, 403])


@pytest.mark.parametrize(
    ("changes", "asked", "code"),
    [
        ({"status": "pending_verification", "verified_at": None}, {"status": "active"}, "admin.wrong_state"),
        ({"status": "suspended", "verified_at": None}, {"status": "active"}, "admin.wrong_state"),
        ({"status": "closed"}, {"status": "active"}, "admin.wrong_state"),
        ({"status": "closed"}, {"role": "compliance_admin"}, "admin.wrong_state"),
        ({"status": "closed"}, {"status": "closed"}, "ok"),
        ({}, {"role": "super_admin"}, "request.invalid"),
        ({}, {"status": "pending_approval"}, "request.invalid"),
        ({}, {"reason": "none"}, "request.invalid"),
        ({}, {}, "request.invalid"),
    ],
)
async def test_what_may_become_of_an_admin(desk: AdminDesk, changes: dict, asked: dict, code: str) -> None:
    caller = await desk.log_in()
    await desk.admin("ops_admin", **changes)
    assert (await caller.send("PATCH", "/admins/adm_ops_admin", asked)).code == code


async def test_an_unknown_admin(desk: AdminDesk) -> None:
    assert (await (await desk.log_in()).send("PATCH", "/admins/adm_7", {"status": "active"})).code == "admin.not_found"
