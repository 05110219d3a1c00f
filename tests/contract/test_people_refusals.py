"""What people cannot do: reach into another tenant, set what the platform sets, misspell a field; and in which language they hear it."""

import pytest

from ops.runtime.errors import CATALOGUE
from ops.runtime.languages import LANGUAGES
from tests.contract.people import PASSWORD, Town, registration
from tests.contract.people_walk import DOCUMENT
from tests.contract.test_people_answers import ADMIN_DOOR, INTERNAL, OF_PEOPLE, USER_DOOR

TYPO = {"reduce_onIy": True}
TAKING_BODIES = [one for one in OF_PEOPLE if "requestBody" in DOCUMENT["paths"][one.path][one.method.lower()]]
SET_BY_THE_PLATFORM = {
    "user_id": "usr_1", "admin_id": "adm_1", "tenant_id": "ten_1", "tenant_role": "owner", "account_ids": ["acc_demo"],
    "verified_at": "2024-08-08T14:30:00Z", "password_hash": "x", "totp_enabled": False, "version": 9,
}  # fmt: skip


def caller_of(operation, user, admin):
    """Whose token opens it."""
    if operation.path.startswith(INTERNAL):
        return admin
    return user if operation.path.startswith("/v1/user") else None


async def test_a_field_that_nobody_asked_for_is_named(town: Town):
    user, admin = await town.logged_in(), await town.admin()
    for operation in TAKING_BODIES:
        path = operation.path.replace("{user_id}", user.identity).replace("{", "no_").replace("}", "")
        answer = await town.call(operation.method, path, TYPO, caller_of(operation, user, admin))
        assert answer.status == 422, (operation, answer.raw)
        named = {field["name"]: field for field in answer.error["details"]["fields"]}
        assert named["reduce_onIy"]["reason"] == "unknown field"
        assert "expected" in named["reduce_onIy"]


async def test_what_only_the_platform_sets_is_refused_in_every_body(town: Town):
    user, admin = await town.logged_in(), await town.admin()
    for operation in TAKING_BODIES:
        path = operation.path.replace("{user_id}", user.identity).replace("{", "no_").replace("}", "")
        answer = await town.call(operation.method, path, SET_BY_THE_PLATFORM, caller_of(operation, user, admin))
        assert answer.status == 422
        named = {field["name"] for field in answer.error["details"]["fields"] if field["reason"] == "unknown field"}
        assert named == SET_BY_THE_PLATFORM.keys(), operation


@pytest.mark.parametrize(
    "more", [{"status": "active"}, {"role": "super_admin"}, {"tenant_id": "ten_1", "status": "active"}]
)
async def test_nobody_registers_as_more_than_they_are(town: Town, more: dict):
    mail = "eve@example.com"
    assert (await town.call("POST", f"{USER_DOOR}/register", registration(mail, **more))).status == 422
    assert await town.place.users.by_email(mail) is None
    admin = {"email": mail, "password": PASSWORD, "display_name": "Eve", **more}
    assert (await town.call("POST", f"{ADMIN_DOOR}/register", admin)).status == 422
    assert await town.place.admins.by_email(mail) is None
    assert town.mailbox.asked == []


async def test_ids_of_others_are_not_there(town: Town):
    """404 and the same words as for an id that nobody has: it cannot be told which ids there are."""
    ada, eve = await town.logged_in(), await town.logged_in()
    key = await town.api_key(ada)
    [session] = (await town.call("GET", "/v1/user/sessions", person=ada)).data["items"]
    for theirs, none in (
        (f"/v1/user/api-keys/{key['key_id']}", "/v1/user/api-keys/pmk_none"),
        (f"/v1/user/sessions/{session['session_id']}", "/v1/user/sessions/ses_none"),
    ):
        refused, missing = await town.call("DELETE", theirs, person=eve), await town.call("DELETE", none, person=eve)
        assert refused.status == 404
        assert (refused.error | {"details": None}) == (missing.error | {"details": None})
    assert (await town.call("GET", "/v1/user/api-keys", person=eve)).data["items"] == []
    await town.feel()
    assert (await town.call("GET", "/v1/user/me", person=ada)).status == 200
    page = (await town.call("GET", "/v1/user/api-keys?page_size=1", person=ada)).data
    await town.api_key(ada)
    page = (await town.call("GET", "/v1/user/api-keys?page_size=1", person=ada)).data
    stolen = await town.call("GET", f"/v1/user/api-keys?page_token={page['next_page_token']}", person=eve)
    assert stolen.code == "page_token.not_found"


async def test_tokens_of_one_door_do_not_open_the_other(town: Town):
    user, admin = await town.logged_in(), await town.admin()
    for operation in OF_PEOPLE:
        wrong = {"user": admin, "admin": user}["admin" if operation.path.startswith(INTERNAL) else "user"]
        if caller_of(operation, user, admin) is None:
            continue
        path = operation.path.replace("{", "no_").replace("}", "")
        role = {"X-PM-ROLE": "super_admin"} if operation.path.startswith(INTERNAL) else {}
        assert (await town.call(operation.method, path, person=wrong, headers=role)).code == "auth.token_invalid"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_refusals_speak_the_language_that_is_asked_for(town: Town, language: str):
    asked = {"Accept-Language": language}
    for operation in OF_PEOPLE:
        path = operation.path.replace("{", "no_").replace("}", "")
        answer = await town.call(operation.method, path, {} if operation.method != "GET" else None, headers=asked)
        assert answer.headers["Content-Language"] == language
        error = answer.error
        assert error["message_i18n_key"] == f"error.{error['code']}"
        english = CATALOGUE[error["code"]].message
        assert (error["message"] == english) == (language == "en-US")


async def test_without_a_wish_people_hear_the_language_of_their_profile(town: Town):
    person = await town.logged_in(preferred_language="ja-JP")
    for headers, language in (
        ({}, "ja-JP"),
        ({"Accept-Language": "fr"}, "ja-JP"),
        ({"Accept-Language": "zh-CN"}, "zh-CN"),
    ):
        answer = await town.call("DELETE", "/v1/user/sessions/ses_none", person=person, headers=headers)
        assert (answer.code, answer.headers["Content-Language"]) == ("session.not_found", language)
        answer = await town.call("GET", "/v1/user/me", person=person, headers=headers)
        assert (answer.status, answer.headers["Content-Language"]) == (200, language)


async def test_a_key_that_was_made_signs_and_no_more_once_it_is_revoked(town: Town):
    ada = await town.logged_in()
    key = await town.api_key(ada, scopes=["market:read"])
    signed = {"key": key["key_id"], "secret": key["api_secret"]}

    async def asked(path: str) -> tuple[int, str | None]:
        response = await town.gateway.open("GET", path, town.gateway.signed_headers("GET", path, **signed))
        answer = await response.get_json()
        return response.status_code, answer.get("error", {}).get("code")

    assert await asked("/v1/markets") == (200, None)
    assert await asked("/v1/positions") == (403, "auth.scope_missing")
    await town.call("DELETE", f"/v1/user/api-keys/{key['key_id']}", person=ada)
    await town.feel()
    assert await asked("/v1/markets") == (401, "auth.key_revoked")


async def test_a_secret_is_shown_again_to_the_same_key_alone_and_stands_nowhere_in_plain_text(town: Town):
    ada = await town.logged_in()
    first = await town.call("POST", "/v1/user/api-keys", {"label": "x"}, ada, key="my-first-key")
    again = await town.call("POST", "/v1/user/api-keys", {"label": "x"}, ada, key="my-first-key")
    assert again.raw == first.raw
    assert (first.headers.get("Idempotency-Replayed"), again.headers.get("Idempotency-Replayed")) == (None, "true")
    database = town.place.platform.store.database
    for collection in await database.list_collection_names():
        async for document in database[collection].find({}):
            assert first.data["api_secret"] not in str(document), collection
            assert ada.token not in str(document)
            assert ada.refresh_token not in str(document)
            assert PASSWORD not in str(document)
