"""Users as admins see and rule them: pages, filters, keys, status with all that ends by it, once for each key."""

import asyncio

import pytest

from storage.log.port import Record
from storage.models.tenants import ApiKey
from storage.topics import PLATFORM_EVENTS
from tests.integration.admin.admin_desk import AdminDesk


async def test_users_are_shown_newest_first_without_secrets(desk: AdminDesk) -> None:
    await desk.user("usr_1")
    desk.clock.advance(1)
    await desk.user("usr_2", last_login_at=desk.clock.now())
    caller = await desk.log_in("ops_admin")
    answered = await caller.get("/users")
    assert [item["user_id"] for item in answered.data["items"]] == ["usr_2", "usr_1"]
    assert answered.data["next_page_token"] is None
    assert answered.data["items"][0] == {
        "user_id": "usr_2", "tenant_id": "ten_2", "account_ids": ["acc_ten_2"], "email": "usr_2@example.com",
        "display_name": "Some One", "company_name": "Acme", "country_region": "DE", "preferred_language": "en-US",
        "status": "active", "totp_enabled": False, "created_at": "2024-08-08T14:30:01Z",
        "last_login_at": "2024-08-08T14:30:01Z",
    }  # fmt: skip
    assert b"hash" not in answered.body


async def test_users_are_filtered_and_paged_stable_under_inserts(desk: AdminDesk) -> None:
    for number in range(5):
        await desk.user(f"usr_{number}", status="suspended" if number == 3 else "active", company_name=f"C{number}")
        desk.clock.advance(1)
    caller = await desk.log_in()
    assert [one["user_id"] for one in (await caller.get("/users?status=suspended")).data["items"]] == ["usr_3"]
    assert [one["user_id"] for one in (await caller.get("/users?keyword=c4")).data["items"]] == ["usr_4"]
    first = (await caller.get("/users?page_size=2&status=active")).data
    assert [one["user_id"] for one in first["items"]] == ["usr_4", "usr_2"]
    await desk.user("usr_9")
    token = first["next_page_token"]
    rest = (await caller.get(f"/users?page_size=2&status=active&page_token={token}")).data
    assert [one["user_id"] for one in rest["items"]] == ["usr_1", "usr_0"]
    assert rest["next_page_token"] is None
    assert (await caller.get(f"/users?page_token={token}")).code == "page_token.not_found"
    refused = (await caller.get("/users?status=gone&page_size=0")).error
    assert [one["name"] for one in refused["details"]["fields"]] == ["status", "page_size"]


async def test_the_keys_of_a_user_are_those_that_the_user_made(desk: AdminDesk) -> None:
    await desk.user("usr_1")
    await desk.user("usr_2", tenant_id="ten_1")
    for number, user_id in enumerate(["usr_1", "usr_2", "usr_1"]):
        key = ApiKey(
            key_id=f"pmk_{number}", tenant_id="ten_1", user_id=user_id, label="l", scopes=("stream",), created_at=number,
            sealed_secret="sealed secret", revoked_at=5 if number == 2 else None,
        )  # fmt: skip
        await desk.keys.insert(key)
    caller = await desk.log_in("compliance_admin")
    answered = await caller.get("/users/usr_1/api-keys")
    assert [(one["key_id"], one["status"]) for one in answered.data["items"]] == [
        ("pmk_0", "active"),
        ("pmk_2", "revoked"),
    ]
    assert b"sealed secret" not in answered.body
    page = (await caller.get("/users/usr_1/api-keys?page_size=1")).data
    assert [one["key_id"] for one in page["items"]] == ["pmk_0"]
    page = (await caller.get(f"/users/usr_1/api-keys?page_token={page['next_page_token']}")).data
    assert [one["key_id"] for one in page["items"]] == ["pmk_2"]
    assert (await caller.get("/users/usr_7/api-keys")).code == "user.not_found"


async def announced(desk: AdminDesk) -> list[bytes]:
    records: list[Record] = []
    bounds = (await desk.platform.log.bounds(PLATFORM_EVENTS))[0]
    async for batch in desk.platform.log.read(PLATFORM_EVENTS, 0, bounds.first, bounds.next):
        records += batch
    return [record.key or b"" for record in records]


async def test_a_suspended_user_has_no_session_left_and_every_gateway_is_told(desk: AdminDesk) -> None:
    await desk.user("usr_1")
    await desk.token("user", "usr_1")
    caller = await desk.log_in("compliance_admin")
    answered = await caller.send("PATCH", "/users/usr_1/status", {"status": "suspended", "reason": "asked for"})
    assert answered.data == {
        "user_id": "usr_1", "status": "suspended", "previous_status": "active", "updated_at": "2024-08-08T14:30:00Z",
    }  # fmt: skip
    assert await desk.sessions.active_of("usr_1", desk.clock.now()) == []
    assert await announced(desk) == [b"user:usr_1"]
    assert [(one.stage, one.action, one.actor_id, one.target_id, one.before, one.after) for one in await desk.told()] == [
        (
            stage, "user.status", "adm_compliance_admin", "usr_1", {"status": "active"},
            {"status": "suspended", "reason": "asked for"},
        )
        for stage in ("intended", "done")
    ]  # fmt: skip


async def test_a_login_that_began_before_a_suspension_is_over_after_it(desk: AdminDesk) -> None:
    user = await desk.user("usr_1")
    challenge = await desk.codes.begin("login", user, "en-US", desk.clock.now())
    caller = await desk.log_in("compliance_admin")
    for status in ("suspended", "active"):
        assert (await caller.send("PATCH", "/users/usr_1/status", {"status": status})).status == 200
    ended = await desk.challenges.get(challenge.challenge_id)
    assert ended is not None
    assert ended.ended_at == desk.clock.now()


async def test_a_repeat_has_the_same_bytes_and_is_told_once(desk: AdminDesk) -> None:
    await desk.user("usr_1")
    caller = await desk.log_in()
    first = await caller.send("PATCH", "/users/usr_1/status", {"status": "suspended"}, "the same key")
    again = await caller.send("PATCH", "/users/usr_1/status", {"status": "suspended"}, "the same key")
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(await desk.told()) == 2


async def test_closed_stays_closed(desk: AdminDesk) -> None:
    await desk.user("usr_1")
    caller = await desk.log_in()
    assert (await caller.send("PATCH", "/users/usr_1/status", {"status": "closed"})).status == 200
    for status in ("active", "suspended"):
        refused = await caller.send("PATCH", "/users/usr_1/status", {"status": status})
        assert (refused.status, refused.code) == (409, "user.closed")
    assert (await caller.send("PATCH", "/users/usr_1/status", {"status": "closed"})).data["previous_status"] == "closed"
    assert [one.after for one in await desk.told() if one.stage == "done"][1:3] == [{"refused": "user.closed"}] * 2


async def test_who_never_verified_the_address_is_not_made_active(desk: AdminDesk) -> None:
    await desk.user("usr_1", status="pending_verification", verified_at=None)
    caller = await desk.log_in()
    refused = await caller.send("PATCH", "/users/usr_1/status", {"status": "active"})
    assert (refused.status, refused.code) == (409, "user.wrong_state")
    assert (await caller.send("PATCH", "/users/usr_1/status", {"status": "suspended"})).status == 200
    assert (await caller.send("PATCH", "/users/usr_1/status", {"status": "active"})).code == "user.wrong_state"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["status"]),
        ({"status": "pending_verification"}, ["status"]),
        ({"status": "active", "reason": 5, "role": "owner"}, ["reason", "role"]),
    ],
)
async def test_a_bad_body_names_its_fields(desk: AdminDesk, body: dict[str, object], fields: list[str]) -> None:
    await desk.user("usr_1")
    refused = await (await desk.log_in()).send("PATCH", "/users/usr_1/status", body)
    assert refused.status == 422
    assert [one["name"] for one in refused.error["details"]["fields"]] == fields
    assert await desk.told() == []


async def test_an_unknown_user_and_a_missing_key(desk: AdminDesk) -> None:
    caller = await desk.log_in()
    assert (await caller.send("PATCH", "/users/usr_7/status", {"status": "active"})).code == "user.not_found"
    refused = await caller.send("PATCH", "/users/usr_7/status", {"status": "active"}, "")
    assert (refused.status, refused.code) == (422, "idempotency.key_required")


async def test_many_writes_at_once_are_one_chain(desk: AdminDesk) -> None:
    for number in range(10):
        await desk.user(f"usr_{number}")
    caller = await desk.log_in()
    writes = (caller.send("PATCH", f"/users/usr_{number}/status", {"status": "suspended"}) for number in range(10))
    assert {one.status for one in await asyncio.gather(*writes)} == {200}
    assert [one.seq for one in await desk.told()] == list(range(1, 21))
