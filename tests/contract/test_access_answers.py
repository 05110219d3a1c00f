"""Applications and bindings of tenants: every answer as documented, one effect for each key, nothing of another tenant's."""

import asyncio
import json
from typing import Any, NamedTuple

import pytest

from storage.models.access_bindings import AccessBinding
from storage.models.applications import Application
from storage.models.idempotency import LEASE_SECONDS
from storage.models.order_requests import identity_of
from storage.models.tenants import ApiKey, Tenant
from storage.mongo.access_bindings import AccessBindings
from storage.mongo.applications import Applications
from tests.contract.people_place import KEY_RING
from tests.integration.trading.documented import violations

PATH = "/v1/access-applications"
BODY = {
    "contact_email": "Ada@Acme.Example", "target_markets": ["equity", "crypto"], "target_exchanges": ["XNAS", "BINANCE"],
    "expected_monthly_volume": "1000000.5", "notes": "soon,\nplease", "preferred_language": "ja-JP",
}  # fmt: skip


class Told(NamedTuple):
    """One answer that is as documented."""

    status: int
    raw: bytes
    headers: Any

    @property
    def data(self) -> Any:
        assert self.status == 200, self.raw
        return json.loads(self.raw)["data"]

    @property
    def error(self) -> Any:
        assert self.status >= 400, self.raw
        return json.loads(self.raw)["error"]


async def submit(gateway: Any, body: Any = BODY, *, key: str | None = "a key of ours", **more: Any) -> Told:
    """A signed application; `more` are headers, by name."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    change = {name: more.pop(name) for name in ("secret", "timestamp") if name in more}
    who = {"key": more.pop("who")} if "who" in more else {}
    signed = gateway.signed_headers("POST", PATH, body=raw, idempotency_key=key or "", **change, **who)
    named = {"Content-Type": "application/json", **({} if key is None else {"Idempotency-Key": key}), **more}
    return await told(await gateway.open("POST", PATH, {**signed, **named}, data=raw), "POST", PATH)


async def get(gateway: Any, target: str, **headers: str) -> Told:
    return await told(await gateway.get(target, headers), "GET", target.partition("?")[0])


async def told(response: Any, method: str, path: str) -> Told:
    raw = await response.get_data()
    assert violations(method, path, response.status_code, json.loads(raw)) == []
    return Told(response.status_code, raw, response.headers)


def stored(gateway: Any) -> Applications:
    return Applications(gateway.place.platform.store.database)


def of_tenant(tenant_id: str, number: int, **changes: Any) -> Application:
    """An application that somebody else has put there."""
    plain = Application(
        application_id=f"app_{number}", tenant_id=tenant_id, contact_email="ada@acme.example", target_markets=("fx",),
        target_exchanges=("OANDA",), submitted_at=number, updated_at=number,
    )  # fmt: skip
    return plain.model_copy(update=changes)


async def test_an_application_is_kept_as_it_was_asked(gateway: Any) -> None:
    submitted = (await submit(gateway)).data
    assert submitted["status"] == "submitted"
    assert submitted["submitted_at"] == "2024-08-08T14:30:00Z"
    shown = (await get(gateway, f"{PATH}/{submitted['application_id']}")).data
    assert shown == {
        "application_id": submitted["application_id"], "tenant_id": "ten_1", "status": "submitted",
        "status_label": "Submitted", "review_result": None, "contact_email": "ada@acme.example",
        "target_markets": ["equity", "crypto"], "target_exchanges": ["XNAS", "BINANCE"],
        "expected_monthly_volume": "1000000.5", "preferred_language": "ja-JP", "notes": "soon,\nplease", "review_note": None,
        "reject_reason_code": None, "reject_message": None, "failure": None, "provisioning_job_id": None,
        "provisioning": None, "bindings": [], "submitted_at": "2024-08-08T14:30:00Z",
        "updated_at": "2024-08-08T14:30:00Z",
    }  # fmt: skip


async def test_what_is_not_said_is_as_usual(gateway: Any) -> None:
    body = {"contact_email": "a@b.example", "target_markets": ["crypto", "crypto"], "target_exchanges": ["BINANCE"]}
    application_id = (await submit(gateway, body)).data["application_id"]
    kept = await stored(gateway).get(application_id)
    assert kept is not None
    assert (kept.preferred_language, kept.notes, kept.target_markets) == ("en-US", None, ("crypto",))


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"target_exchanges": ["XNAS", "XMOON", "XMARS"]}, "target_exchanges", "unknown: XMOON, XMARS"),
        ({"target_markets": ["equity", "tulips"]}, "target_markets", "unknown: tulips"),
        ({"target_markets": ["index"]}, "target_markets", "unknown: index"),
        ({"target_exchanges": []}, "target_exchanges", "empty"),
        ({"target_exchanges": "XNAS"}, "target_exchanges", "not an array of strings"),
        ({"target_exchanges": ["XNAS", None]}, "target_exchanges", "not an array of strings"),
        ({"target_markets": None}, "target_markets", "not an array of strings"),
        ({"target_markets": ["equity"] * 65}, "target_markets", "too many"),
        ({"contact_email": "nobody"}, "contact_email", "not an e-mail address"),
        ({"expected_monthly_volume": 1000}, "expected_monthly_volume", "not a decimal number in a string"),
        ({"expected_monthly_volume": "1e6"}, "expected_monthly_volume", "not a decimal number in a string"),
        ({"expected_monthly_volume": "NaN"}, "expected_monthly_volume", "not a decimal number in a string"),
        ({"expected_monthly_volume": "-1"}, "expected_monthly_volume", "below 0"),
        ({"preferred_language": "de-DE"}, "preferred_language", "not one of the known values"),
        ({"notes": "a\x00b"}, "notes", "a control character in it"),
        ({"notes": "x" * 2001}, "notes", "too long"),
        ({"status": "approved"}, "status", "unknown field"),
        ({"tenant_id": "ten_2"}, "tenant_id", "unknown field"),
    ],
)
async def test_bad_fields_are_named(gateway: Any, change: dict[str, Any], field: str, reason: str) -> None:
    refused = await submit(gateway, {**BODY, **change})
    assert (refused.status, refused.error["code"]) == (422, "request.invalid")
    [problem] = refused.error["details"]["fields"]
    assert (problem["name"], problem["reason"]) == (field, reason)
    if "unknown: " in reason and "MOON" in reason:
        assert problem["expected"] == "of BINANCE, XNAS, XTKS"
    assert (await submit(gateway)).status == 200, "the key of what was refused so is free"


@pytest.mark.parametrize("missing", ["contact_email", "target_markets", "target_exchanges"])
async def test_what_must_be_there(gateway: Any, missing: str) -> None:
    refused = await submit(gateway, {name: value for name, value in BODY.items() if name != missing})
    assert [(one["name"], one["reason"]) for one in refused.error["details"]["fields"]] == [(missing, "missing")]


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"key": None}, 422, "idempotency.key_required"),
        ({"key": "short"}, 422, "idempotency.key_required"),
        ({"secret": "another"}, 401, "auth.signature_invalid"),
        ({"timestamp": "1"}, 401, "auth.timestamp_outside_window"),
        ({"body": b"{"}, 422, "request.malformed"),
        ({"body": b"[]"}, 422, "request.malformed"),
        ({"Content-Type": "text/plain"}, 415, "request.media_type"),
    ],
)
async def test_what_stands_before_it(gateway: Any, more: dict[str, Any], status: int, code: str) -> None:
    refused = await submit(gateway, **more)
    assert (refused.status, refused.error["code"]) == (status, code)


async def test_a_key_has_one_effect(gateway: Any) -> None:
    first = await submit(gateway, **{"Accept-Language": "zh-CN"})
    gateway.clock.advance(3)
    again = await submit(gateway, **{"Accept-Language": "ja-JP"})
    assert (again.raw, again.headers["Idempotency-Replayed"]) == (first.raw, "true")
    assert "Idempotency-Replayed" not in first.headers
    other = await submit(gateway, {**BODY, "notes": "another"})
    assert (other.status, other.error["code"]) == (409, "idempotency.mismatch")
    assert (await submit(gateway, key="another key")).data["application_id"] != first.data["application_id"]
    assert len((await get(gateway, PATH)).data["items"]) == 2


async def test_a_try_that_died_after_its_effect_is_finished_by_the_next(gateway: Any) -> None:
    body = json.dumps(BODY).encode()
    identity = identity_of("ten_1", "POST", PATH, "a key of ours")
    begun = await gateway.place.idempotency().begin(identity, b"\n" + body)
    made = of_tenant("ten_1", 1, application_id=f"app_{begun.effect_id}", submitted_at=gateway.clock.now())
    assert await stored(gateway).insert(made)
    assert (await submit(gateway)).error["code"] == "idempotency.in_progress"
    gateway.clock.advance(LEASE_SECONDS + 1)
    finished = (await submit(gateway)).data
    assert finished == {
        "application_id": made.application_id, "status": "submitted", "submitted_at": "2024-08-08T14:30:00Z",
    }  # fmt: skip
    assert len((await get(gateway, PATH)).data["items"]) == 1


async def test_simultaneous_tries_are_one(gateway: Any) -> None:
    answers = await asyncio.gather(*(submit(gateway) for _ in range(8)))
    made = {one.data["application_id"] for one in answers if one.status == 200}
    assert len(made) == 1
    assert {one.error["code"] for one in answers if one.status != 200} <= {"idempotency.in_progress"}
    assert (await submit(gateway)).data["application_id"] in made
    assert len((await get(gateway, PATH)).data["items"]) == 1


async def test_the_key_of_another_tenant_is_another_key(gateway: Any) -> None:
    now, secret = gateway.clock.now(), "the other's secret"
    gateway.tenants.tenants["ten_2"] = Tenant(tenant_id="ten_2", name="Two", created_at=now)
    gateway.keys.keys["pmk_two"] = ApiKey(
        key_id="pmk_two", tenant_id="ten_2", label="two", scopes=("access:write",), created_at=now,
        sealed_secret=KEY_RING.seal(secret.encode(), b"pmk_two"),
    )  # fmt: skip
    ours, theirs = await submit(gateway), await submit(gateway, who="pmk_two", secret=secret)
    assert ours.data["application_id"] != theirs.data["application_id"]
    kept = await stored(gateway).get(theirs.data["application_id"])
    assert kept is not None
    assert kept.tenant_id == "ten_2"
    missing = await get(gateway, f"{PATH}/{kept.application_id}")
    assert (missing.status, missing.error["code"]) == (404, "application.not_found")
    assert [one["tenant_id"] for one in (await get(gateway, PATH)).data["items"]] == ["ten_1"]


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [("POST", PATH, "access:write"), ("GET", PATH, "access:read"), ("GET", f"{PATH}/app_1", "access:read"),
     ("GET", "/v1/access-bindings", "access:read")],
)  # fmt: skip
async def test_a_key_without_the_scope_is_told_which(gateway: Any, method: str, path: str, scope: str) -> None:
    key = gateway.keys.keys["pmk_test"]
    others = tuple(one for one in key.scopes if one != scope)
    gateway.keys.keys["pmk_test"] = key.model_copy(update={"scopes": others})
    answered = await submit(gateway) if method == "POST" else await get(gateway, path)
    assert (answered.status, answered.error["code"]) == (403, "auth.scope_missing")
    assert answered.error["details"] == {"scope": scope}


async def test_lists_are_filtered_and_paged_stable_under_inserts(gateway: Any) -> None:
    for number in range(1, 6):
        await stored(gateway).insert(of_tenant("ten_1", number, status="reviewing" if number == 3 else "submitted"))
        await stored(gateway).insert(of_tenant("ten_2", number + 50))
    assert [one["application_id"] for one in (await get(gateway, f"{PATH}?status=reviewing")).data["items"]] == [
        "app_3"
    ]
    first = (await get(gateway, f"{PATH}?page_size=2")).data
    assert [one["application_id"] for one in first["items"]] == ["app_5", "app_4"]
    await stored(gateway).insert(of_tenant("ten_1", 9))
    token = first["next_page_token"]
    rest = (await get(gateway, f"{PATH}?page_token={token}")).data
    assert [one["application_id"] for one in rest["items"]] == ["app_3", "app_2", "app_1"]
    assert rest["next_page_token"] is None
    for query in ("page_token=x", f"status=submitted&page_token={token}"):
        refused = await get(gateway, f"{PATH}?{query}")
        assert (refused.status, refused.error["code"]) == (404, "page_token.not_found")
    assert (await get(gateway, f"{PATH}?status=gone")).status == 422


@pytest.mark.parametrize(
    ("language", "labels"),
    [("en-US", ("Under review", "Failed")), ("zh-CN", ("审核中", "失败")), ("ja-JP", ("審査中", "失敗"))],
)
async def test_labels_are_in_the_language_of_the_answer(gateway: Any, language: str, labels: tuple[str, str]) -> None:
    await stored(gateway).insert(of_tenant("ten_1", 1, status="reviewing"))
    bindings = AccessBindings(gateway.place.platform.store.database)
    binding = AccessBinding(
        tenant_id="ten_1", exchange_code="OANDA", connector="sim-a", status="failed", application_id="app_1",
        job_id="job_1", updated_at=gateway.clock.now(),
    )  # fmt: skip
    await bindings.insert(binding)
    shown = (await get(gateway, f"{PATH}/app_1", **{"Accept-Language": language})).data
    assert (shown["status_label"], shown["bindings"][0]["status_label"]) == labels


async def test_bindings_are_the_tenants_own_in_whatever_state_and_paged_when_asked(gateway: Any) -> None:
    bindings = AccessBindings(gateway.place.platform.store.database)
    for tenant_id, exchange_code, status, at in [
        ("ten_1", "XNAS", "active", gateway.clock.now()), ("ten_1", "BINANCE", "pending", None), ("ten_2", "XTKS", "active", 1),
    ]:  # fmt: skip
        await bindings.insert(
            AccessBinding(
                tenant_id=tenant_id, exchange_code=exchange_code, connector="sim-a", status=status,  # type: ignore[arg-type]
                application_id="app_1", job_id="job_1", activated_at=at, updated_at=gateway.clock.now(),
            )
        )  # fmt: skip
    listed = (await get(gateway, "/v1/access-bindings")).data
    assert listed == {
        "items": [
            {"exchange_code": "BINANCE", "connector": "sim-a", "binding_status": "pending", "status_label": "Pending",
             "application_id": "app_1", "activated_at": None, "updated_at": "2024-08-08T14:30:00Z"},
            {"exchange_code": "XNAS", "connector": "sim-a", "binding_status": "active", "status_label": "Active",
             "application_id": "app_1", "activated_at": "2024-08-08T14:30:00Z", "updated_at": "2024-08-08T14:30:00Z"},
        ],
        "next_page_token": None,
    }  # fmt: skip
    first = (await get(gateway, "/v1/access-bindings?page_size=1")).data
    rest = (await get(gateway, f"/v1/access-bindings?page_token={first['next_page_token']}")).data
    assert [one["exchange_code"] for one in first["items"] + rest["items"]] == ["BINANCE", "XNAS"]


async def test_a_captured_application_has_no_second_effect_and_then_no_life(gateway: Any) -> None:
    body = json.dumps(BODY).encode()
    signed = gateway.signed_headers("POST", PATH, body=body, idempotency_key="captured key")
    sent = {**signed, "Idempotency-Key": "captured key", "Content-Type": "application/json"}
    first = await told(await gateway.open("POST", PATH, sent, data=body), "POST", PATH)
    again = await told(await gateway.open("POST", PATH, sent, data=body), "POST", PATH)
    assert (first.status, again.raw) == (200, first.raw)
    gateway.clock.advance(6)
    late = await told(await gateway.open("POST", PATH, sent, data=body), "POST", PATH)
    assert late.error["code"] == "auth.timestamp_outside_window"
    assert len((await get(gateway, PATH)).data["items"]) == 1
