"""All operations of people, each with success and with every refusal that is documented for it, as the documents say."""

from collections.abc import AsyncIterator

import pyotp
import pytest

from gateway import people
from gateway.http.body import BODY_BYTES
from ops.processes.people_parts import end_people
from ops.runtime.settings import Settings
from storage.models.order_requests import identity_of
from tests.contract.conftest import generous, make_gateway
from tests.contract.people import NEW_PASSWORD, PASSWORD, Person
from tests.contract.people_walk import DOCUMENT, OPERATIONS, CheckedTown
from tests.integration.orders.trading_place import ACCOUNT

USER_DOOR, ADMIN_DOOR, ADMIN = "/public/v1/auth", "/public/v1/admin/auth", "/internal/v1/admin"
INTERNAL = "/internal/v1/"
OF_PEOPLE = [one for one in OPERATIONS if one.operation_id in people.BUILT - {"adminReceiveAlertmanager"}]
WRITES = [one for one in OF_PEOPLE if one.method != "GET"]
UNMET_HERE = {200, 408, 500, 503}
"""Successes are walked one by one; the rest takes a slow client, a bug, and a store that is away."""


@pytest.fixture
async def walk(clock) -> AsyncIterator[CheckedTown]:
    """People before a gateway whose limits nobody reaches, every answer checked."""
    town = CheckedTown(make_gateway(clock, generous()))
    yield await town.open()
    await end_people(town.gateway.people)


def successes(town: CheckedTown) -> set[str]:
    """The operations that have succeeded."""
    return {operation for operation, status in town.met if status == 200}


async def test_the_doors_of_users_and_admins(walk):
    """Register, verify, log in, refresh, log out."""
    for door, role in ((USER_DOOR, None), (ADMIN_DOOR, "ops_admin")):
        email, who = f"{role or 'user'}@example.com", {"role": role} if role else {}
        body = {"email": email, "password": PASSWORD, "display_name": "Ada"} | who
        body |= {} if role else {"company_name": "Engines", "country_region": "GB", "preferred_language": "ja-JP"}
        assert (await walk.call("POST", f"{door}/register", body)).data["status"] == "pending_verification"
        assert (await walk.call("POST", f"{door}/register", body)).code.endswith("email_taken")
        login = {"email": email, "password": PASSWORD} | who
        assert (await walk.call("POST", f"{door}/login", login)).code == "auth.email_not_verified"
        assert (await walk.call("POST", f"{door}/resend-verification", {"email": email})).code == "auth.resend_too_soon"
        walk.clock.advance(31)
        assert (await walk.call("POST", f"{door}/resend-verification", {"email": email})).data["sent"] is True
        assert (await walk.call("POST", f"{door}/resend-verification", {"email": "x@example.com"})).status == 404
        code = await walk.code(email)
        wrong = {"email": email, "verification_code": f"{(int(code) + 1) % 10**6:06}"}
        assert (await walk.call("POST", f"{door}/verify-email", wrong)).error["details"] == {"tries_left": 4}
        verified = await walk.call("POST", f"{door}/verify-email", wrong | {"verification_code": code})
        assert verified.data["status"] == "active"
        assert (
            await walk.call("POST", f"{door}/login", login | {"password": "wrong"})
        ).code == "auth.credentials_invalid"
        begun = (await walk.call("POST", f"{door}/login", login)).data
        challenge = {"email": email, "challenge_id": begun["challenge_id"]} | who
        assert (await walk.call("POST", f"{door}/login/resend-otp", challenge)).code == "auth.resend_too_soon"
        walk.clock.advance(31)
        assert (await walk.call("POST", f"{door}/login/resend-otp", challenge)).data["challenge_id"] == begun[
            "challenge_id"
        ]
        code = await walk.code(email)
        wrong = challenge | {"otp_code": f"{(int(code) + 1) % 10**6:06}"}
        assert (await walk.call("POST", f"{door}/login/verify-otp", wrong)).code == "auth.code_invalid"
        opened = (await walk.call("POST", f"{door}/login/verify-otp", challenge | {"otp_code": code})).data
        assert (await walk.call("POST", f"{door}/login/resend-otp", challenge)).code == "auth.challenge_ended"
        again = (await walk.call("POST", f"{door}/refresh", {"refresh_token": opened["refresh_token"]})).data
        walk.clock.advance(1)
        assert (
            await walk.call("POST", f"{door}/refresh", {"refresh_token": opened["refresh_token"]})
        ).code == "auth.refresh_reused"
        assert (
            await walk.call("POST", f"{door}/refresh", {"refresh_token": again["refresh_token"]})
        ).code == "auth.session_ended"
        person = await walk.log_in(door, email, role)
        logout = f"{ADMIN}/auth/logout" if role else "/v1/user/logout"
        assert (await walk.call("POST", logout, {}, person)).data["status"] == "ended"
        await walk.feel()
        assert (await walk.call("POST", logout, {}, person)).code == "auth.session_ended"
        assert (
            await walk.call("POST", logout, {}, person, headers={"X-PM-ROLE": role or "", "Authorization": ""})
        ).status == 401
    doors = {one.operation_id for one in OF_PEOPLE if one.path.startswith((USER_DOOR, ADMIN_DOOR))}
    own = {"forgotPassword", "resetPassword", "acceptInvitation"}
    assert successes(walk) == (doors - own) | {"logoutUser", "logoutAdmin"}


async def test_what_a_user_does_with_the_own_account(walk):
    ada = await walk.logged_in()
    assert (await walk.call("GET", "/v1/user/me", person=ada)).data == ada.shown
    key = await walk.api_key(ada, label="x", scopes=["market:read"], ip_allowlist=["203.0.113.0/24"], expires_in_days=1)
    listed = (await walk.call("GET", "/v1/user/api-keys", person=ada)).data["items"]
    assert listed == [{name: value for name, value in key.items() if name != "api_secret"}]
    assert (await walk.call("DELETE", f"/v1/user/api-keys/{key['key_id']}", person=ada)).data["status"] == "revoked"
    assert (await walk.call("DELETE", "/v1/user/api-keys/pmk_none", person=ada)).code == "api_key.not_found"
    assert (await walk.call("GET", "/v1/user/api-keys?page_token=x", person=ada)).code == "page_token.not_found"
    walk.clock.advance(1)
    other = await walk.log_in(USER_DOOR, ada.email)
    sessions = (await walk.call("GET", "/v1/user/sessions?page_size=1", person=other)).data
    assert (len(sessions["items"]), sessions["items"][0]["current"]) == (1, True)
    rest = (await walk.call("GET", f"/v1/user/sessions?page_token={sessions['next_page_token']}", person=other)).data
    assert [one["current"] for one in rest["items"]] == [False]
    assert (await walk.call("GET", "/v1/user/sessions?page_token=x", person=other)).status == 404
    path = f"/v1/user/sessions/{rest['items'][0]['session_id']}"
    assert (await walk.call("DELETE", path, person=other)).data["status"] == "ended"
    assert (await walk.call("DELETE", "/v1/user/sessions/ses_none", person=other)).code == "session.not_found"
    passwords = {"current_password": "wrong", "new_password": NEW_PASSWORD}
    assert (await walk.call("POST", "/v1/user/password", passwords, other)).code == "auth.password_wrong"
    passwords["current_password"] = PASSWORD
    assert (await walk.call("POST", "/v1/user/password", passwords, other)).data["user_id"] == ada.identity
    assert (await walk.call("POST", "/v1/user/logout-all", {}, other)).data == {"sessions_ended": 1}
    assert successes(walk) >= {
        "getUserProfile", "createUserApiKey", "listUserApiKeys", "revokeUserApiKey", "listUserSessions", "endUserSession",
        "changeUserPassword", "logoutAllUser",
    }  # fmt: skip


async def test_a_forgotten_password_is_set_anew(walk):
    email = await walk.registered()
    for address in (email, "nobody@example.com"):
        asked = (await walk.call("POST", f"{USER_DOOR}/password/forgot", {"email": address})).data
        assert (asked["email"], asked["sent"]) == (address, True)
        again = await walk.call("POST", f"{USER_DOOR}/password/forgot", {"email": address})
        assert again.code == "auth.resend_too_soon"
    walk.clock.advance(31)
    asked = (await walk.call("POST", f"{USER_DOOR}/password/forgot", {"email": email})).data
    code = await walk.code(email)
    reset = {"email": email, "challenge_id": asked["challenge_id"], "new_password": NEW_PASSWORD}
    wrong = f"{(int(code) + 1) % 10**6:06}"
    assert (
        await walk.call("POST", f"{USER_DOOR}/password/reset", reset | {"reset_code": wrong})
    ).code == "auth.code_invalid"
    assert (await walk.call("POST", f"{USER_DOOR}/password/reset", reset | {"reset_code": code})).status == 200
    await walk.log_in(USER_DOOR, email, password=NEW_PASSWORD)


async def test_time_based_codes_take_the_place_of_mailed_ones(walk):
    ada = await walk.logged_in()
    password = {"current_password": PASSWORD}
    assert (await walk.call("POST", "/v1/user/totp/confirm", {"otp_code": "000000"}, ada)).code == "totp.not_enabled"
    begun = (await walk.call("POST", "/v1/user/totp", password, ada)).data
    totp = pyotp.TOTP(begun["secret"])
    code = totp.at(walk.clock.now() // 10**9)
    assert (await walk.call("POST", "/v1/user/totp/confirm", {"otp_code": code}, ada)).data == {"totp_enabled": True}
    assert (await walk.call("POST", "/v1/user/totp", password, ada)).code == "totp.already_enabled"
    walk.clock.advance(31)
    login = {"email": ada.email, "password": PASSWORD}
    challenge = (await walk.call("POST", f"{USER_DOOR}/login", login)).data
    assert challenge["channel"] == "totp"
    answered = {"email": ada.email, "challenge_id": challenge["challenge_id"]}
    assert (await walk.call("POST", f"{USER_DOOR}/login/resend-otp", answered)).code == "request.invalid"
    answered |= {"otp_code": totp.at(walk.clock.now() // 10**9)}
    opened = (await walk.call("POST", f"{USER_DOOR}/login/verify-otp", answered)).data
    assert opened["user"]["totp_enabled"] is True
    walk.clock.advance(31)
    gone = password | {"otp_code": totp.at(walk.clock.now() // 10**9)}
    assert (await walk.call("DELETE", "/v1/user/totp", gone, ada)).data == {"totp_enabled": False}


async def test_others_join_by_invitation(walk):
    owner = await walk.logged_in()
    made = await walk.call("POST", "/v1/user/invitations", {"email": "bob@example.com"}, owner)
    assert made.data["status"] == "pending"
    assert (
        await walk.call("POST", "/v1/user/invitations", {"email": "bob@example.com"}, owner)
    ).code == "invitation.pending"
    assert (await walk.call("POST", "/v1/user/invitations", {"email": owner.email}, owner)).code == "user.email_taken"
    assert (await walk.call("GET", "/v1/user/invitations", person=owner)).data["items"] == [made.data]
    assert (await walk.call("GET", "/v1/user/invitations?page_token=x", person=owner)).status == 404
    token = await walk.mailbox.secret("bob@example.com", "token")
    joining = {"token": token, "email": "bob@example.com", "password": PASSWORD, "display_name": "Bob"}
    wrong = joining | {"token": token[:-4] + "0000"}
    assert (await walk.call("POST", f"{USER_DOOR}/invitations/accept", wrong)).code == "invitation.invalid"
    joined = (await walk.call("POST", f"{USER_DOOR}/invitations/accept", joining)).data
    assert joined["tenant_id"] == owner.shown["tenant_id"]
    bob = await walk.log_in(USER_DOOR, "bob@example.com")
    assert bob.shown["account_ids"] == owner.shown["account_ids"]
    assert (await walk.call("GET", "/v1/user/invitations", person=bob)).code == "user.owner_required"
    assert (
        await walk.call("POST", "/v1/user/invitations", {"email": "c@example.com"}, bob)
    ).code == "user.owner_required"
    await walk.call("POST", "/v1/user/invitations", {"email": "carl@example.com"}, owner)
    await walk.registered("carl@example.com")
    token = await walk.mailbox.secret("carl@example.com", "token")
    taken = joining | {"token": token, "email": "carl@example.com"}
    assert (await walk.call("POST", f"{USER_DOOR}/invitations/accept", taken)).code == "user.email_taken"


async def test_the_waitlist(walk):
    lead = {"work_email": "ada@example.com", "country_region": "GB", "consent": True, "utm_source": "x"}
    first = (await walk.call("POST", "/public/v1/waitlist", lead)).data
    assert (await walk.call("POST", "/public/v1/waitlist", lead | {"country_region": "Japan"})).data[
        "lead_id"
    ] == first["lead_id"]
    assert (
        await walk.call("POST", "/public/v1/waitlist", lead | {"consent": False})
    ).code == "waitlist.consent_required"
    assert (
        await walk.call("POST", "/public/v1/waitlist", lead | {"country_region": "KP"})
    ).code == "waitlist.geo_blocked"
    assert (
        await walk.call("POST", "/public/v1/waitlist", lead | {"country_region": "Nowhere"})
    ).code == "waitlist.unknown_country"


async def test_what_admins_read_and_rule(walk):
    root, ada = await walk.admin(), await walk.logged_in()
    ops = await walk.admin("ops_admin")
    await walk.api_key(ada)
    found = (await walk.call("GET", f"{ADMIN}/users?status=active&keyword=BYRON", person=root)).data
    assert found["items"] == [ada.shown]
    assert len((await walk.call("GET", f"{ADMIN}/users/{ada.identity}/api-keys", person=root)).data["items"]) == 1
    path = f"{ADMIN}/users/{ada.identity}/status"
    suspended = (await walk.call("PATCH", path, {"status": "suspended", "reason": "a test"}, root)).data
    assert (suspended["status"], suspended["previous_status"]) == ("suspended", "active")
    await walk.feel()
    assert (await walk.call("GET", "/v1/user/me", person=ada)).code == "auth.suspended"
    await walk.call("PATCH", path, {"status": "closed"}, root)
    assert (await walk.call("PATCH", path, {"status": "active"}, root)).code == "user.closed"
    listed = (await walk.call("GET", f"{ADMIN}/admins", person=root)).data["items"]
    assert {one["admin_id"] for one in listed} == {root.identity, ops.identity}
    path = f"{ADMIN}/admins/{ops.identity}"
    assert (await walk.call("PATCH", path, {"role": "compliance_admin"}, root)).data["role"] == "compliance_admin"
    own = await walk.call("PATCH", f"{ADMIN}/admins/{root.identity}", {"status": "suspended"}, root)
    assert own.code == "admin.last_super_admin"
    events = (
        await walk.call("GET", f"{ADMIN}/audit-events?actor_type=admin&action_prefix=user.&limit=3", person=root)
    ).data
    assert [(one["action"], one["stage"]) for one in events["items"]][:2] == [
        ("user.status", "done"),
        ("user.status", "intended"),
    ]
    assert (
        await walk.call("GET", f"{ADMIN}/audit-events?page_token={events['next_page_token'] or 'x'}", person=root)
    ).status == 404
    assert (await walk.call("GET", f"{ADMIN}/trading-halts", person=root)).data["items"] == []
    for target in ("users", "users/usr_none/api-keys", "admins", "trading-halts", "audit-events"):
        missing = await walk.call("GET", f"{ADMIN}/{target}?page_token=x", person=root)
        assert missing.code in {"page_token.not_found", "user.not_found"}
    for method, target, body in (
        ("PATCH", "users/usr_none/status", {"status": "active"}),
        ("PATCH", "admins/adm_none", {"status": "active"}),
        ("DELETE", "trading-halts/hlt_none", None),
        ("POST", "accounts/acc_none/deposits", {"amount": "1"}),
        ("PUT", "accounts/acc_none/limits", {"max_open_orders": 1}),
    ):
        assert (await walk.call(method, f"{ADMIN}/{target}", body, root)).code.endswith(".not_found")
    unknown = {"scope": "symbol", "target": "NONE", "level": "halted"}
    assert (await walk.call("POST", f"{ADMIN}/trading-halts", unknown, root)).error["details"]["fields"][0][
        "name"
    ] == "target"


async def test_connectors_exchanges_and_credentials(walk):
    ops, catalog = await walk.admin("ops_admin"), f"{ADMIN}/connectors/catalog"
    body = {"connector_id": "sim-c", "provider": "Venue C", "provider_type": "simulated", "integration_stage": "ready"}
    made = (await walk.call("POST", catalog, body, ops)).data
    assert (await walk.call("POST", catalog, body, ops)).code == "connector.exists"
    assert (await walk.call("PATCH", f"{catalog}/sim-c", body | {"regions": ["eu"]}, ops)).data["regions"] == ["eu"]
    assert (await walk.call("PATCH", f"{catalog}/sim-d", body | {"connector_id": "sim-d"}, ops)).status == 404
    [listed] = (await walk.call("GET", f"{catalog}?stage=ready", person=ops)).data["items"]
    assert (listed["created_at"], listed["health"]) == (made["created_at"], None)
    [public] = (await walk.call("GET", "/public/v1/connectors/catalog?region=eu&provider_type=simulated")).data["items"]
    assert public == {name: value for name, value in listed.items() if name != "health"}
    word = f"{ADMIN}/connectors/sim-c/availability"
    said = (await walk.call("PATCH", word, {"status": "up", "reason": "a test"}, ops)).data
    assert (said["status"], said["source"], said["updated_by"]) == ("up", "admin", ops.identity)
    [shown] = (await walk.call("GET", f"{ADMIN}/connectors/availability", person=ops)).data["items"]
    assert shown == said
    assert (await walk.call("PATCH", word, {"status": "auto"}, ops)).data["source"] == "health"
    assert (await walk.call("PATCH", f"{ADMIN}/connectors/sim-d/availability", {"status": "up"}, ops)).status == 404
    exchanges = (await walk.call("GET", "/internal/v1/registry/exchanges", person=ops)).data["items"]
    assert {tuple(one["connectors"]) for one in exchanges} == {("sim-c",)}
    credential = {
        "exchange_code": "XNAS",
        "credential_name": "main",
        "api_key_ciphertext": "a",
        "api_secret_ciphertext": "b",
    }
    stored = (await walk.call("POST", f"{ADMIN}/exchange-credentials", credential, ops)).data
    assert (stored["action"], stored["credential_name"], len(stored["fingerprint"])) == ("upsert", "main", 16)
    unknown = await walk.call("POST", f"{ADMIN}/exchange-credentials", credential | {"exchange_code": "NASDAQ"}, ops)
    assert unknown.code == "exchange.not_found"
    for path in (catalog, f"{ADMIN}/connectors/availability", "/internal/v1/registry/exchanges"):
        assert (await walk.call("GET", f"{path}?page_token=x", person=ops)).code == "page_token.not_found"
    assert (await walk.call("GET", "/public/v1/connectors/catalog?page_token=x")).code == "page_token.not_found"


async def test_money_limits_and_halts_before_a_real_order_core(trading_gateway):
    walk = await CheckedTown(trading_gateway).open()
    root, account = await walk.admin(), f"{ADMIN}/accounts/{ACCOUNT}"
    told = (await walk.call("POST", f"{account}/deposits", {"amount": "12.5", "reference": "a test"}, root)).data
    assert (told["amount"], told["account_id"]) == ("12.5", ACCOUNT)
    assert (
        await walk.call("POST", f"{account}/deposits", {"amount": "-9999999999"}, root)
    ).code == "account.insufficient_funds"
    limits = {"max_order_value": None, "max_open_orders": 7, "price_collar": {"crypto": "0.2"}}
    set_ = (await walk.call("PUT", f"{account}/limits", limits, root)).data
    assert (set_["max_order_value"], set_["max_open_orders"], set_["price_collar"]["crypto"]) == (None, 7, "0.2")
    halt = (await walk.call("POST", f"{ADMIN}/trading-halts", {"scope": "platform", "level": "halted"}, root)).data
    assert (halt["applied"], halt["target"]) == (not halt["not_applied"], "")
    listed = (await walk.call("GET", f"{ADMIN}/trading-halts", person=root)).data["items"]
    assert [one["halt_id"] for one in listed] == [halt["halt_id"]]
    assert (await walk.call("DELETE", f"{ADMIN}/trading-halts/{halt['halt_id']}", person=root)).data["lifted"] is True
    await end_people(walk.gateway.people)


async def test_suspended_people_and_closed_doors(walk, clock):
    """403 where nothing else is wrong."""
    root = await walk.admin()
    for door, role in ((USER_DOOR, None), (ADMIN_DOOR, "ops_admin")):
        person = await walk.admin(role) if role else await walk.logged_in()
        who = {"email": person.email} | ({"role": role} if role else {})
        begun = (await walk.call("POST", f"{door}/login", who | {"password": PASSWORD})).data
        challenge = who | {"challenge_id": begun["challenge_id"]}
        people_of = walk.place.admins if role else walk.place.users
        stored = await people_of.get(person.identity)
        await people_of.replace(stored.model_copy(update={"status": "suspended", "version": stored.version + 1}))
        answers = [
            await walk.call("POST", f"{door}/login", who | {"password": PASSWORD}),
            await walk.call("POST", f"{door}/login/resend-otp", challenge),
            await walk.call("POST", f"{door}/login/verify-otp", challenge | {"otp_code": "000000"}),
            await walk.call("POST", f"{door}/refresh", {"refresh_token": person.refresh_token}),
        ]
        assert [answer.code for answer in answers] == ["auth.suspended"] * 4
    closed = CheckedTown(make_gateway(clock, Settings(_env_file=None, admin_registration="closed")))
    body = {"email": "x@example.com", "password": PASSWORD, "display_name": "X"}
    assert (await closed.call("POST", f"{ADMIN_DOOR}/register", body)).code == "admin.registration_closed"
    assert (
        await walk.call("GET", f"{ADMIN}/users", person=root, headers={"X-PM-ROLE": "ops_admin"})
    ).code == "admin.role_mismatch"


def path_of(operation, person: Person | None) -> str:
    """The operation's path with ids that nothing has."""
    return operation.path.replace("{", "no_").replace("}", "")


async def test_refusals_that_every_operation_of_a_kind_knows(walk):
    """No token, a wrong role or a suspended person, bodies that are none, a key that was used before."""
    user, admin, suspended = await walk.logged_in(), await walk.admin(), await walk.logged_in()
    stored = await walk.place.users.get(suspended.identity)
    await walk.place.users.replace(stored.model_copy(update={"status": "suspended", "version": stored.version + 1}))
    for operation in OF_PEOPLE:
        path = path_of(operation, user)
        person = (
            admin if operation.path.startswith(INTERNAL) else user if operation.path.startswith("/v1/user") else None
        )
        twice = await walk.call(operation.method, f"{path}?x=1&x=2", {} if operation.method != "GET" else None, person)
        assert twice.code in {"request.invalid", "idempotency.key_required"}
        if person is not None:
            assert (
                await walk.call(operation.method, path, person=person, headers={"Authorization": ""})
            ).code == "auth.token_missing"
            other = {"X-PM-ROLE": "ops_admin"} if person is admin else {"Authorization": f"Bearer {suspended.token}"}
            assert (await walk.call(operation.method, path, person=person, headers=other)).status == 403
        if operation in WRITES:
            assert (await walk.call(operation.method, path, b"{", person)).code == "request.malformed"
            assert (
                await walk.call(operation.method, path, b"{}", person, headers={"Content-Type": "text/plain"})
            ).status == 415
            assert (await walk.call(operation.method, path, b" " * (BODY_BYTES + 1), person)).status == 413
        if operation in WRITES and person is not None:
            await walk.place.idempotency().begin(
                identity_of(person.identity, operation.method, path, "used-before"), b"other"
            )
            mismatch = await walk.call(operation.method, path, {}, person, key="used-before")
            assert mismatch.code == "idempotency.mismatch"
            assert (await walk.call(operation.method, path, {}, person, key="short")).code == "idempotency.key_required"
    generic = {(one.operation_id, status) for one in OF_PEOPLE for status in (401, 403, 409, 413, 415, 422)}
    documented = {
        (one.operation_id, int(status))
        for one in OF_PEOPLE
        for status in DOCUMENT["paths"][one.path][one.method.lower()]["responses"]
        if DOCUMENT["paths"][one.path][one.method.lower()]["security"]
    }
    assert generic & documented <= walk.met


async def test_limits_of_every_operation(clock):
    few = Settings(
        _env_file=None,
        admin_registration="open",
        user_requests_per_minute=1,
        admin_requests_per_minute=1,
        auth_requests_per_minute=12,
    )
    walk = await CheckedTown(make_gateway(clock, few)).open()
    user, admin = await walk.logged_in(), await walk.admin()
    await walk.call("GET", "/v1/user/me", person=user)
    await walk.call("GET", f"{ADMIN}/users", person=admin)
    while (await walk.call("POST", f"{USER_DOOR}/login", {})).status != 429:
        pass
    for operation in OF_PEOPLE:
        person = (
            admin if operation.path.startswith(INTERNAL) else user if operation.path.startswith("/v1/user") else None
        )
        answer = await walk.call(
            operation.method, path_of(operation, person), {} if operation in WRITES else None, person
        )
        assert answer.code == "rate.limited"
    await end_people(walk.gateway.people)
