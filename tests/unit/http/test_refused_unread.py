"""A request that nobody has signed costs no query and no parsing, whatever its body is; a wrongly signed one costs the look-up of its
key, which nothing could do without, and no parsing.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.callers import Caller, SignedRequest
from gateway.http import edge as edge_module
from gateway.http.answers import Answers
from gateway.http.calls import SignedCall
from gateway.http.cors import CrossOrigin
from gateway.http.edge import Edge
from gateway.http.exchange import Exchanges
from gateway.http.idempotency import IdempotencyBook
from gateway.http.keys import KeyCache
from gateway.http.limits import Limiter
from gateway.http.signing import signature_of, string_to_sign
from ops.runtime.clock import ManualClock, milliseconds
from ops.runtime.errors import HubError
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.languages import load_languages
from ops.runtime.metrics import Metrics
from storage.models.tenants import ALL_SCOPES, ApiKey, Tenant
from storage.sealing import KeyRing
from tests.unit.http.effects.effect_world import Quiet, Records, View

RING = KeyRing.parse("one:a secret of sixteen or more")
PATH, KEY, SECRET = "/v1/orders", "a-key-of-mine", "shown once"
BODIES = {
    "an order": b'{"symbol":"BTCUSDT.BINANCE","side":"buy","type":"limit","quantity":"1"}',
    "no JSON": b"{" * 1_000,
    "64 KiB": b'{"note":"' + b"x" * 65_000 + b'"}',
}
LOOK_UP = ["keys", "tenants", "users"]


@dataclass
class Kept:
    """One collection; every query is noted under its name in a list that all share."""

    name: str
    asked: list[str]
    found: Mapping[str, Any] = field(default_factory=dict)

    async def get_many(self, identities: Iterable[str]) -> dict[str, Any]:
        self.asked.append(self.name)
        return {one: self.found[one] for one in identities if one in self.found}

    async def touch_last_used(self, used: Mapping[str, int]) -> None:
        self.asked.append(self.name)


class Counted:
    """An authenticator that counts who comes to it."""

    def __init__(self, keys: KeyCache) -> None:
        self._keys = keys
        self.came = 0

    async def authenticate(self, request: SignedRequest) -> Caller:
        self.came += 1
        return await self._keys.authenticate(request)

    def refusal(self, key_id: str) -> HubError | None:
        return self._keys.refusal(key_id)


class Door:
    """The three kinds of signed endpoints before a store; `parsed` and `handled` count what must not happen."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.asked, self.parsed, self.handled = ManualClock(), [], 0, 0
        now, identifiers = self.clock.now(), SystemIdentifiers()
        key = ApiKey(
            key_id="pmk_1", tenant_id="ten_1", label="l", scopes=ALL_SCOPES, created_at=now,
            sealed_secret=RING.seal(SECRET.encode(), b"pmk_1"),
        )  # fmt: skip
        tenant = Tenant(tenant_id="ten_1", name="T", account_ids=("acc_1",), created_at=now)
        keys = Kept("keys", self.asked, {"pmk_1": key}), Kept("tenants", self.asked, {"ten_1": tenant})
        self.authenticator = Counted(
            KeyCache(*keys, Kept("users", self.asked), RING, self.clock, metrics=Metrics(), explains=False)
        )
        edge = Edge(
            exchanges=Exchanges(self.clock, identifiers, 0),
            answers=Answers(load_languages(), self.clock, CrossOrigin(()), transport_is_secure=False),
            authenticator=self.authenticator,
            bearers=None,
            idempotency=IdempotencyBook(View(Records(), self._step), RING, identifiers, self.clock),
            limiter=Limiter(self.clock, market_per_minute=10, public_per_minute=10),
            measures=Quiet(),
            clock=self.clock,
        )
        self.endpoints = {
            "a read": edge.signed("read", "trade:read", 1, self._read),
            "a command": edge.signed_write("place", "trade:write", self._write, ["orders"]),
            "an effect": edge.signed_effect("make", "trade:write", self._write, ["orders"]),
        }
        parse = edge_module.parse_json_object

        def counting(body: bytes) -> dict[str, Any]:
            self.parsed += 1
            return parse(body)

        monkeypatch.setattr(edge_module, "parse_json_object", counting)

    async def ask(self, kind: str, body: bytes, headers: Mapping[str, str]) -> str:
        named = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "idempotency-key": KEY,
            **headers,
        }
        scope = {
            "type": "http", "method": "POST", "raw_path": PATH.encode(), "query_string": b"", "http_version": "1.1",
            "client": ("192.0.2.1", 1), "path_params": {},
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        }  # fmt: skip

        async def read_body() -> bytes:
            return body

        answer = json.loads((await self.endpoints[kind](scope, read_body)).body)
        return "ok" if answer["success"] else str(answer["error"]["code"])

    def signed(self, body: bytes, key_id: str = "pmk_1", secret: str = SECRET) -> dict[str, str]:
        timestamp = str(milliseconds(self.clock.now()))
        text = string_to_sign(SignedRequest("POST", PATH, "", KEY, body, {}, ""), timestamp)
        signature = signature_of(secret.encode(), text)
        return {"x-pm-api-key": key_id, "x-pm-timestamp": timestamp, "x-pm-signature": signature}

    async def _step(self, step: str) -> None:
        self.asked.append(step)

    async def _read(self, call: SignedCall) -> bytes:
        self.handled += 1
        return b"{}"

    async def _write(self, call: SignedCall, body: dict[str, Any]) -> bytes:
        self.handled += 1
        return b"{}"


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(monkeypatch)


def unsigned(door: Door, body: bytes) -> dict[str, dict[str, str]]:
    """By the code of their refusal: headers that are no signature of now."""
    late = door.signed(body)
    door.clock.advance(6)
    return {
        "auth.credentials_missing": {},
        "auth.timestamp_outside_window": late,
    }


@pytest.mark.parametrize("kind", ["a read", "a command", "an effect"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_an_unsigned_request_asks_the_store_nothing_and_is_not_parsed(door: Door, kind: str, body: bytes) -> None:
    for code, headers in unsigned(door, body).items():
        assert await door.ask(kind, body, headers) == code

    assert door.authenticator.came == 2
    assert (door.asked, door.parsed, door.handled) == ([], 0, 0)


@pytest.mark.parametrize("kind", ["a read", "a command", "an effect"])
@pytest.mark.parametrize(("key_id", "secret"), [("pmk_1", "another"), ("pmk_nobody's", SECRET)])
async def test_a_wrongly_signed_request_costs_one_look_up_of_its_key_and_is_not_parsed(
    door: Door, kind: str, key_id: str, secret: str
) -> None:
    for body in BODIES.values():
        door.asked.clear()

        assert await door.ask(kind, body, door.signed(body, key_id, secret)) == "auth.signature_invalid"
        assert door.asked == LOOK_UP
    assert (door.parsed, door.handled) == (0, 0)


async def test_what_is_counted_happens_for_those_who_sign(door: Door) -> None:
    body = BODIES["an order"]
    for kind in door.endpoints:
        assert await door.ask(kind, body, door.signed(body)) == "ok"

    assert (door.asked[:3], door.parsed, door.handled) == (LOOK_UP, 2, 3)
    assert len(door.asked) > len(LOOK_UP)
