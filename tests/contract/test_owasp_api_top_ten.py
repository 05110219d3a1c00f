"""OWASP API Security Top 10 (2023): a named test an item, over every operation of the served document where that has sense.

What was held before is not repeated; `HELD_ELSEWHERE` names it, and a test here sees that it is still there.
docs/security.md tells the same by subject.
"""

import asyncio
import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from msgspec.structs import replace
from quart import Response

from gateway.http.body import BODY_BYTES
from gateway.http.contract import Operation
from storage.command_messages import command_message
from storage.models.order_commands import OpenAccount
from storage.models.tenants import ALL_SCOPES, ApiKey, Tenant
from storage.mongo.applications import Applications
from storage.topics import ORDER_COMMANDS
from tests.contract.conftest import SECRET, make_gateway
from tests.contract.people import Person, Town
from tests.contract.people_place import KEY_RING
from tests.contract.people_walk import DOCUMENT, OPERATIONS
from tests.contract.test_access_answers import of_tenant
from tests.integration.orders.trading_place import COIN, projected

ROOT = Path(__file__).resolve().parents[2]
HELD_ELSEWHERE = {
    "API1 broken object level authorization": [
        "tests/contract/test_order_reads.py::test_what_is_not_there_and_what_is_anothers_are_not_told_apart",
        "tests/contract/test_order_reads.py::test_a_token_holds_for_its_own_account",
        "tests/contract/test_people_refusals.py::test_ids_of_others_are_not_there",
        "tests/contract/test_access_answers.py::test_the_key_of_another_tenant_is_another_key",
        "tests/unit/identity/test_doors_over_http.py::test_nobody_ends_the_session_of_another",
        "tests/integration/live/test_live_protocol.py::test_orders_and_risk_are_those_of_the_own_account",
        "tests/integration/live/test_live_orders.py::test_another_account_in_the_same_partition_sees_nothing",
    ],
    "API2 broken authentication": [
        "tests/unit/identity/test_access_tokens.py::test_unsigned_tokens_are_refused",
        "tests/unit/identity/test_access_tokens.py::test_the_public_key_is_no_secret_to_sign_with",
        "tests/unit/identity/test_login_flow.py::test_ten_wrong_passwords_lock_the_address_and_mail_once",
        "tests/unit/identity/test_login_flow.py::test_wrong_codes_end_the_challenge_and_are_recorded",
        "tests/unit/identity/test_refresh_flow.py::test_an_old_token_ends_the_session_and_mails_once",
        "tests/contract/test_captured_writes.py::test_nothing_signed_can_be_changed",
        "tests/unit/http/test_key_cache.py::test_unknown_key_and_wrong_signature_cost_the_same",
    ],
    "API3 broken object property level authorization": [
        "tests/contract/test_people_refusals.py::test_what_only_the_platform_sets_is_refused_in_every_body",
        "tests/contract/test_people_refusals.py::test_nobody_registers_as_more_than_they_are",
        "tests/contract/test_openapi_people.py::test_no_body_has_a_field_that_only_the_platform_sets",
        "tests/contract/test_order_reads.py::test_an_order_has_every_field_and_none_of_the_cores_own",
        "tests/contract/test_people_refusals.py::test_a_secret_is_shown_again_to_the_same_key_alone_and_stands_nowhere_in_plain_text",
    ],
    "API4 unrestricted resource consumption": [
        "tests/contract/test_bodies.py::test_bodies",
        "tests/contract/test_bodies.py::test_a_body_that_does_not_come_times_out",
        "tests/contract/test_envelope.py::test_key_is_limited_by_weight",
        "tests/contract/test_envelope.py::test_public_routes_are_limited_by_address",
        "tests/integration/processes/test_slow_http_clients.py::test_a_client_that_reads_nothing_of_a_large_answer_is_dropped",
        "tests/integration/live/test_live_protocol.py::test_too_many_messages_close_with_4429",
        "tests/integration/live/test_live_slow_clients.py::test_a_client_that_asks_and_never_reads_is_closed",
    ],
    "API5 broken function level authorization": [
        "tests/integration/admin/test_admin_matrix.py::test_nothing_else_opens_anything",
        "tests/integration/admin/test_admin_matrix.py::test_the_table_speaks_of_every_operation",
        "tests/contract/test_people_refusals.py::test_tokens_of_one_door_do_not_open_the_other",
        "tests/contract/test_account_reads.py::test_scopes",
    ],
    "API6 unrestricted access to sensitive business flows": [
        "tests/contract/test_people_answers.py::test_limits_of_every_operation",
        "tests/contract/test_signed_writes.py::test_orders_are_counted_by_items_and_cancels_apart",
        "tests/unit/identity/test_registration_flow.py::test_codes_are_sent_again_every_30_seconds_and_five_times",
        "tests/unit/http/test_people_at_the_edge.py::test_one_address_is_tried_a_few_times_a_minute_however_it_is_written",
    ],
    "API7 server side request forgery": [
        "tests/unit/test_settings.py::test_alert_settings_are_checked_and_shown_without_secrets",
    ],
    "API8 security misconfiguration": [
        "tests/contract/test_envelope.py::test_a_bug_shows_nothing_but_is_logged_with_its_trace",
        "tests/contract/test_envelope.py::test_cors_is_a_list",
        "tests/contract/test_envelope.py::test_production_adds_transport_security",
        "tests/unit/test_settings.py::test_production_refuses_the_demonstration_secrets_and_in_process_stores",
        "tests/unit/test_logs.py::test_secret_fields_are_redacted_at_any_depth",
    ],
    "API9 improper inventory management": [
        "tests/contract/test_every_operation_is_served.py::test_the_document_tells_of_every_route_and_of_nothing_else",
        "tests/contract/test_openapi_document.py::test_contract_is_the_one_that_was_handed_out",
    ],
    "API10 unsafe consumption of APIs": [
        "tests/integration/alerting/test_alert_keeping.py::test_a_webhook_that_is_silent_costs_a_bounded_time_and_is_tried_again",
        "tests/unit/alerting/test_alert_sources.py::test_what_is_no_signal_is_left_to_the_projection",
    ],
}  # fmt: skip
WRITES = [one for one in OPERATIONS if "requestBody" in DOCUMENT["paths"][one.path][one.method.lower()]]
WITH_IDS = [one for one in OPERATIONS if "{" in one.path and not one.path.startswith("/internal/")]
PLATFORMS_OWN = {"tenant_id": "ten_1", "account_id": "acc_1", "status": "filled", "order_id": "ord_1", "version": 1}
NEVER_SHOWN = re.compile(r'"[a-z_]*(password|sealed|secret_hash|code_hash|token_hash|totp_secret)[a-z_]*":')
SHUT = {401, 403}


def kind_of(operation: Operation) -> str:
    """By whom it is called: `anyone`, a `key`, a `user`, an `admin` or the `alertmanager`."""
    security = DOCUMENT["paths"][operation.path][operation.method.lower()].get("security")
    if security is None:
        return "key"
    names = {name for one in security for name in one}
    return {"UserBearerAuth": "user", "AdminBearerAuth": "admin", "AlertmanagerToken": "alertmanager"}.get(
        next(iter(names), ""), "anyone"
    )


def filled(path: str, value: str = "no_such") -> str:
    return re.sub(r"\{\w+\}", value, path)


class Callers:
    """Everybody who may call: a key of the tenant of the page, a user, an admin, the Alertmanager."""

    def __init__(self, town: Town, user: Person, admin: Person) -> None:
        self.town, self.user, self.admin, self._keys = town, user, admin, 0

    async def call(
        self, operation: Operation, path: str, body: bytes = b"", *, who: str | None = None, key: str = "pmk_test"
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        """Status, answer and headers of one request with the credentials of `who`, else of whom it is for."""
        self._keys += 1
        name = f"owasp-{self._keys:08}"
        who = who or kind_of(operation)
        sent = {"Idempotency-Key": name} if operation.method != "GET" else {}
        sent |= {"Content-Type": "application/json"} if body else {}
        if who == "key":
            raw, _, query = path.partition("?")
            sent |= self.town.gateway.signed_headers(
                operation.method,
                raw,
                query,
                body=body,
                key=key,
                secret=SECRET,
                idempotency_key=sent.get("Idempotency-Key", ""),
            )
        elif who in {"user", "admin"}:
            sent |= (self.user if who == "user" else self.admin).headers
        elif who == "alertmanager":
            sent |= {"Authorization": "Bearer alertmanager's own token"}
        response: Response = await self.town.gateway.open(operation.method, path, sent, data=body)
        return response.status_code, json.loads(await response.get_data()), response.headers


@pytest.fixture
async def callers(town: Town) -> Callers:
    return Callers(town, await town.logged_in(), await town.admin())


@pytest.mark.parametrize("item", HELD_ELSEWHERE)
def test_what_is_held_elsewhere_is_there(item: str) -> None:
    missing = []
    for node in HELD_ELSEWHERE[item]:
        path, _, name = node.partition("::")
        if f"def {name}(" not in (ROOT / path).read_text():
            missing.append(node)
    assert missing == []


async def test_api1_ids_of_another_tenant_are_404_in_every_operation(callers: Callers) -> None:
    """With the very ids of another tenant, in every operation that has one: 404 with the words of an id that nobody has.

    Nothing decides here about amends; those are told alike too, by the order core (`HELD_ELSEWHERE`).
    """
    gateway, database = callers.town.gateway, callers.town.place.platform.store.database
    other = await callers.town.logged_in()
    of_other = await callers.town.api_key(other)
    [session] = (await callers.town.call("GET", "/v1/user/sessions", person=other)).data["items"]
    application = of_tenant("ten_other", 7)
    await Applications(database).insert(application)
    theirs = {
        "key_id": of_other["key_id"], "session_id": session["session_id"], "application_id": application.application_id,
        "order_id": "ord_other", "client_order_id": "theirs",
    }  # fmt: skip
    orders = gateway.data_of_account.orders.orders
    orders[-1] = replace(orders[-1], client_order_id="theirs")
    for operation in WITH_IDS:
        [name] = re.findall(r"\{(\w+)\}", operation.path)
        body = b'{"price":"1"}' if operation.operation_id == "amendOrder" else b""
        status, answer, _ = await callers.call(operation, filled(operation.path, theirs[name]), body)
        missing, expected, _ = await callers.call(operation, filled(operation.path, "nobody_has_it"), body)
        assert (status, missing) == (404, 404) or (status, missing, operation.operation_id) == (503, 503, "amendOrder")
        assert answer["error"]["code"] == expected["error"]["code"]
        assert answer["error"]["message"] == expected["error"]["message"]


async def test_api1_orders_of_another_account_are_neither_changed_nor_canceled(trading_gateway: Any) -> None:
    """Before the order core: an account that trades, with the id of another one's order."""
    platform, now = trading_gateway.place.platform, trading_gateway.clock.now()
    opening = OpenAccount(
        command_id="other-open", account_id="acc_2", tenant_id="ten_2", mode="sandbox", currency="USDT"
    )
    await platform.log.append_many(ORDER_COMMANDS, [command_message(opening)])
    trading_gateway.tenants.tenants["ten_2"] = Tenant(
        tenant_id="ten_2", name="Two", account_ids=("acc_2",), created_at=now
    )
    trading_gateway.keys.keys["pmk_two"] = ApiKey(
        key_id="pmk_two", tenant_id="ten_2", label="two", scopes=ALL_SCOPES, created_at=now,
        sealed_secret=KEY_RING.seal(SECRET.encode(), b"pmk_two"),
    )  # fmt: skip

    async def write(method: str, path: str, body: dict[str, Any], key: str, who: str) -> tuple[int, dict[str, Any]]:
        raw = json.dumps(body).encode()
        signed = trading_gateway.signed_headers(method, path, body=raw, idempotency_key=key, key=who)
        sent = {**signed, "Idempotency-Key": key, "Content-Type": "application/json"}
        response = await trading_gateway.open(method, path, sent, data=raw)
        return response.status_code, await response.get_json()

    order = {"symbol": COIN, "side": "buy", "type": "limit", "quantity": "0.01", "price": "50000"}
    placed, answer = await write("POST", "/v1/orders", order, "order-of-one", "pmk_test")
    order_id = answer["data"]["order_id"]
    told = {}
    for name in (order_id, "ord_nobody_has"):
        amended, refusal = await write("PATCH", f"/v1/orders/{name}", {"price": "1"}, f"amend-{name}", "pmk_two")
        canceled, outcome = await write("POST", "/v1/orders/cancel", {"order_ids": [name]}, f"cancel-{name}", "pmk_two")
        told[name] = json.dumps([amended, refusal["error"]["code"], canceled, outcome]).replace(name, "the id")
    await projected(platform)
    mine = await trading_gateway.data(f"/v1/orders/{order_id}")

    assert placed == 200
    assert [re.sub(r'"trace_id": "\w+"', "", text) for text in told.values()] == 2 * [
        re.sub(r'"trace_id": "\w+"', "", told[order_id])
    ]
    assert told[order_id].startswith('[404, "order.not_found"')
    assert (mine["status"], mine["price"]) == ("new", "50000")


async def test_api2_nothing_opens_without_credentials_or_with_broken_ones(callers: Callers) -> None:
    """Every operation that is not for anyone, with every way of having no credentials that is worth a try."""
    claims = jwt.decode(callers.user.token, options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"typ": "at+jwt"})
    symmetric = jwt.encode(claims, "k" * 32, algorithm="HS256", headers={"typ": "at+jwt", "kid": "demo"})
    head, body, signature = callers.user.token.split(".")
    changed = base64.urlsafe_b64encode(json.dumps(claims | {"sub": "usr_other"}).encode()).rstrip(b"=").decode()
    tries = [
        {}, {"Authorization": "Bearer "}, {"Authorization": "Basic dXNlcjpwYXNz"}, {"Authorization": f"Bearer {unsigned}"},
        {"Authorization": f"Bearer {symmetric}"}, {"Authorization": f"Bearer {head}.{changed}.{signature}"},
        {"Authorization": f"Bearer {head}.{body}."}, {"X-PM-API-KEY": "pmk_test"}, {"Cookie": f"token={callers.user.token}"},
        {"X-PM-API-KEY": "pmk_test", "X-PM-TIMESTAMP": "1", "X-PM-SIGNATURE": "0" * 64},
        {"X-Forwarded-For": "127.0.0.1"}, {"X-Original-URL": "/public/v1/time"}, {"X-HTTP-Method-Override": "GET"},
    ]  # fmt: skip
    for operation in OPERATIONS:
        if kind_of(operation) == "anyone":
            continue
        for headers in tries:
            response = await callers.town.gateway.open(operation.method, filled(operation.path), headers)
            assert response.status_code == 401, (operation, headers)


async def test_api3_no_signed_body_sets_what_is_the_platforms_own(callers: Callers) -> None:
    for operation in WRITES:
        if kind_of(operation) != "key":
            continue
        status, answer, _ = await callers.call(operation, filled(operation.path), json.dumps(PLATFORMS_OWN).encode())
        assert status == 422, (operation, answer)
        named = {field["name"] for field in answer["error"]["details"]["fields"] if field["reason"] == "unknown field"}
        assert named >= {"tenant_id", "account_id", "version"}, operation


async def test_api3_no_answer_shows_what_is_kept_of_secrets(callers: Callers) -> None:
    await callers.town.api_key(callers.user)
    for operation in OPERATIONS:
        if operation.method != "GET" or operation.path == "/docs":
            continue
        _, answer, _ = await callers.call(operation, filled(operation.path))
        if operation.path != "/openapi.json":
            assert not NEVER_SHOWN.search(json.dumps(answer, separators=(",", ":"))), operation


HOSTILE_BODIES = {
    "oversized": (b'{"a":"' + b"x" * BODY_BYTES + b'"}', 413),
    "deep": (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, 422),
    "a deep array": (b"[" * 30_000, 422),
    "duplicate keys": (b'{"symbol":"A","symbol":"B"}', 422),
    "duplicate keys within": (b'{"a":{"b":1,"b":2}}', 422),
    "invalid UTF-8": (b'{"a":"\xc3\x28"}', 422),
    "overlong UTF-8": (b'{"a":"\xc0\xaf"}', 422),
    "UTF-16": '{"a":1}'.encode("utf-16"), "half a surrogate pair": b'{"a":"\\ud800"}',
    "a number of 60,000 digits": b'{"a":' + b"9" * 60_000 + b"}", "an exponent": b'{"a":1e999999999}',
    "NaN": b'{"a":NaN}', "an array": b"[]", "a text": b'"x"', "nothing of it": b" ", "two objects": b"{}{}",
    "many keys": json.dumps({f"key{number}": 1 for number in range(1_000)}).encode(),
    "a prototype": b'{"__proto__":{"admin":true},"constructor":{}}',
    "an operator of the database": b'{"email":{"$ne":null},"password":{"$gt":""}}',
}  # fmt: skip


async def test_api4_every_operation_refuses_hostile_bodies(callers: Callers) -> None:
    for name, found in HOSTILE_BODIES.items():
        body, expected = found if isinstance(found, tuple) else (found, 422)
        for operation in WRITES:
            status, answer, _ = await callers.call(operation, filled(operation.path), body)
            assert status == expected, (name, operation, status, answer)


async def test_api4_a_refusal_is_not_much_larger_than_what_it_refuses(callers: Callers) -> None:
    body = json.dumps({f"{number:x}": 1 for number in range(5_000)}, separators=(",", ":")).encode()
    for operation in WRITES:
        status, answer, _ = await callers.call(operation, filled(operation.path), body)
        assert status == 422, operation
        assert len(json.dumps(answer)) < len(body), operation


async def test_api4_no_list_gives_more_than_a_page(callers: Callers) -> None:
    lists = [
        one
        for one in OPERATIONS
        if any(
            parameter.get("name") == "page_size" or parameter.get("$ref", "").endswith("/PageSize")
            for parameter in DOCUMENT["paths"][one.path][one.method.lower()].get("parameters", ())
        )
    ]
    assert lists
    for operation in lists:
        for size in ("0", "501", "-1", "9" * 22, "x"):
            status, answer, _ = await callers.call(operation, f"{filled(operation.path)}?page_size={size}")
            assert status == 422, (operation, size, answer)


async def test_api5_credentials_of_one_kind_open_nothing_of_another(callers: Callers) -> None:
    """Keys, users, admins and the Alertmanager: each at each other's doors."""
    for operation in OPERATIONS:
        whose = kind_of(operation)
        for who in {"key", "user", "admin", "alertmanager"} - {whose} if whose != "anyone" else ():
            status, answer, _ = await callers.call(operation, filled(operation.path), who=who)
            assert status in SHUT, (operation, who, answer)


async def test_api6_every_open_write_ends_in_a_limit(callers: Callers) -> None:
    """Registration, codes, logins, the waitlist: none can be run through by a machine from one address."""
    town = Town(make_gateway(callers.town.clock))
    for operation in WRITES:
        if kind_of(operation) != "anyone":
            continue
        codes = {(await town.call(operation.method, operation.path, {})).code for _ in range(11)}
        assert "rate.limited" in codes, operation


async def test_api7_nobody_makes_the_hub_call_out(callers: Callers) -> None:
    """No field takes an address of a server, and a token that names one for its key is refused without a call."""
    called = asyncio.Event()
    listener = await asyncio.start_server(lambda _reader, _writer: called.set(), "127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/keys"
    claims = jwt.decode(callers.user.token, options={"verify_signature": False})
    headers = {"typ": "at+jwt", "kid": address, "jku": address, "x5u": address}
    token = jwt.encode(claims, "k" * 32, algorithm="HS256", headers=headers)
    async with listener:
        answer = await callers.town.call("GET", "/v1/user/me", headers={"Authorization": f"Bearer {token}"})
        jose = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "jku": address, "x5u": address, "kid": address}
        encoded = base64.urlsafe_b64encode(json.dumps(jose).encode()).rstrip(b"=").decode()
        credential = {"exchange_code": "XNAS", "api_key_ciphertext": f"{encoded}.a.b.c.d"}
        await callers.town.call("POST", "/internal/v1/admin/exchange-credentials", credential, callers.admin)
        await asyncio.sleep(0)
    assert answer.code == "auth.token_invalid"
    assert not called.is_set()
    addresses = re.compile(r"(^|_)(ur[il]|href|callback|webhook|host|endpoint)($|_)")
    assert [(one.operation_id, name) for one in WRITES for name in _fields(one) if addresses.search(name)] == []


async def test_api8_every_answer_has_the_headers_and_tells_nothing(callers: Callers) -> None:
    missing = Operation("nothing", "GET", "/nowhere")
    wrong = Operation("nothing", "PUT", "/v1/quotes")
    for operation in [*OPERATIONS, missing, wrong]:
        if operation.path == "/docs":
            continue
        _, answer, headers = await callers.call(operation, filled(operation.path), who="anyone")
        assert headers["X-Content-Type-Options"] == "nosniff", operation
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"].startswith(("no-store", "public"))
        assert not {"Server", "X-Powered-By", "Access-Control-Allow-Origin", "Set-Cookie"} & set(headers)
        assert "Traceback" not in json.dumps(answer)


NOT_SERVED = [
    "/metrics",
    "/healthz",
    "/readyz",
    "/debug",
    "/console",
    "/.env",
    "/.git/config",
    "/server-status",
    "/actuator",
    "/static/../gateway/app.py",
    "/swagger",
    "/graphql",
    "/admin",
    "/v2/orders",
    "/v0/orders",
    "/v1/orders.json",
    "/inbox",
]


async def test_api9_nothing_is_served_that_is_not_documented(callers: Callers) -> None:
    """Nor what belongs on the ops port, old versions, or what frameworks bring along."""
    for path in NOT_SERVED:
        for method in ("GET", "POST"):
            response = await callers.town.gateway.open(method, path)
            assert response.status_code == 404, path


async def test_api10_what_other_systems_send_is_held_to_its_form(callers: Callers) -> None:
    """The one system that calls us: its token opens its own door alone, and what does not fit is refused by name."""
    operation = next(one for one in OPERATIONS if one.operation_id == "adminReceiveAlertmanager")
    for body in (
        b"{}",
        b'{"alerts":"x"}',
        b'{"alerts":[{}]}',
        b'{"version":"4","alerts":[{"status":"firing","labels":[]}]}',
    ):
        status, answer, _ = await callers.call(operation, operation.path, body)
        assert (status, answer["error"]["code"]) == (422, "request.invalid")


def _fields(operation: Operation) -> set[str]:
    """Every field that the body of an operation documents, at any depth."""
    content = DOCUMENT["paths"][operation.path][operation.method.lower()]["requestBody"]
    return _names(content, set())


def _names(schema: Any, seen: set[str]) -> set[str]:
    if isinstance(schema, list):
        return {name for one in schema for name in _names(one, seen)}
    if not isinstance(schema, dict):
        return set()
    reference = schema.get("$ref")
    if reference is not None:
        if reference in seen:
            return set()
        kind, name = reference.split("/")[-2:]
        return _names(DOCUMENT["components"][kind][name], seen | {reference})
    own = set(schema["properties"]) if isinstance(schema.get("properties"), dict) else set()
    return own | {name for one in schema.values() for name in _names(one, seen)}
