"""Requests to all 53 operations of the contract, one road after another; every answer is held against contract and document.

Each function goes a road; `town.met` has what was met on it. Bearers' operations are walked in more detail in
test_people_answers.py, trading in test_trading_answers.py.
"""

import asyncio
import json
from itertools import count
from typing import Any

from gateway.http.body import BODY_BYTES
from storage.models.connectors import default_catalog
from storage.models.order_requests import identity_of
from storage.mongo.connectors import Connectors
from tests.contract.people import PASSWORD, Answer, Person, registration
from tests.contract.people_walk import CONTRACT, CheckedTown
from tests.integration.orders.trading_place import COIN

USERS, ADMINS, ADMIN = "/public/v1/auth", "/public/v1/admin/auth", "/internal/v1/admin"
LIMIT = {"symbol": COIN, "side": "buy", "type": "limit", "quantity": "0.01", "price": "50000"}
NO_CODE = "000000"
_numbers = count(1)


class WholeTown(CheckedTown):
    """A checked town in which API keys call, too."""

    async def signed(
        self, method: str, target: str, body: Any = None, *, key: str | None = None, **change: str
    ) -> Answer:
        """A signed request; a write has an idempotency key of its own. `change` goes to the signature."""
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        named = f"a-key-of-ours-{next(_numbers)}" if key is None and method != "GET" else key or ""
        path, _, query = target.partition("?")
        media = change.pop("media", "application/json")
        sent = self.gateway.signed_headers(method, path, query, body=raw, idempotency_key=named, **change)
        sent |= {"Idempotency-Key": named}
        sent |= {"Content-Type": media, "Content-Length": str(len(raw))} if body is not None else {}
        return await self.call(method, target, None if body is None else raw, headers=sent)

    async def expect(self, status: int, answer: Any) -> Answer:
        """The answer, which has that status."""
        told: Answer = await answer
        assert told.status == status, (told.method, told.path, told.status, told.raw)
        return told


async def through_a_door(town: WholeTown, door: str, **who: str) -> None:
    """Registered, verified, logged in; and how each of that is refused. `who` has an admin's role."""
    email = f"{who.get('role', 'user')}.{next(_numbers)}@example.com"
    body = registration(email) if not who else {"email": email, "password": PASSWORD, "display_name": "Grace", **who}
    login = {"email": email, "password": PASSWORD, **who}
    await town.expect(200, town.call("POST", f"{door}/register", body))
    await town.expect(409, town.call("POST", f"{door}/register", body))
    await town.expect(403, town.call("POST", f"{door}/login", login))
    town.clock.advance(31)
    await town.expect(200, town.call("POST", f"{door}/resend-verification", {"email": email}))
    await town.expect(404, town.call("POST", f"{door}/resend-verification", {"email": "nobody@example.com"}))
    code = await town.code(email)
    verification = {"email": email, "verification_code": _another(code)}
    await town.expect(422, town.call("POST", f"{door}/verify-email", verification))
    await town.expect(200, town.call("POST", f"{door}/verify-email", verification | {"verification_code": code}))
    await town.expect(401, town.call("POST", f"{door}/login", login | {"password": "wrong"}))
    begun = (await town.expect(200, town.call("POST", f"{door}/login", login))).data
    challenge = {"email": email, "challenge_id": begun["challenge_id"], **who}
    await town.expect(422, town.call("POST", f"{door}/login/resend-otp", challenge | {"challenge_id": "chl_nobodys"}))
    town.clock.advance(31)
    await town.expect(200, town.call("POST", f"{door}/login/resend-otp", challenge))
    code = await town.code(email)
    await town.expect(422, town.call("POST", f"{door}/login/verify-otp", challenge | {"otp_code": _another(code)}))
    opened = await town.expect(200, town.call("POST", f"{door}/login/verify-otp", challenge | {"otp_code": code}))
    await town.expect(200, town.call("POST", f"{door}/refresh", {"refresh_token": opened.data["refresh_token"]}))
    await town.expect(401, town.call("POST", f"{door}/refresh", {"refresh_token": "x" * 43}))


async def suspended_at_the_doors(town: WholeTown) -> None:
    """403 for who is known and may not."""
    for door, person, store in (
        (USERS, await town.logged_in(), town.place.users),
        (ADMINS, await town.admin("ops_admin"), town.place.admins),
    ):
        who = {"email": person.email} | ({"role": person.role} if person.role else {})
        begun = (await town.call("POST", f"{door}/login", who | {"password": PASSWORD})).data
        stored = await store.get(person.identity)
        await store.replace(stored.model_copy(update={"status": "suspended", "version": stored.version + 1}))
        challenge = who | {"challenge_id": begun["challenge_id"]}
        await town.expect(403, town.call("POST", f"{door}/login/resend-otp", challenge))
        await town.expect(403, town.call("POST", f"{door}/login/verify-otp", challenge | {"otp_code": NO_CODE}))
        await town.expect(403, town.call("POST", f"{door}/refresh", {"refresh_token": person.refresh_token}))


async def onto_the_waitlist(town: WholeTown) -> None:
    lead = {"work_email": "ada@example.com", "country_region": "GB", "consent": True}
    await town.expect(200, town.call("POST", "/public/v1/waitlist", lead))
    await town.expect(403, town.call("POST", "/public/v1/waitlist", lead | {"country_region": "KP"}))
    await town.expect(422, town.call("POST", "/public/v1/waitlist", lead | {"consent": False}))


async def with_ones_own_account(town: WholeTown, user: Person) -> None:
    """A user's profile and keys."""
    await town.expect(200, town.call("GET", "/v1/user/me", person=user))
    made = await town.expect(200, town.call("POST", "/v1/user/api-keys", {}, user))
    await town.expect(200, town.call("GET", "/v1/user/api-keys", person=user))
    await town.expect(404, town.call("GET", "/v1/user/api-keys?page_token=x", person=user))
    await town.expect(200, town.call("DELETE", f"/v1/user/api-keys/{made.data['key_id']}", None, user))
    await town.expect(404, town.call("DELETE", "/v1/user/api-keys/pmk_none", None, user))


async def among_users(town: WholeTown, admin: Person, user: Person) -> None:
    """What admins see and do of users, and what the platform tells them of itself."""
    await town.expect(200, town.call("PATCH", f"{ADMIN}/users/{user.identity}/status", {"status": "active"}, admin))
    await town.expect(404, town.call("PATCH", f"{ADMIN}/users/usr_none/status", {"status": "active"}, admin))
    await town.expect(404, town.call("GET", f"{ADMIN}/users/usr_none/api-keys", person=admin))
    lists = ("users", f"users/{user.identity}/api-keys", "audit-events", "alerts", "access-applications")
    for path in lists:
        await town.expect(200, town.call("GET", f"{ADMIN}/{path}", person=admin))
        await town.expect(404, town.call("GET", f"{ADMIN}/{path}?page_token=x", person=admin))
    for path in ("observability/summary", "notifications/config"):
        await town.expect(200, town.call("GET", f"{ADMIN}/{path}", person=admin))


async def among_connectors(town: WholeTown, admin: Person) -> None:
    """The catalog, availability, exchanges and credentials."""
    catalog = f"{ADMIN}/connectors/catalog"
    body = {"connector_id": "sim-c", "provider": "Venue C", "provider_type": "simulated", "integration_stage": "ready"}
    await town.expect(200, town.call("POST", catalog, body, admin))
    await town.expect(409, town.call("POST", catalog, body, admin))
    await town.expect(200, town.call("PATCH", f"{catalog}/sim-c", body, admin))
    await town.expect(404, town.call("PATCH", f"{catalog}/sim-d", body | {"connector_id": "sim-d"}, admin))
    word = {"status": "up"}
    await town.expect(200, town.call("PATCH", f"{ADMIN}/connectors/sim-c/availability", word, admin))
    await town.expect(404, town.call("PATCH", f"{ADMIN}/connectors/sim-d/availability", word, admin))
    credential = {
        "exchange_code": "XNAS",
        "credential_name": "main",
        "api_key_ciphertext": "a",
        "api_secret_ciphertext": "b",
    }
    credentials = f"{ADMIN}/exchange-credentials"
    await town.expect(200, town.call("POST", credentials, credential, admin))
    await town.expect(404, town.call("POST", credentials, credential | {"exchange_code": "NONE"}, admin))
    for path in (catalog, f"{ADMIN}/connectors/availability", "/internal/v1/registry/exchanges"):
        await town.expect(200, town.call("GET", path, person=admin))
        await town.expect(404, town.call("GET", f"{path}?page_token=x", person=admin))
    await town.expect(200, town.call("GET", "/public/v1/connectors/catalog"))
    await town.expect(404, town.call("GET", "/public/v1/connectors/catalog?page_token=x"))


async def to_access(town: WholeTown, admin: Person) -> None:
    """Applications, approved and rejected."""
    path = "/v1/access-applications"
    body = {"contact_email": "ada@example.com", "target_markets": ["equity"], "target_exchanges": ["XNAS"]}
    made = [(await town.expect(200, town.signed("POST", path, body))).data["application_id"] for _ in range(2)]
    await town.expect(422, town.signed("POST", path, body | {"target_exchanges": ["XMOON"]}))
    await town.expect(200, town.signed("GET", f"{path}/{made[0]}"))
    await town.expect(404, town.signed("GET", f"{path}/app_none"))
    for listed in (path, "/v1/access-bindings"):
        await town.expect(200, town.signed("GET", listed))
        await town.expect(404, town.signed("GET", f"{listed}?page_token=x"))
    ruled, reason = f"{ADMIN}/access-applications", {"reject_reason_code": "kyc"}
    approved = await town.expect(200, town.call("POST", f"{ruled}/{made[0]}/approve", {}, admin))
    await town.expect(200, town.call("POST", f"{ruled}/{made[1]}/reject", reason, admin))
    await town.expect(409, town.call("POST", f"{ruled}/{made[1]}/approve", {}, admin))
    await town.expect(409, town.call("POST", f"{ruled}/{made[0]}/reject", reason, admin))
    await town.expect(404, town.call("POST", f"{ruled}/app_none/approve", {}, admin))
    await town.expect(404, town.call("POST", f"{ruled}/app_none/reject", reason, admin))
    jobs = f"{ADMIN}/provisioning/jobs"
    await town.expect(200, town.call("GET", f"{jobs}/{approved.data['provisioning_job_id']}", person=admin))
    await town.expect(404, town.call("GET", f"{jobs}/job_none", person=admin))


async def along_markets(town: WholeTown) -> None:
    """Reads of the market, the platform and an account that has traded."""
    for target in ("/v1/markets", "/v1/quotes?symbols=AAPL.US", "/v1/bars?symbol=AAPL.US&timeframe=1m", "/v1/calendar",
                   "/v1/status", "/v1/orders", "/v1/positions", "/v1/accounts"):  # fmt: skip
        await town.expect(200, town.signed("GET", target))
    for target in ("/v1/markets?venue=NONE", "/v1/quotes?symbols=NONE", "/v1/bars?symbol=NONE&timeframe=1m",
                   "/v1/calendar?venue=NONE", "/v1/orders?symbol=NONE", "/v1/positions?symbol=NONE"):  # fmt: skip
        await town.expect(404, town.signed("GET", target))


async def to_a_fill(town: WholeTown, admin: Person) -> None:
    """Orders before a real core, and its connector set down under them."""
    placed = await town.expect(200, town.signed("POST", "/v1/orders", LIMIT, key="used-before"))
    await town.expect(409, town.signed("POST", "/v1/orders", LIMIT | {"quantity": "0.02"}, key="used-before"))
    await town.expect(404, town.signed("POST", "/v1/orders", LIMIT | {"symbol": "NONE"}))
    await town.expect(200, town.signed("POST", "/v1/orders/batch", {"orders": [LIMIT, 5]}))
    order = f"/v1/orders/{placed.data['order_id']}"
    await town.expect(200, town.signed("PATCH", order, {"quantity": "0.005"}))
    await town.expect(404, town.signed("PATCH", "/v1/orders/ord_none", {"quantity": "0.005"}))
    await town.expect(200, town.signed("POST", "/v1/orders/cancel", {"symbol": COIN}))
    await town.expect(404, town.signed("POST", "/v1/orders/cancel", {"symbol": "NONE"}))
    await Connectors(town.place.platform.store.database).insert_missing(default_catalog(town.clock.now()))
    down = town.call("PATCH", f"{ADMIN}/connectors/sim-a/availability", {"status": "down"}, admin)
    await town.expect(200, down)
    async with asyncio.timeout(10):
        while (refused := await town.signed("POST", "/v1/orders", LIMIT)).status == 200:  # noqa: ASYNC110  (the core is told by the log)
            await asyncio.sleep(0.05)
    assert (refused.status, refused.code) == (503, "connector.unavailable")


async def refused_everywhere(town: WholeTown, operation: Any, person: Person | None) -> None:
    """What every operation of a kind refuses: who calls, what they may, and bodies that are none."""
    path = operation.path.replace("{", "no_").replace("}", "")
    of_key = person is None and is_signed(operation)
    writes = operation.method != "GET"
    reads_body = {} if writes else None

    async def ask(target: str, body: Any = None, **how: Any) -> Answer:
        if of_key:
            return await town.signed(operation.method, target, body, **how)
        media = {"Content-Type": how.pop("media")} if "media" in how else {}
        return await town.call(operation.method, target, body, person, headers=media, **how)

    await town.expect(422, ask(f"{path}?x=1&x=2", reads_body))
    if person is not None:
        other = {"X-PM-ROLE": "compliance_admin"} if person.role else {"X-PM-ROLE": ""}
        await town.expect(401, town.call(operation.method, path, person=person, headers={"Authorization": ""}))
        if person.role:
            await town.expect(403, town.call(operation.method, path, person=person, headers=other))
    if of_key:
        await town.expect(401, ask(path, reads_body, secret="another"))
        await town.expect(413, ask(path, b" " * (BODY_BYTES + 1)))
    if writes:
        await town.expect(415, ask(path, b"{}", media="text/plain"))
        await town.expect(413, ask(path, b" " * (BODY_BYTES + 1)))
    if writes and person is not None:
        taken = identity_of(person.identity, operation.method, path, "used-before")
        await town.place.idempotency().begin(taken, b"other")
        await town.expect(409, ask(path, {}, key="used-before"))


async def unfinished(town: WholeTown, operation: Any, person: Person | None) -> None:
    """408 for a body that is promised and does not come."""
    path = operation.path.replace("{", "no_").replace("}", "")
    sent = {"Content-Type": "application/json", "Content-Length": "2", "Idempotency-Key": f"a-key-{next(_numbers)}"}
    sent |= person.headers if person else {}
    if person is None and is_signed(operation):
        sent |= town.gateway.signed_headers(operation.method, path, idempotency_key=sent["Idempotency-Key"])
    scope = {"raw_path": path.encode(), "query_string": b"", "client": ("203.0.113.7", 1)}
    connection = town.gateway.app.test_client().request(path, method=operation.method, headers=sent, scope_base=scope)
    async with asyncio.timeout(40), connection:
        await connection.send(b"{")
    response = await connection.as_response()
    answer = Answer(operation.method, path, response.status_code, response.headers, await response.get_data())
    assert (answer.status, answer.code) == (408, "request.timeout")
    town.meet(answer)


async def limited(town: WholeTown, operation: Any, person: Person | None) -> None:
    """429, once what is allowed has been asked."""
    path = operation.path.replace("{", "no_").replace("}", "")
    body = {} if operation.method != "GET" else None
    of_key = person is None and is_signed(operation)
    async with asyncio.timeout(10):
        while True:
            if of_key:
                answer = await town.signed(operation.method, path, body)
            else:
                answer = await town.call(operation.method, path, body, person)
            if answer.status == 429:
                assert answer.code == "rate.limited"
                return


def is_signed(operation: Any) -> bool:
    """Whether an API key opens it."""
    return "security" not in CONTRACT["paths"][operation.path][operation.method.lower()]


def caller_of(operation: Any, user: Person, admin: Person) -> Person | None:
    """Whose token opens it."""
    if operation.path.startswith("/internal"):
        return admin
    return user if operation.path.startswith("/v1/user") else None


def _another(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"
