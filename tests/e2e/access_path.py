"""The way of an institution: it applies, an admin rules, a job provisions it to its first order; and what happens when it cannot.

Both profiles walk it, over HTTP alone but for the faults, which an operator sets. What differs between them is where mails are
read and how an admin comes to be.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from joserfc import jwe
from joserfc.jwe import JWERegistry
from joserfc.jwk import RSAKey

from ops.cli.signing import Credentials, signed_headers
from tests.e2e.people_path import MAIL_SECONDS, Hub, Person

ROOT = "/internal/v1/admin"
APPLICATIONS, BINDINGS, ORDERS = "/v1/access-applications", "/v1/access-bindings", "/v1/orders"
ALL_SCOPES = ["market:read", "account:read", "trade:read", "trade:write", "access:read", "access:write", "stream"]
PROVISIONED_SECONDS = 60
GIVEN_UP_SECONDS = 90
FELT_SECONDS = 20
SYMBOLS = {"BINANCE": "BTCUSDT.BINANCE", "OANDA": "EURUSD.OANDA"}
WHAT_PASSES = {"account.not_open", "market.stale_quote", "order.expired_in_transit", "order.outcome_unknown"}
"""Why an order may be refused for a moment: a gateway has not heard of the account yet, or the machine is behind."""
Fault = Callable[[str, str], None]
"""Sets what a connector does wrong: none, refuse, timeout or down."""


def eventually(look: Callable[[], Any], seconds: float, what: str) -> Any:
    """What `look` gives as soon as it is something."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, f"{what}: not within {seconds} s"
        time.sleep(0.1)
    return found


@dataclass
class Back:
    """The back office: a super_admin's hands."""

    hub: Hub
    admin: Person

    def data(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        sent = {} if body is None else {"json": body}
        return self.hub.data(method, ROOT + path, token=self.admin.token, role="super_admin", **sent)

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        sent = {} if body is None else {"json": body}
        return self.hub.call(method, ROOT + path, token=self.admin.token, role="super_admin", **sent)

    def approve(self, application_id: str, **policy: Any) -> str:
        """The id of the application's job."""
        body = {"review_note": "known to us", "provision_policy": policy}
        approved = self.data("POST", f"/access-applications/{application_id}/approve", body)
        assert (approved["action"], approved["application_id"]) == ("approve", application_id)
        return str(approved["provisioning_job_id"])

    def job_ends(self, job_id: str, seconds: float) -> dict[str, Any]:
        """The job once it is over."""

        def over() -> dict[str, Any] | None:
            job = self.data("GET", f"/provisioning/jobs/{job_id}")
            return job if job["status"] in {"succeeded", "rolled_back"} else None

        return dict(eventually(over, seconds, f"the end of {job_id}"))

    def until_connector_is(self, connector: str, status: str) -> None:
        """Health checks have felt it."""

        def felt() -> bool:
            states = self.data("GET", "/connectors/availability")["items"]
            return any((one["connector"], one["status"]) == (connector, status) for one in states)

        eventually(felt, FELT_SECONDS, f"{connector} {status}")


@dataclass
class Institution:
    """A tenant: its owner, a key with all scopes, and the address that its applications name."""

    hub: Hub
    owner: Person
    caller: Credentials
    contact: str
    applications: list[str] = field(default_factory=list)

    @classmethod
    def registered(cls, hub: Hub) -> "Institution":
        """One that is new."""
        name = secrets.token_hex(4)
        owner = Person(hub, f"owner.{name}@example.com", f"correct horse {secrets.token_hex(6)}")
        owner.register()
        owner.verify()
        owner.log_in()
        body = {"label": "trading", "scopes": ALL_SCOPES}
        key = hub.data("POST", "/v1/user/api-keys", token=owner.token, json=body)
        hub.secrets[f"secret of {key['key_id']}"] = key["api_secret"]
        caller = Credentials(hub.url, key["key_id"], key["api_secret"])
        return cls(hub, owner, caller, f"desk.{name}@example.com")

    def signed(self, method: str, target: str, body: Any = None, language: str = "en-US") -> httpx.Response:
        """A signed request; a write has a key of its own."""
        raw = b"" if body is None else json.dumps(body).encode()
        key = "" if body is None else secrets.token_hex(12)
        headers = signed_headers(self.caller, method, target, key, raw) | {"Accept-Language": language}
        headers |= {} if body is None else {"Content-Type": "application/json"}
        return httpx.request(method, self.hub.url + target, headers=headers, content=raw, timeout=20)

    def data(self, method: str, target: str, body: Any = None, language: str = "en-US") -> dict[str, Any]:
        """The `data` of a signed request that succeeds."""
        answer = self.signed(method, target, body, language)
        assert answer.status_code == 200, f"{method} {target}: {answer.status_code} {answer.text}"
        return dict(answer.json()["data"])

    def apply(self, *exchanges: str, language: str = "en-US") -> str:
        """The id of a new application."""
        markets = {"BINANCE": "crypto", "OANDA": "fx"}
        body = {
            "contact_email": self.contact, "target_markets": [markets[one] for one in exchanges],
            "target_exchanges": list(exchanges), "expected_monthly_volume": "1000000", "preferred_language": language,
        }  # fmt: skip
        submitted = self.data("POST", APPLICATIONS, body)
        assert submitted["status"] == "submitted"
        self.applications.append(submitted["application_id"])
        return str(submitted["application_id"])

    def application(self, application_id: str, language: str = "en-US") -> dict[str, Any]:
        return self.data("GET", f"{APPLICATIONS}/{application_id}", language=language)

    def bindings(self) -> dict[str, tuple[str, str]]:
        """Exchange -> connector and status."""
        items = self.data("GET", BINDINGS)["items"]
        return {one["exchange_code"]: (one["connector"], one["binding_status"]) for one in items}

    def has_no_account(self) -> bool:
        """Whether nothing is open to this tenant: neither in its profile nor for its key."""
        profile = self.hub.data("GET", "/v1/user/me", token=self.owner.token)
        refused = self.signed("POST", ORDERS, market_order("BINANCE"))
        closed = refused.status_code == 409 and refused.json()["error"]["code"] == "account.not_open"
        return profile["account_ids"] == [] and closed

    def first_order(self, exchange: str) -> dict[str, Any]:
        """An order that is filled, as soon as gateways have heard of the account."""

        def filled() -> dict[str, Any] | None:
            answer = self.signed("POST", ORDERS, market_order(exchange))
            if answer.status_code == 200:
                return dict(answer.json()["data"])
            assert answer.json()["error"]["code"] in WHAT_PASSES, answer.text
            return None

        placed = eventually(filled, FELT_SECONDS, f"an order at {exchange}")

        def shown() -> dict[str, Any] | None:
            order = self.signed("GET", f"{ORDERS}/{placed['order_id']}")
            found = order.json()["data"] if order.status_code == 200 else {}
            return found if found.get("status") == "filled" else None

        return dict(eventually(shown, FELT_SECONDS, f"the fill of {placed['order_id']}"))

    def mailed(self, count: int = 1) -> dict[str, str]:
        """The newest mail to the contact, once there are so many."""
        mails = eventually(
            lambda: found if len(found := self.hub.mails(self.contact)) >= count else None, MAIL_SECONDS, "a mail"
        )
        assert len(mails) == count
        return dict(mails[0])


def market_order(exchange: str) -> dict[str, str]:
    quantity = "0.01" if exchange == "BINANCE" else "1000"
    return {"symbol": SYMBOLS[exchange], "side": "buy", "type": "market", "quantity": quantity}


def walk_to_the_first_order(hub: Hub, back: Back) -> None:
    """Apply, reviewed, approved twice, provisioned, told, and an order fills."""
    tenant = Institution.registered(hub)
    assert tenant.has_no_account()
    application_id = tenant.apply("BINANCE", "OANDA", language="ja-JP")
    listed = back.data("GET", "/access-applications?status=submitted&exchange_code=OANDA&market=fx")["items"]
    assert application_id in {one["application_id"] for one in listed}
    assert back.data("POST", f"/access-applications/{application_id}/review", {})["status"] == "reviewing"
    assert tenant.application(application_id)["status"] == "reviewing"
    job_id = back.approve(application_id, priority_exchanges=["OANDA"])
    assert back.approve(application_id) == job_id
    job = back.job_ends(job_id, PROVISIONED_SECONDS)
    assert job["status"] == "succeeded", job
    assert [step["status"] for step in job["steps"]] == ["done"] * 6
    shown = tenant.application(application_id, language="ja-JP")
    assert (shown["status"], shown["status_label"], shown["provisioning"]["status"]) == ("active", "有効", "succeeded")
    assert tenant.bindings() == {"BINANCE": ("sim-a", "active"), "OANDA": ("sim-a", "active")}
    assert "OANDA" in tenant.mailed()["text"]
    for exchange in SYMBOLS:
        assert tenant.first_order(exchange)["filled_quantity"] != "0"
    assert back.approve(application_id) == job_id
    answer = back.call("POST", f"/access-applications/{application_id}/reject", {"reject_reason_code": "late"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "application.wrong_state")


def walk_to_a_rejection(hub: Hub, back: Back) -> None:
    """Applied and rejected: the contact hears why, nothing is open, and no approval comes after it."""
    tenant = Institution.registered(hub)
    application_id = tenant.apply("BINANCE", language="zh-CN")
    body = {"reject_reason_code": "licence.missing", "reject_message": "The licence is missing."}
    rejected = back.data("POST", f"/access-applications/{application_id}/reject", body)
    assert rejected["status"] == "rejected"
    mail = tenant.mailed()
    assert "The licence is missing." in mail["text"]
    assert application_id in mail["text"]
    shown = tenant.application(application_id, language="zh-CN")
    assert (shown["status_label"], shown["reject_reason_code"]) == ("已拒绝", "licence.missing")
    answer = back.call("POST", f"/access-applications/{application_id}/approve", {})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "application.wrong_state")
    assert tenant.bindings() == {}
    assert tenant.has_no_account()


def walk_with_a_fallback(hub: Hub, back: Back, fault: Fault) -> None:
    """The first connector is down: the tenant is bound to the second one, and trades through it."""
    tenant = Institution.registered(hub)
    application_id = tenant.apply("BINANCE")
    fault("sim-a", "down")
    job = back.job_ends(back.approve(application_id, fallback_enabled=True), PROVISIONED_SECONDS)
    assert job["status"] == "succeeded", job
    assert tenant.bindings() == {"BINANCE": ("sim-b", "active")}
    assert tenant.first_order("BINANCE")["status"] == "filled"
    fault("sim-a", "none")
    back.until_connector_is("sim-a", "up")


def walk_to_a_failure_and_back(hub: Hub, back: Back, fault: Fault) -> None:
    """No fallback is allowed and the connector stays down: everything is undone, and a retry after mending succeeds."""
    tenant = Institution.registered(hub)
    application_id = tenant.apply("BINANCE")
    fault("sim-a", "down")
    job_id = back.approve(application_id, fallback_enabled=False)
    job = back.job_ends(job_id, GIVEN_UP_SECONDS)
    assert (job["status"], job["error_code"]) == ("rolled_back", "connector.unavailable"), job
    _is_undone(tenant, application_id, "connector.unavailable")
    fault("sim-a", "none")
    back.until_connector_is("sim-a", "up")
    _succeeds_again(tenant, back, job_id, "BINANCE")


def walk_with_an_unreadable_credential(hub: Hub, back: Back) -> None:
    """A credential that nobody can open fails for good at once, with the account open already; a readable one mends it."""
    tenant = Institution.registered(hub)
    _put_credential(back, {"api_key_ciphertext": "not a JWE", "api_secret_ciphertext": "not a JWE"})
    application_id = tenant.apply("OANDA")
    job_id = back.approve(application_id)
    job = back.job_ends(job_id, PROVISIONED_SECONDS)
    assert (job["status"], job["error_code"]) == ("rolled_back", "credential.unreadable"), job
    assert {step["name"]: step["status"] for step in job["steps"]}["open_account"] == "undone"
    _is_undone(tenant, application_id, "credential.unreadable")
    published = hub.data("GET", "/public/v1/keys")["keys"]
    key = next(one for one in published if one.get("use") == "enc" and one["kty"] == "RSA")
    hub.secrets["the API key of an exchange"], hub.secrets["its secret"] = secrets.token_hex(12), secrets.token_hex(12)
    parts = {
        "api_key_ciphertext": hub.secrets["the API key of an exchange"],
        "api_secret_ciphertext": hub.secrets["its secret"],
    }
    _put_credential(back, {name: _encrypted(key, text) for name, text in parts.items()})
    _succeeds_again(tenant, back, job_id, "OANDA")


def _is_undone(tenant: Institution, application_id: str, code: str) -> None:
    """Nothing of a failed job is left but its reason, which its tenant can read in each language."""
    said = {}
    for language in ("en-US", "zh-CN", "ja-JP"):
        shown = tenant.application(application_id, language)
        assert (shown["status"], shown["failure"]["code"]) == ("approved", code)
        said[language] = shown["failure"]["message"]
    assert len(set(said.values())) == 3
    assert all(status == "failed" for _, status in tenant.bindings().values())
    eventually(tenant.has_no_account, FELT_SECONDS, "no account")
    assert tenant.hub.mails(tenant.contact) == []


def _succeeds_again(tenant: Institution, back: Back, job_id: str, exchange: str) -> None:
    """A retry of the same job brings the tenant to its first order."""
    retried = back.data("POST", f"/provisioning/jobs/{job_id}/retry", {})
    assert (retried["job_id"], retried["attempt"]) == (job_id, 2)
    job = back.job_ends(job_id, PROVISIONED_SECONDS)
    assert job["status"] == "succeeded", job
    shown = tenant.application(tenant.applications[-1])
    assert (shown["status"], shown["failure"]) == ("active", None)
    assert tenant.bindings() == {exchange: ("sim-a", "active")}
    assert tenant.first_order(exchange)["status"] == "filled"
    tenant.mailed()


def _put_credential(back: Back, parts: Mapping[str, str]) -> None:
    body = {"exchange_code": "OANDA", "credential_name": "main", **parts}
    assert back.data("POST", "/exchange-credentials", body)["action"] == "upsert"


def _encrypted(key: Mapping[str, Any], text: str) -> str:
    """A compact JWE of `text` to a published key, as a client makes it."""
    header = {"alg": key["alg"], "enc": "A256GCM", "kid": key["kid"]}
    registry = JWERegistry(algorithms=[key["alg"], "A256GCM"])
    return str(jwe.encrypt_compact(header, text.encode(), RSAKey.import_key(dict(key)), registry=registry))
