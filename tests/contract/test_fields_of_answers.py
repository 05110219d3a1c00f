"""What answers carry where the contract leaves `data` open: every field that was promised is in the served document.

That answers are as the document says is held by the walks of all operations (test_every_documented_status.py).
"""

from typing import Any

import pytest

from gateway.http.contract import load_additions, load_contract
from gateway.http.openapi import build_document

DOCUMENT = build_document(load_contract(), load_additions())
ADMIN = "/internal/v1/admin"
ME = (
    "user_id tenant_id account_ids email display_name company_name country_region preferred_language status totp_enabled "
    "created_at last_login_at"
)
KEY = "key_id label scopes status ip_allowlist created_at expires_at last_used_at"
REGISTERED = "email status verification_expires_at"
RESENT = "email sent resend_after_seconds verification_expires_at"
LOGIN = "challenge_id channel otp_expires_at resend_after_seconds"
CODE_SENT = "challenge_id sent otp_expires_at resend_after_seconds"
TOKENS = "token_type access_token expires_in refresh_token refresh_expires_in"
CONNECTOR = "connector_id provider provider_type asset_classes regions connectivity integration_stage created_at updated_at availability"
WORD = "connector status source reason since updated_by"
ORDER = (
    "order_id client_order_id status symbol side type quantity filled_quantity avg_price connector created_at venue price "
    "stop_price time_in_force strategy_id notional remaining_quantity reduce_only post_only reason updated_at fees seq uncertain "
    "pending"
)
APPLICATION = "contact_email target_markets target_exchanges tenant_id notes review_note reject_reason_code bindings"
LIMITS = "max_order_value max_order_quantity max_open_orders position_limit orders_per_second price_collar"
JOB = "job_id status current_step error_code error_message started_at finished_at application_id attempt steps"
PROMISED = {
    ("POST", "/public/v1/auth/register", ""): f"user_id {REGISTERED}",
    ("POST", "/public/v1/admin/auth/register", ""): f"admin_id {REGISTERED}",
    ("POST", "/public/v1/auth/resend-verification", ""): RESENT,
    ("POST", "/public/v1/admin/auth/resend-verification", ""): RESENT,
    ("POST", "/public/v1/auth/verify-email", ""): "user_id email status verified_at",
    ("POST", "/public/v1/admin/auth/verify-email", ""): "admin_id email status verified_at",
    ("POST", "/public/v1/auth/login", ""): LOGIN,
    ("POST", "/public/v1/admin/auth/login", ""): LOGIN,
    ("POST", "/public/v1/auth/login/resend-otp", ""): CODE_SENT,
    ("POST", "/public/v1/admin/auth/login/resend-otp", ""): CODE_SENT,
    ("POST", "/public/v1/auth/login/verify-otp", ""): f"{TOKENS} user",
    ("POST", "/public/v1/auth/refresh", ""): f"{TOKENS} user",
    ("POST", "/public/v1/auth/refresh", "user"): ME,
    ("POST", "/public/v1/admin/auth/login/verify-otp", ""): f"{TOKENS} admin",
    ("POST", "/public/v1/admin/auth/refresh", ""): f"{TOKENS} admin",
    ("GET", "/v1/user/me", ""): ME,
    ("GET", "/v1/user/api-keys", "items"): KEY,
    ("POST", "/v1/user/api-keys", ""): f"{KEY} api_secret",
    ("DELETE", "/v1/user/api-keys/{key_id}", ""): "key_id status revoked_at",
    ("GET", f"{ADMIN}/users", "items"): ME,
    ("GET", f"{ADMIN}/users/{{user_id}}/api-keys", "items"): KEY,
    ("PATCH", f"{ADMIN}/users/{{user_id}}/status", ""): "user_id status previous_status updated_at",
    ("GET", f"{ADMIN}/audit-events", "items"): (
        "event_id seq ts actor_type actor_id action target_type target_id before after ip trace_id prev_hash hash"
    ),
    ("GET", "/public/v1/connectors/catalog", "items"): CONNECTOR,
    ("GET", f"{ADMIN}/connectors/catalog", "items"): f"{CONNECTOR} health",
    ("POST", f"{ADMIN}/connectors/catalog", ""): f"{CONNECTOR} health",
    ("PATCH", f"{ADMIN}/connectors/catalog/{{connector_id}}", ""): f"{CONNECTOR} health",
    ("GET", f"{ADMIN}/connectors/availability", "items"): WORD,
    ("PATCH", f"{ADMIN}/connectors/{{connector}}/availability", ""): WORD,
    ("GET", "/internal/v1/registry/exchanges", "items"): (
        "exchange_code mic name country timezone calendar asset_classes connectors"
    ),
    ("POST", f"{ADMIN}/access-applications/{{application_id}}/approve", ""): (
        "action status application_id provisioning_job_id"
    ),
    ("POST", f"{ADMIN}/access-applications/{{application_id}}/reject", ""): (
        "action status application_id provisioning_job_id"
    ),
    ("POST", f"{ADMIN}/exchange-credentials", ""): (
        "action status application_id provisioning_job_id credential_id exchange_code credential_name fingerprint updated_at"
    ),
    ("GET", f"{ADMIN}/provisioning/jobs/{{job_id}}", ""): JOB,
    ("GET", f"{ADMIN}/provisioning/jobs/{{job_id}}", "steps"): "name status started_at finished_at error_code",
    ("GET", f"{ADMIN}/provisioning/jobs", "items"): JOB,
    ("GET", f"{ADMIN}/alerts", "items"): (
        "alert_id code severity subject message details state count first_seen_at last_seen_at resolved_at runbook"
    ),
    ("GET", f"{ADMIN}/observability/summary", ""): "generated_at window_seconds runtime business",
    ("GET", f"{ADMIN}/observability/summary", "runtime"): "processes topics latency_ms websocket errors",
    ("GET", f"{ADMIN}/observability/summary", "business"): (
        "users applications orders fills notional open_alerts waitlist"
    ),
    ("GET", f"{ADMIN}/notifications/config", "email"): (
        "configured reachable host port sender tls last_success_at last_error"
    ),
    ("GET", f"{ADMIN}/notifications/config", "webhooks"): "name url_host enabled last_status",
    ("GET", "/v1/quotes", "quotes"): (
        "symbol venue last bid ask bid_size ask_size session_state ts feed_state age_ms seq bids asks"
    ),
    ("GET", "/v1/markets", "items"): (
        "tick_size lot_size min_quantity max_quantity min_notional currency multiplier initial_margin_rate "
        "maintenance_margin_rate calendar shortable"
    ),
    ("GET", "/v1/bars", "bars"): "t o h l c v vwap notional trades final revision",
    ("POST", "/v1/orders", ""): ORDER,
    ("GET", "/v1/orders", "items"): ORDER,
    ("GET", "/v1/orders/{order_id}", ""): f"{ORDER} as_of_seq",
    ("GET", "/v1/orders/by-client-id/{client_order_id}", ""): f"{ORDER} as_of_seq",
    ("GET", "/v1/orders", ""): "items next_page_token as_of_seq",
    ("POST", "/v1/orders/cancel", ""): "canceled pending failed",
    ("POST", "/v1/orders/cancel-all", ""): "canceled pending failed",
    ("POST", "/v1/orders/cancel-all-after", ""): "deadline armed",
    ("GET", "/v1/fills", "items"): ("fill_id order_id symbol side price quantity fee fee_currency liquidity ts seq"),
    ("GET", "/v1/positions", "items"): (
        "symbol net_qty avg_price mark_price unrealized_pnl realized_pnl venue asset_class currency notional margin"
    ),
    ("GET", "/v1/accounts", ""): (
        "equity available_margin maintenance_margin risk_ratio currency account_id cash unrealized_pnl realized_pnl "
        "initial_margin reserved trading_state as_of_seq"
    ),
    ("GET", "/v1/accounts/limits", ""): LIMITS,
    ("GET", "/v1/accounts/trading-state", ""): "state since set_by",
    ("PUT", "/v1/accounts/trading-state", ""): "state since set_by",
    ("GET", "/v1/risk/signals", "items"): "signal_id code severity state account_id platform symbol figures ts",
    ("GET", "/v1/access-applications/{application_id}", ""): APPLICATION,
    ("GET", f"{ADMIN}/access-applications", "items"): APPLICATION,
    ("GET", f"{ADMIN}/access-applications/{{application_id}}", ""): APPLICATION,
    ("PUT", f"{ADMIN}/accounts/{{account_id}}/limits", ""): LIMITS,
    ("GET", "/public/v1/errors", "items"): "code status retryable messages help",
    ("GET", "/public/v1/time", ""): "server_time",
    ("GET", "/public/v1/keys", "keys"): "kty kid alg use",
}
ADDED = [
    *[
        ("GET", path)
        for path in ("/openapi.json", "/docs", "/v1/user/sessions", "/v1/user/invitations", f"{ADMIN}/orders")
    ],
    *[("GET", f"{ADMIN}/{path}") for path in ("admins", "trading-halts", "provisioning/jobs")],
    *[("POST", f"/public/v1/auth/{path}") for path in ("password/forgot", "password/reset", "invitations/accept")],
    *[
        ("POST", f"/v1/user/{path}")
        for path in ("logout", "logout-all", "password", "totp", "totp/confirm", "invitations")
    ],
    *[
        ("DELETE", path)
        for path in ("/v1/user/sessions/{session_id}", "/v1/user/totp", f"{ADMIN}/trading-halts/{{halt_id}}")
    ],
    ("POST", "/public/v1/admin/auth/refresh"),
    ("POST", f"{ADMIN}/access-applications/{{application_id}}/review"),
    ("POST", f"{ADMIN}/provisioning/jobs/{{job_id}}/retry"),
    ("POST", f"{ADMIN}/alerts/{{alert_id}}/acknowledge"),
    ("POST", f"{ADMIN}/alerts/alertmanager"),
    ("POST", f"{ADMIN}/trading-halts"),
    ("POST", f"{ADMIN}/accounts/{{account_id}}/deposits"),
    ("PATCH", f"{ADMIN}/admins/{{admin_id}}"),
    ("POST", f"{ADMIN}/auth/logout"),
]


def followed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema behind a reference."""
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def properties(schema: dict[str, Any]) -> dict[str, Any]:
    """All that an object may have, parts that it is made of included."""
    schema = followed(schema)
    if schema.get("type") == "array":
        return properties(schema["items"])
    found = dict(schema.get("properties", {}))
    for part in (*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found |= properties(part)
    return found


def data_of(method: str, path: str, place: str) -> dict[str, Any]:
    answer = DOCUMENT["paths"][path][method.lower()]["responses"]["200"]["content"]["application/json"]["schema"]
    data = properties(answer)["data"]
    return properties(properties(data)[place] if place else data)


@pytest.mark.parametrize(("method", "path", "place"), PROMISED)
def test_every_promised_field_is_there_and_typed(method: str, path: str, place: str) -> None:
    found = data_of(method, path, place)
    assert set(PROMISED[method, path, place].split()) - found.keys() == set()
    assert [name for name in PROMISED[method, path, place].split() if not followed(found[name])] == []


@pytest.mark.parametrize(("method", "path"), ADDED)
def test_every_added_operation_is_there(method: str, path: str) -> None:
    assert method.lower() in DOCUMENT["paths"][path]


def test_lists_say_where_they_go_on() -> None:
    lists = {
        (method, path)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        if method == "get" and any("PageToken" in str(one) for one in operation.get("parameters", ()))
    }
    assert len(lists) > 15
    for method, path in lists:
        assert data_of(method.upper(), path, "").keys() >= {"items", "next_page_token"}, path
