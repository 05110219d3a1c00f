"""The caller's profile and the API keys of the caller's tenant."""

import asyncio
from datetime import UTC, datetime

import pytest

from storage.api_keys import secret_of
from storage.models.tenants import ALL_SCOPES, DEFAULT_SCOPES, ApiKey
from tests.integration.self_service.self_desk import DAY, START, Answered, Calling, SelfDesk

KEYS = "/v1/user/api-keys"
STARTED = datetime.fromtimestamp(START / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def key_of(tenant_id: str, number: int, **changes: object) -> ApiKey:
    known = {"key_id": f"pmk_{tenant_id}_{number:03}", "tenant_id": tenant_id, "label": "x", "scopes": ("stream",)}
    return ApiKey.model_validate({**known, "sealed_secret": "v1.a.b", "created_at": START + number, **changes})


async def test_me_is_who_calls(ada: Calling) -> None:
    data = (await ada.get("/v1/user/me")).data
    assert data.pop("created_at").startswith(STARTED)
    assert data == {
        "user_id": "usr_ada",
        "tenant_id": "ten_ada",
        "account_ids": ["acc_ten_ada"],
        "email": "ada@example.com",
        "display_name": "Ada",
        "company_name": "Analytical Engines",
        "country_region": "GB",
        "preferred_language": "ja-JP",
        "status": "active",
        "totp_enabled": False,
        "last_login_at": None,
    }


async def test_nobody_without_a_token_is_anybody(desk: SelfDesk) -> None:
    assert (await desk.open("GET", "/v1/user/me")).code == "auth.token_missing"
    assert (await desk.open("POST", KEYS, {})).code == "auth.token_missing"


async def test_a_key_with_defaults_shows_its_secret_once(desk: SelfDesk, ada: Calling) -> None:
    made = (await ada.post(KEYS, {})).data
    secret = made.pop("api_secret")
    assert made.pop("created_at").startswith(STARTED)
    assert made == {
        "key_id": made["key_id"],
        "label": "default",
        "scopes": list(DEFAULT_SCOPES),
        "status": "active",
        "ip_allowlist": [],
        "expires_at": None,
        "last_used_at": None,
    }
    kept = (await desk.keys.of_tenant("ten_ada"))[0]
    assert (kept.key_id, kept.user_id, secret_of(desk.key_ring, kept)) == (made["key_id"], "usr_ada", secret)
    assert made["key_id"].startswith("pmk_")
    listed = await ada.get(KEYS)
    assert [item["key_id"] for item in listed.data["items"]] == [made["key_id"]]
    assert secret.encode() not in listed.body
    assert secret not in await desk.all_text()


async def test_what_is_asked_of_a_key_is_kept(desk: SelfDesk, ada: Calling) -> None:
    body = {
        "label": "robot 七",
        "scopes": ["trade:write", "market:read", "trade:write"],
        "expires_in_days": 30,
        "ip_allowlist": ["203.0.113.7", "2001:db8::/32", "203.0.113.7"],
    }
    made = (await ada.post(KEYS, body)).data
    assert made["label"] == "robot 七"
    assert made["scopes"] == ["market:read", "trade:write"]
    assert made["ip_allowlist"] == ["203.0.113.7", "2001:db8::/32"]
    kept = (await desk.keys.of_tenant("ten_ada"))[0]
    assert kept.expires_at == START + 30 * DAY * 1_000_000_000
    events = await desk.told()
    assert [(event.action, event.actor_id, event.target_id) for event in events] == [
        ("api_key.create", "usr_ada", kept.key_id)
    ]
    assert (events[0].after or {})["scopes"] == ["market:read", "trade:write"]
    assert events[0].ip == "203.0.113.9"


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({"scopes": ["market:read", "market:write"]}, {"scopes": "no such scope: market:write"}),
        ({"scopes": []}, {"scopes": "empty"}),
        ({"scopes": "market:read"}, {"scopes": "not an array"}),
        ({"scopes": [["stream"], 7]}, {"scopes": "no such scope: ['stream'], 7"}),
        ({"expires_in_days": 0}, {"expires_in_days": "out of range"}),
        ({"expires_in_days": 3651}, {"expires_in_days": "out of range"}),
        ({"expires_in_days": True}, {"expires_in_days": "not a whole number"}),
        ({"label": ""}, {"label": "empty"}),
        ({"ip_allowlist": ["nowhere"]}, {"ip_allowlist": "not an address or network: nowhere"}),
        ({"ip_allowlist": ["203.0.113.7/24"]}, {"ip_allowlist": "not an address or network: 203.0.113.7/24"}),
        ({"ip_allowlist": [2130706433]}, {"ip_allowlist": "not a string"}),
        ({"ip_allowlist": ["203.0.113.7"] * 65}, {"ip_allowlist": "too many"}),
        ({"tenant_id": "ten_other", "scope": ["stream"]}, {"tenant_id": "unknown field", "scope": "unknown field"}),
    ],
)
async def test_a_bad_key_is_refused_by_its_fields(ada: Calling, body: dict[str, object], problems: object) -> None:
    refused = await ada.post(KEYS, body)
    assert refused.code == "request.invalid"
    assert refused.fields == problems
    assert (await ada.get(KEYS)).data["items"] == []


async def test_an_unknown_scope_is_told_the_known_ones(ada: Calling) -> None:
    refused = await ada.post(KEYS, {"scopes": ["all"]})
    assert all(scope in refused.error["details"]["fields"][0]["expected"] for scope in ALL_SCOPES)


async def test_null_days_never_expire(ada: Calling) -> None:
    assert (await ada.post(KEYS, {"expires_in_days": None})).data["expires_at"] is None


async def test_a_write_without_an_idempotency_key_is_refused(ada: Calling) -> None:
    assert (await ada.post(KEYS, {}, key="")).code == "idempotency.key_required"
    assert (await ada.send("DELETE", f"{KEYS}/pmk_1", key="")).code == "idempotency.key_required"


async def test_an_answer_that_was_lost_is_given_again_with_its_secret(desk: SelfDesk, ada: Calling) -> None:
    first = await ada.post(KEYS, {"label": "robot"}, key="once-and-again")
    again = await ada.post(KEYS, {"label": "robot"}, key="once-and-again")
    assert again.body == first.body
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(await desk.keys.of_tenant("ten_ada")) == 1


async def test_a_try_that_dies_behind_the_key_is_completed_by_the_next(desk: SelfDesk, ada: Calling) -> None:
    desk.trail.away = True
    assert (await ada.post(KEYS, {"label": "robot"}, key="dies-once")).status == 503
    [kept] = await desk.keys.of_tenant("ten_ada")
    desk.trail.away = False
    desk.clock.advance(60)
    second = (await ada.post(KEYS, {"label": "robot"}, key="dies-once")).data
    assert (second["key_id"], second["api_secret"]) == (kept.key_id, secret_of(desk.key_ring, kept))
    assert second["created_at"].startswith(STARTED)
    assert len(await desk.keys.of_tenant("ten_ada")) == 1
    assert [event.action for event in await desk.told()] == ["api_key.create"]


async def test_many_at_once_with_one_key_make_one(desk: SelfDesk, ada: Calling) -> None:
    answers = await asyncio.gather(*(ada.post(KEYS, {}, key="all-at-once") for _ in range(20)))
    assert {answer.code for answer in answers} <= {"ok", "idempotency.in_progress"}
    assert len({answer.body for answer in answers if answer.status == 200}) == 1
    assert len(await desk.keys.of_tenant("ten_ada")) == 1


async def test_the_hundredth_active_key_is_the_last(desk: SelfDesk, ada: Calling) -> None:
    for number in range(99):
        await desk.keys.insert(key_of("ten_ada", number))
    await desk.keys.insert(key_of("ten_ada", 200, revoked_at=START))
    await desk.keys.insert(key_of("ten_ada", 201, expires_at=START))
    assert (await ada.post(KEYS, {})).code == "ok"
    refused = await ada.post(KEYS, {})
    assert (refused.code, refused.error["details"]) == ("api_key.too_many", {"most": 100})
    await desk.keys.revoke("pmk_ten_ada_007", START)
    assert (await ada.post(KEYS, {})).code == "ok"


async def test_the_list_is_the_tenants_oldest_first_and_in_pages(desk: SelfDesk, ada: Calling) -> None:
    bob = await desk.caller("bob", tenant_id="ten_ada", tenant_role="member")
    eve = await desk.caller("eve")
    for number in (3, 1, 2):
        await desk.keys.insert(key_of("ten_ada", number))
    await desk.keys.insert(key_of("ten_ada", 4, revoked_at=START))
    await desk.keys.insert(key_of("ten_ada", 5, expires_at=START))
    assert [(item["key_id"][-1], item["status"]) for item in (await bob.get(KEYS)).data["items"]] == [
        ("1", "active"), ("2", "active"), ("3", "active"), ("4", "revoked"), ("5", "expired"),
    ]  # fmt: skip
    page = (await ada.get(f"{KEYS}?page_size=2")).data
    following = (await ada.get(f"{KEYS}?page_size=3&page_token={page['next_page_token']}")).data
    assert [item["key_id"][-1] for item in page["items"] + following["items"]] == ["1", "2", "3", "4", "5"]
    assert following["next_page_token"] is None
    assert (await eve.get(KEYS)).data["items"] == []
    assert (await eve.get(f"{KEYS}?page_token={page['next_page_token']}")).code == "page_token.not_found"


async def revoke(calling: Calling, key_id: str) -> Answered:
    return await calling.send("DELETE", f"{KEYS}/{key_id}")


async def test_a_key_is_revoked_once_and_for_good(desk: SelfDesk, ada: Calling) -> None:
    await desk.keys.insert(key_of("ten_ada", 1))
    bob = await desk.caller("bob", tenant_id="ten_ada", tenant_role="member")
    first = (await revoke(bob, "pmk_ten_ada_001")).data
    assert first["status"] == "revoked"
    assert first["revoked_at"].startswith(STARTED)
    desk.clock.advance(60)
    assert (await revoke(ada, "pmk_ten_ada_001")).data == first
    assert desk.announcer.told == [("key", "pmk_ten_ada_001")] * 2
    assert [(event.action, event.actor_id) for event in await desk.told()] == [
        ("api_key.revoke", "usr_bob"), ("api_key.revoke", "usr_ada"),
    ]  # fmt: skip


async def test_a_revocation_that_dies_is_completed_by_the_next_try(desk: SelfDesk, ada: Calling) -> None:
    await desk.keys.insert(key_of("ten_ada", 1))
    desk.trail.away = True
    assert (await ada.send("DELETE", f"{KEYS}/pmk_ten_ada_001", key="dies-once")).status == 503
    desk.trail.away = False
    assert (await ada.send("DELETE", f"{KEYS}/pmk_ten_ada_001", key="dies-once")).code == "ok"
    assert [event.action for event in await desk.told()] == ["api_key.revoke"]


async def test_other_tenants_keys_are_not_there(desk: SelfDesk, ada: Calling) -> None:
    await desk.keys.insert(key_of("ten_eve", 1))
    assert (await revoke(ada, "pmk_ten_eve_001")).code == "api_key.not_found"
    assert (await revoke(ada, "pmk_nothing")).code == "api_key.not_found"
    assert (await desk.keys.of_tenant("ten_eve"))[0].revoked_at is None
    assert await desk.told() == []


async def test_a_key_is_not_made_by_a_request_without_a_body(desk: SelfDesk, ada: Calling) -> None:
    refused = await ada.post(KEYS, None)
    assert (refused.status, refused.code) == (415, "request.media_type")
    assert await desk.keys.of_tenant("ten_ada") == []
    assert (await ada.post(KEYS, {})).code == "ok"
