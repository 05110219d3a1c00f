"""What people do with their own account, over the gateway as it is wired: every answer has its documented form."""

from typing import Any

import pyotp
import pytest
from openapi_schema_validator import OAS30Validator

from gateway.http.contract import load_additions, load_contract
from gateway.http.openapi import build_document
from tests.contract.people import NEW_PASSWORD, PASSWORD, Answer, Person, Town

DOCUMENT = build_document(load_contract(), load_additions())
OPEN = "/public/v1/auth"


def checked(answer: Answer, template: str = "") -> Answer:
    """The answer, which has the form that the served document gives its status."""
    responses = DOCUMENT["paths"][template or answer.path][answer.method.lower()]["responses"]
    response = responses[str(answer.status)]
    while "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = {"allOf": [response["content"]["application/json"]["schema"]], "components": DOCUMENT["components"]}
    problems = [error.message for error in OAS30Validator(schema).iter_errors(answer.body)]
    assert problems == [], (answer.path, answer.raw)
    return answer


async def write(town: Town, person: Person | None, path: str, body: Any, method: str = "POST") -> Answer:
    return checked(await town.call(method, path, body, person))


@pytest.fixture
async def ada(town: Town) -> Person:
    return await town.logged_in()


async def test_me_is_what_the_login_showed(town: Town, ada: Person) -> None:
    assert checked(await town.call("GET", "/v1/user/me", person=ada)).data == ada.shown


async def test_keys_are_made_listed_and_revoked(town: Town, ada: Person) -> None:
    body = {"label": "robot", "scopes": ["stream"], "expires_in_days": 5, "ip_allowlist": ["203.0.113.0/24"]}
    key = (await write(town, ada, "/v1/user/api-keys", body)).data
    checked(await town.call("GET", "/v1/user/api-keys?page_size=1", person=ada))
    path = f"/v1/user/api-keys/{key['key_id']}"
    revoked = await town.call("DELETE", path, None, ada)
    assert checked(revoked, "/v1/user/api-keys/{key_id}").data["status"] == "revoked"
    assert (await write(town, ada, "/v1/user/api-keys", {"scopes": ["everything"]})).status == 422
    missing = await town.call("DELETE", "/v1/user/api-keys/pmk_none", None, ada)
    assert checked(missing, "/v1/user/api-keys/{key_id}").status == 404


async def test_a_changed_password_opens_the_door(town: Town, ada: Person) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await write(town, ada, "/v1/user/password", body)).data["sessions_ended"] == 0
    wrong = await town.call("POST", f"{OPEN}/login", {"email": ada.email, "password": PASSWORD})
    assert wrong.code == "auth.credentials_invalid"
    await town.log_in(OPEN, ada.email, password=NEW_PASSWORD)


async def test_a_reset_password_opens_the_door_and_ends_what_was_open(town: Town, ada: Person) -> None:
    asked = (await write(town, None, f"{OPEN}/password/forgot", {"email": ada.email})).data
    body = {
        "email": ada.email,
        "challenge_id": asked["challenge_id"],
        "reset_code": await town.code(ada.email),
        "new_password": NEW_PASSWORD,
    }
    assert (await write(town, None, f"{OPEN}/password/reset", body)).data["sessions_ended"] == 1
    await town.feel()
    assert (await town.call("GET", "/v1/user/me", person=ada)).code == "auth.session_ended"
    await town.log_in(OPEN, ada.email, password=NEW_PASSWORD)
    assert (await write(town, None, f"{OPEN}/password/reset", body)).code == "auth.challenge_ended"
    assert (await write(town, None, f"{OPEN}/password/forgot", {"email": ada.email})).code == "auth.resend_too_soon"


async def test_a_second_factor_takes_the_place_of_mailed_codes(town: Town, ada: Person) -> None:
    shown = (await write(town, ada, "/v1/user/totp", {"current_password": PASSWORD})).data
    code = pyotp.TOTP(shown["secret"])
    await write(town, ada, "/v1/user/totp/confirm", {"otp_code": code.at(town.clock.now() // 10**9)})
    who = {"email": ada.email}
    begun = (await town.call("POST", f"{OPEN}/login", who | {"password": PASSWORD})).data
    assert begun["channel"] == "totp"
    taken = who | {"challenge_id": begun["challenge_id"], "otp_code": code.at(town.clock.now() // 10**9)}
    assert (await town.call("POST", f"{OPEN}/login/verify-otp", taken)).code == "auth.code_invalid"
    town.clock.advance(30)
    fresh = taken | {"otp_code": code.at(town.clock.now() // 10**9)}
    assert (await town.call("POST", f"{OPEN}/login/verify-otp", fresh)).data["user"]["totp_enabled"] is True
    town.clock.advance(30)
    body = {"current_password": PASSWORD, "otp_code": code.at(town.clock.now() // 10**9)}
    assert (await write(town, ada, "/v1/user/totp", body, "DELETE")).data == {"totp_enabled": False}
    await town.log_in(OPEN, ada.email)


async def test_an_invited_member_logs_in_and_sees_the_tenants_keys(town: Town, ada: Person) -> None:
    await write(town, ada, "/v1/user/invitations", {"email": "bob@example.com"})
    token = await town.mailbox.secret("bob@example.com", "token")
    body = {"token": token, "email": "bob@example.com", "password": PASSWORD, "display_name": "Bob"}
    assert (await write(town, None, f"{OPEN}/invitations/accept", body)).data["tenant_id"] == ada.shown["tenant_id"]
    bob = await town.log_in(OPEN, "bob@example.com")
    assert bob.shown["account_ids"] == ada.shown["account_ids"]
    key = await town.api_key(ada)
    listed = checked(await town.call("GET", "/v1/user/api-keys", person=bob)).data
    assert [item["key_id"] for item in listed["items"]] == [key["key_id"]]
    assert (await write(town, bob, "/v1/user/invitations", {"email": "eve@example.com"})).code == "user.owner_required"
    checked(await town.call("GET", "/v1/user/invitations", person=ada))


async def test_a_lead_is_put_on_the_list(town: Town) -> None:
    lead = {"work_email": "ada@example.com", "country_region": "日本", "consent": True}
    first = (await write(town, None, "/public/v1/waitlist", lead)).data
    assert (await write(town, None, "/public/v1/waitlist", lead)).data == first
    assert (
        await write(town, None, "/public/v1/waitlist", lead | {"country_region": "KP"})
    ).code == "waitlist.geo_blocked"
    assert (
        await write(town, None, "/public/v1/waitlist", lead | {"consent": False})
    ).code == "waitlist.consent_required"
