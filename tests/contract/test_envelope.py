"""Every answer of every kind has the envelope, the headers and a language."""

import json
import logging

import pytest


async def test_success_has_envelope_and_headers(gateway):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    response = await gateway.get("/v1/quotes?symbols=TSLA.US", {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    answer = await response.get_json()
    assert response.status_code == 200
    assert answer["success"] is True
    assert answer["trace_id"] == response.headers["X-Trace-Id"] == trace
    assert response.headers["X-Server-Time"] == str(gateway.clock.now() // 1_000_000)
    assert response.headers["Content-Language"] == "en-US"
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-RateLimit-Limit"] == "1200"
    assert response.headers["X-RateLimit-Remaining"] == "1199"
    assert int(response.headers["X-RateLimit-Reset"]) % 60 == 0
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert "Strict-Transport-Security" not in response.headers
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_made_trace_ids_differ(gateway):
    first = await gateway.open("GET", "/public/v1/time")
    second = await gateway.open("GET", "/public/v1/time")
    assert first.headers["X-Trace-Id"] != second.headers["X-Trace-Id"]
    assert len(first.headers["X-Trace-Id"]) == 32


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "route.not_found"),
        ("GET", "/v1/quotes/", 404, "route.not_found"),
        ("GET", "/v1//quotes", 404, "route.not_found"),
        ("GET", "/%FF%FE", 404, "route.not_found"),
        ("POST", "/v1/quotes", 405, "route.method_not_allowed"),
        ("OPTIONS", "/v1/quotes", 405, "route.method_not_allowed"),
        ("GET", "/v1/quotes", 401, "auth.credentials_missing"),
        ("POST", "/v1/access-applications", 401, "auth.credentials_missing"),
        ("DELETE", "/v1/orders/ord_1", 405, "route.method_not_allowed"),
        ("GET", "/v1/orders/cancel-all/x", 404, "route.not_found"),
        ("POST", "/v1/orders", 401, "auth.credentials_missing"),
    ],
)
async def test_refusals_have_the_error_envelope(gateway, method, target, status, code):
    response = await gateway.open(method, target)
    answer = await response.get_json()
    assert response.status_code == status
    assert answer["success"] is False
    assert answer["error"]["code"] == code
    assert answer["error"]["message"]
    assert answer["error"]["message_i18n_key"] == f"error.{code}"
    assert answer["trace_id"] == response.headers["X-Trace-Id"]
    assert response.headers["Content-Language"] == "en-US"
    if status == 405:
        assert "," in response.headers["Allow"] or response.headers["Allow"] in {"POST", "PATCH", "GET", "HEAD"}


@pytest.mark.parametrize("through_quart", [False, True])
async def test_a_bug_shows_nothing_but_is_logged_with_its_trace(gateway, caplog, through_quart):
    gateway.probe.parts = None  # what no probe gives: the handler fails on it
    with caplog.at_level(logging.ERROR):
        response = await gateway.get("/v1/status", {"Content-Length": "0"} if through_quart else {})
    text = await response.get_data(as_text=True)
    assert response.status_code == 500
    assert json.loads(text)["error"]["code"] == "system.internal"
    assert json.loads(text)["error"]["details"] is None
    assert "TypeError" not in text
    assert "NoneType" not in text
    assert any(record.exc_info for record in caplog.records)
    assert ("getSystemStatus", "system.internal") in gateway.measures.answers


@pytest.mark.parametrize("target", ["/v1/quotes?symbols=TSLA.US", "/v1/quotes?symbols=NO.US", "/openapi.json", "/docs"])
async def test_reads_are_answered_alike_before_and_through_quart(gateway, target):
    first = await gateway.get(target)
    second = await gateway.get(target, {"Content-Length": "0"})
    assert first.status_code == second.status_code
    assert {name.lower() for name in dict(first.headers)} == {name.lower() for name in dict(second.headers)}
    assert first.headers["Content-Length"] == second.headers["Content-Length"]
    assert first.headers["Content-Type"] == second.headers["Content-Type"]


async def test_head_is_answered_without_a_body(gateway):
    headers = gateway.signed_headers("HEAD", "/v1/quotes", "symbols=TSLA.US")
    response = await gateway.open("HEAD", "/v1/quotes?symbols=TSLA.US", headers)
    assert response.status_code == 200


async def test_language_by_header_then_tenant_then_english(gateway):
    response = await gateway.get("/v1/quotes?symbols=NO.US", {"Accept-Language": "ja,en-US;q=0.9,en;q=0.8"})
    assert response.headers["Content-Language"] == "ja-JP"
    assert (await response.get_json())["error"]["message"] == "不明なシンボルです。"
    tenant = gateway.tenants.tenants["ten_1"]
    gateway.tenants.tenants["ten_1"] = tenant.model_copy(update={"preferred_language": "zh-CN"})
    await gateway.authenticator.refresh()
    assert (await gateway.get("/v1/quotes?symbols=TSLA.US")).headers["Content-Language"] == "zh-CN"
    assert (await gateway.get("/v1/status", {"Accept-Language": "de"})).headers["Content-Language"] == "zh-CN"
    english = await gateway.get("/v1/status", {"Accept-Language": "en-GB"})
    assert english.headers["Content-Language"] == "en-US"


async def test_production_adds_transport_security(remade):
    response = await remade(mode="production").open("GET", "/public/v1/time")
    assert response.headers["Strict-Transport-Security"].startswith("max-age=")


async def test_cors_is_a_list(remade):
    gateway = remade(cors_origins=("https://app.example",))
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    preflight = await gateway.open("OPTIONS", "/v1/quotes", asked)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "GET" in preflight.headers["Access-Control-Allow-Methods"]
    assert "X-PM-SIGNATURE" in preflight.headers["Access-Control-Allow-Headers"]
    other = await gateway.open("OPTIONS", "/v1/quotes", {**asked, "Origin": "https://evil.example"})
    assert other.status_code == 405
    assert "Access-Control-Allow-Origin" not in other.headers
    plain = await gateway.open("GET", "/public/v1/time", {"Origin": "https://app.example"})
    assert plain.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert plain.headers["Vary"] == "Origin"


async def test_public_routes_are_limited_by_address(remade):
    gateway = remade(public_requests_per_minute=2)
    for left in ("1", "0"):
        response = await gateway.open("GET", "/public/v1/time")
        assert response.headers["X-RateLimit-Remaining"] == left
    refused = await gateway.open("GET", "/public/v1/errors")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "60"
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    other = await gateway.open("GET", "/public/v1/time", scope={"client": ("198.51.100.1", 2)})
    assert other.status_code == 200
    assert gateway.measures.refused == ["public"]


async def test_key_is_limited_by_weight(remade):
    gateway = remade(market_weight_per_minute=12)
    assert (await gateway.get("/v1/markets")).headers["X-RateLimit-Remaining"] == "2"
    refused = await gateway.get("/v1/bars?symbol=AAPL.US&timeframe=1m")
    assert refused.status_code == 429
    assert (await refused.get_json())["error"]["retryable"] is True
    gateway.clock.advance(60)
    assert (await gateway.get("/v1/bars?symbol=AAPL.US&timeframe=1m")).status_code == 200


async def test_malformed_requests_of_a_key_cost_too(remade):
    gateway = remade(market_weight_per_minute=3)
    statuses = [(await gateway.get("/v1/quotes?symbols=A&symbols=B")).status_code for _ in range(4)]
    assert statuses == [422, 422, 422, 429]
