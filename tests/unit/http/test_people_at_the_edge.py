"""What stands before handlers of people, in its order: token, role header, role, limit, key, body; and what they are given."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.callers import Principal
from gateway.http.answer import Answer
from gateway.http.answers import Answers
from gateway.http.calls import BearerCall, OpenCall
from gateway.http.cors import CrossOrigin
from gateway.http.edge import Edge
from gateway.http.exchange import Exchanges
from gateway.http.idempotency import IdempotencyBook
from gateway.http.limits import Limiter
from ops.runtime.clock import ManualClock
from ops.runtime.errors import HubError
from ops.runtime.identifiers import SystemIdentifiers
from storage.models.people import ADMIN_ROLES
from storage.mongo.failures import StoreUnavailable
from tests.unit.http.effects.effect_world import LANGUAGES, RING, Quiet, Records, View, straight_on

USER = Principal("user", "usr_1", "ses_1", None, "ten_1", ("acc_1",), "ja-JP")
ADMIN = Principal("admin", "adm_1", "ses_2", "ops_admin", None, (), "zh-CN")
REFUSED = {"expired": "auth.token_expired", "ended": "auth.session_ended", "suspended": "auth.suspended"}
JSON = {"content-type": "application/json"}


class Doors:
    """`user` and `admin` are tokens; others say why they are refused."""

    async def authenticate(self, token: str, audience: str) -> Principal:
        if token == "away":
            raise HubError("system.unavailable", {"component": "database"})
        if token in REFUSED:
            raise HubError(REFUSED[token])
        if token != audience:
            raise HubError("auth.token_invalid")
        return USER if token == "user" else ADMIN


@dataclass
class Place:
    """An edge, and what its handlers were given."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(1_700_000_040 * 1_000_000_000))
    calls: list[BearerCall | OpenCall] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    measures: Quiet = field(default_factory=Quiet)

    def __post_init__(self) -> None:
        identifiers = SystemIdentifiers()
        self.limiter = Limiter(
            self.clock, market_per_minute=1, public_per_minute=1, auth_per_minute=4, auth_attempts_per_minute=2,
            user_per_minute=3, admin_per_minute=3,
        )  # fmt: skip
        self.edge = Edge(
            exchanges=Exchanges(self.clock, identifiers, 0),
            answers=Answers(LANGUAGES, self.clock, CrossOrigin(()), transport_is_secure=False),
            authenticator=None,
            bearers=Doors(),
            idempotency=IdempotencyBook(View(Records(), straight_on), RING, identifiers, self.clock),
            limiter=self.limiter,
            measures=self.measures,
            clock=self.clock,
        )

    async def read(self, call: BearerCall) -> bytes:
        self.calls.append(call)
        return b'{"read":true}'

    async def write(self, call: BearerCall | OpenCall, body: dict[str, Any]) -> bytes:
        self.calls.append(call)
        self.bodies.append(body)
        return b'{"written":true}'

    async def ask(self, endpoint, token: str | None = None, body: bytes = b"", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            named["authorization"] = f"Bearer {token}"
        scope = {
            "type": "http", "method": "POST", "raw_path": b"/v1/x", "query_string": b"a=b", "http_version": "1.1",
            "client": ("192.0.2.1", 1), "path_params": {"key_id": "pmk_1"},
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        }  # fmt: skip

        async def read_body() -> bytes:
            return body

        return await endpoint(scope, read_body)


@pytest.fixture
def place() -> Place:
    return Place()


def told(answer: Answer) -> tuple[int, str]:
    said = json.loads(answer.body)
    return answer.status, "ok" if said["success"] else said["error"]["code"]


async def test_what_a_handler_of_a_user_is_given(place):
    endpoint = place.edge.user_write("doIt", place.write)
    answer = await place.ask(endpoint, "user", b'{"a":1}', user_agent="curl/8\x00", idempotency_key="12345678", **JSON)
    assert told(answer) == (200, "ok")
    [call] = place.calls
    assert (call.principal, call.path, call.client_ip, call.user_agent) == (
        USER,
        {"key_id": "pmk_1"},
        "192.0.2.1",
        "curl/8",
    )
    assert (call.query, call.idempotency_key, call.operation, call.now) == (
        {"a": "b"},
        "12345678",
        "doIt",
        place.clock.now(),
    )
    assert len(call.effect_id) == 32
    assert call.trace_id == json.loads(answer.body)["trace_id"]
    assert place.bodies == [{"a": 1}]


async def test_the_language_is_the_profiles_where_the_request_names_none(place):
    endpoint = place.edge.user_read("readIt", place.read)
    assert dict((await place.ask(endpoint, "user")).fields)[b"content-language"] == b"ja-JP"
    asked = await place.ask(endpoint, "user", accept_language="zh-CN")
    assert dict(asked.fields)[b"content-language"] == b"zh-CN"
    assert [call.language for call in place.calls] == ["ja-JP", "zh-CN"]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "auth.token_missing"),
        ("", "auth.token_missing"),
        ("Bearer", "auth.token_missing"),
        ("Bearer ", "auth.token_missing"),
        ("Basic dXNlcjpwYXNz", "auth.token_missing"),
        ("user", "auth.token_missing"),
        ("Bearer admin", "auth.token_invalid"),
        ("Bearer user user", "auth.token_invalid"),
        ("Bearer " + "x" * 5_000, "auth.token_invalid"),
        ("Bearer expired", "auth.token_expired"),
        ("bearer user", "ok"),
        ("BEARER   user ", "ok"),
    ],
)
async def test_bearer_tokens(place, header, code):
    headers = {} if header is None else {"authorization": header}
    answer = await place.ask(place.edge.user_read("readIt", place.read), **headers)
    assert told(answer) == ((200 if code == "ok" else 401), code)


ALL_WRONG = {"idempotency_key": "short", "content_type": "text/plain", "x_pm_role": "super_admin"}


@pytest.mark.parametrize(
    ("token", "right", "spent", "expected"),
    [
        (None, {}, 9, (401, "auth.token_missing")),
        ("user", {}, 9, (401, "auth.token_invalid")),
        ("expired", {}, 9, (401, "auth.token_expired")),
        ("ended", {}, 9, (401, "auth.session_ended")),
        ("suspended", {}, 9, (403, "auth.suspended")),
        ("away", {}, 9, (503, "system.unavailable")),
        ("admin", {"x_pm_role": ""}, 9, (422, "request.invalid")),
        ("admin", {"x_pm_role": "super_admin"}, 9, (403, "admin.role_mismatch")),
        ("admin", {"x_pm_role": "OPS_ADMIN"}, 9, (403, "admin.role_mismatch")),
        ("admin", {"x_pm_role": "ops_admin"}, 9, (403, "admin.forbidden")),
    ],
)
async def test_the_order_of_checks_up_to_the_role(place, token, right, spent, expected):
    """Everything that is looked at later is wrong too."""
    place.limiter.spend("admin", "adm_1", 3)
    endpoint = place.edge.admin_write("doIt", ("super_admin", "compliance_admin"), place.write, key_required=True)
    answer = await place.ask(endpoint, token, b"{", **{**ALL_WRONG, **right})
    assert told(answer) == expected
    assert place.calls == []


@pytest.mark.parametrize(
    ("right", "free", "expected"),
    [
        ({}, False, (429, "rate.limited")),
        ({}, True, (422, "idempotency.key_required")),
        ({"idempotency_key": "12345678"}, True, (415, "request.media_type")),
        ({"idempotency_key": "12345678", "content_type": "application/json"}, True, (422, "request.malformed")),
    ],
)
async def test_the_order_of_checks_behind_the_role(place, right, free, expected):
    if not free:
        place.limiter.spend("admin", "adm_1", 3)
    endpoint = place.edge.admin_write("doIt", ("ops_admin",), place.write, key_required=True)
    answer = await place.ask(endpoint, "admin", b"{", **{**ALL_WRONG, "x_pm_role": "ops_admin", **right})
    assert told(answer) == expected
    assert place.calls == []


async def test_a_missing_role_names_the_header_in_the_admins_language(place):
    answer = await place.ask(place.edge.admin_read("readIt", ADMIN_ROLES, place.read), "admin")
    [problem] = json.loads(answer.body)["error"]["details"]["fields"]
    assert (problem["name"], problem["reason"]) == ("X-PM-ROLE", "缺失")


async def test_a_forbidden_role_says_which_may(place):
    endpoint = place.edge.admin_read("readIt", ("super_admin", "compliance_admin"), place.read)
    answer = await place.ask(endpoint, "admin", x_pm_role="ops_admin")
    details = json.loads(answer.body)["error"]["details"]
    assert details == {"role": "ops_admin", "allowed": ["super_admin", "compliance_admin"]}


async def test_a_write_without_a_body_has_an_empty_one(place):
    assert told(await place.ask(place.edge.user_write("doIt", place.write), "user")) == (200, "ok")
    assert place.bodies == [{}]


async def test_people_are_limited_each_for_themselves(place):
    endpoint = place.edge.user_read("readIt", place.read)
    answers = [await place.ask(endpoint, "user") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    fields = dict(answers[0].fields)
    assert (fields[b"x-ratelimit-limit"], fields[b"x-ratelimit-remaining"]) == (b"3", b"2")
    assert dict(answers[3].fields)[b"retry-after"] == b"60"
    admin = await place.ask(place.edge.admin_read("readIt", ADMIN_ROLES, place.read), "admin", x_pm_role="ops_admin")
    assert admin.status == 200
    assert place.measures.codes == ["ok", "ok", "ok", "rate.limited", "ok"]


async def test_refused_tokens_cost_nothing_of_the_limit(place):
    endpoint = place.edge.user_read("readIt", place.read)
    for _ in range(10):
        await place.ask(endpoint, "ended")
    assert place.limiter.peek("user", "usr_1").remaining == 3


async def test_a_store_that_is_away_is_503(place):
    async def fail(call: BearerCall) -> bytes:
        raise StoreUnavailable("away")

    answer = await place.ask(place.edge.user_read("readIt", fail), "user")
    assert told(answer) == (503, "system.unavailable")


async def test_anyone_may_write_openly_but_not_often(place):
    endpoint = place.edge.open_write("login", place.write)
    answers = [await place.ask(endpoint, body=b'{"x":1}', user_agent="me", **JSON) for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 200, 429]
    call = place.calls[0]
    assert (call.operation, call.client_ip, call.user_agent, call.query) == ("login", "192.0.2.1", "me", {"a": "b"})
    assert json.loads(answers[4].body)["error"]["details"]["limit"] == "auth"


@pytest.mark.parametrize(("body", "expected"), [(b"", "request.malformed"), (b"[]", "request.malformed")])
async def test_an_open_write_needs_an_object_and_bad_ones_count(place, body, expected):
    endpoint = place.edge.open_write("login", place.write)
    assert [told(await place.ask(endpoint, body=body, **JSON))[1] for _ in range(5)] == [expected] * 4 + [
        "rate.limited"
    ]


@pytest.mark.parametrize("name", ["email", "work_email"])
async def test_one_address_is_tried_a_few_times_a_minute_however_it_is_written(place, name):
    endpoint = place.edge.open_write("login", place.write)
    spelled = ["a@example.com", " A@Example.COM ", "a@EXAMPLE.com"]
    answers = [await place.ask(endpoint, body=json.dumps({name: text}).encode(), **JSON) for text in spelled]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert json.loads(answers[2].body)["error"]["details"]["limit"] == "auth-attempts"
    assert "example" not in " ".join(key for key, _ in place.limiter.counts.current())


@pytest.mark.parametrize("email", [7, None, "no address", "x" * 10_000 + "@example.com", ["a@example.com"]])
async def test_what_is_no_address_is_for_the_handler_to_refuse(place, email):
    endpoint = place.edge.open_write("login", place.write)
    answers = [await place.ask(endpoint, body=json.dumps({"email": email}).encode(), **JSON) for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
