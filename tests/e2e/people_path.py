"""The way of a person and of an admin, from registration to a key that is revoked, over HTTP and the WebSocket alone.

Both profiles walk it: what differs is where mails are read and how an admin of the platform comes to be.
"""

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets.sync.client
from websockets.exceptions import ConnectionClosed

from ops.cli.signing import Credentials, signed_headers

MAIL_SECONDS = 20
REVOKED_SECONDS = 2.0
Mails = Callable[[str], list[dict[str, str]]]
"""The mails to an address, newest first, each with `code` where it has one."""


@dataclass
class Hub:
    """A running platform as its clients see it. `secrets` collects everything that must stand nowhere in plain text."""

    url: str
    mails: Mails
    secrets: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, *, token: str = "", role: str = "", **sent: Any) -> httpx.Response:
        """One request; `json` is its body, writes get an idempotency key of their own."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"X-PM-ROLE": role} if role else {}
        headers |= {"Idempotency-Key": secrets.token_hex(12)} if token and method != "GET" else {}
        return httpx.request(method, self.url + path, headers=headers | sent.pop("headers", {}), timeout=20, **sent)

    def data(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        """The `data` of a request that succeeds."""
        answer = self.call(method, path, **sent)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        return dict(answer.json()["data"])

    def code_mailed_to(self, address: str, after: int) -> str:
        """The code of the mail that comes when `after` mails with a code were there before."""
        found = self._mails_with_codes(address)
        until = time.monotonic() + MAIL_SECONDS
        while len(found) <= after:
            assert time.monotonic() < until, f"no mail came within {MAIL_SECONDS} s; there are {self.mails(address)}"
            time.sleep(0.05)
            found = self._mails_with_codes(address)
        self.secrets[f"code {after + 1} of {address}"] = found[0]["code"]
        return found[0]["code"]

    def _mails_with_codes(self, address: str) -> list[dict[str, str]]:
        return [mail for mail in self.mails(address) if mail.get("code")]


@dataclass
class Person:
    """Somebody with an address and a password; `door` is `""` for users and `/admin` for admins."""

    hub: Hub
    email: str
    password: str
    door: str = ""
    role: str = ""
    codes: int = 0
    tokens: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hub.secrets[f"password of {self.email}"] = self.password

    @property
    def token(self) -> str:
        return str(self.tokens["access_token"])

    def register(self) -> dict[str, Any]:
        body = {
            "email": self.email,
            "password": self.password,
            "display_name": "Ada Byron",
            "preferred_language": "ja-JP",
        }
        body |= {"role": self.role} if self.door else {"company_name": "Analytical Engines", "country_region": "GB"}
        return self.hub.data("POST", f"/public/v1{self.door}/auth/register", json=body)

    def verify(self) -> dict[str, Any]:
        body = {"email": self.email, "verification_code": self.next_code()}
        return self.hub.data("POST", f"/public/v1{self.door}/auth/verify-email", json=body)

    def begin_login(self) -> httpx.Response:
        body = {"email": self.email, "password": self.password} | self._role
        return self.hub.call("POST", f"/public/v1{self.door}/auth/login", json=body)

    def log_in(self) -> None:
        begun = self.begin_login()
        assert begun.status_code == 200, begun.text
        challenge = begun.json()["data"]["challenge_id"]
        body = {"email": self.email, "challenge_id": challenge, "otp_code": self.next_code()} | self._role
        self.tokens = self.hub.data("POST", f"/public/v1{self.door}/auth/login/verify-otp", json=body)
        self._remember_tokens("log in")

    def refresh(self) -> None:
        body = {"refresh_token": self.tokens["refresh_token"]}
        self.tokens = self.hub.data("POST", f"/public/v1{self.door}/auth/refresh", json=body)
        self._remember_tokens("refresh")

    def next_code(self) -> str:
        code = self.hub.code_mailed_to(self.email, self.codes)
        self.codes += 1
        return code

    @property
    def _role(self) -> dict[str, str]:
        return {"role": self.role} if self.door else {}

    def _remember_tokens(self, when: str) -> None:
        for name in ("access_token", "refresh_token"):
            self.hub.secrets[f"{name} of {self.email} at {when}"] = self.tokens[name]


def local_hub(line: Mapping[str, Any], kept: dict[str, str]) -> tuple[Hub, Person]:
    """The local profile of that JSON line, mails read from its inbox, secrets put into `kept`; and its super_admin."""
    hub = Hub(
        line["http"], lambda address: [mail for mail in httpx.get(line["inbox"]).json() if mail["to"] == address], kept
    )
    admin = line["demo"]["admin"]
    return hub, Person(hub, admin["email"], admin["password"], "/admin", "super_admin")


def _standing_alone(secret: str) -> str:
    """A code of six digits may be a part of a number with a point."""
    before, after = (
        (r"(?<![0-9A-Za-z.])", r"(?![0-9A-Za-z]|\.[0-9])")
        if secret.isdigit()
        else (r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])")
    )
    return f"{before}{re.escape(secret)}{after}"


def stands_nowhere(hub: Hub, **places: str) -> None:
    """No secret of the path in any of the places (a code of six digits only where it stands alone)."""
    found = {
        f"{what} in the {place}"
        for place, text in places.items()
        for what, secret in hub.secrets.items()
        if re.search(_standing_alone(secret), text)
    }
    assert not found
    assert all(places.values())


def signed_quotes(hub: Hub, key: dict[str, Any]) -> httpx.Response:
    """`GET /v1/quotes` as that key."""
    target = "/v1/quotes?symbols=BTCUSDT.BINANCE"
    headers = signed_headers(Credentials(hub.url, key["key_id"], key["api_secret"]), "GET", target)
    hub.secrets[f"signature {len(hub.secrets)}"] = headers["X-PM-SIGNATURE"]
    return httpx.get(hub.url + target, headers=headers)


@contextmanager
def subscribed(hub: Hub, key: dict[str, Any]) -> Iterator[websockets.sync.client.ClientConnection]:
    """A socket of that key which gets quotes."""
    headers = signed_headers(Credentials(hub.url, key["key_id"], key["api_secret"]), "GET", "/v1/ws")
    payload = {name.removeprefix("X-PM-").lower().replace("-", "_"): value for name, value in headers.items()}
    hub.secrets[f"signature {len(hub.secrets)}"] = payload["signature"]
    with websockets.sync.client.connect("ws" + hub.url.removeprefix("http") + "/v1/ws", max_size=None) as socket:
        for request in ({"op": "auth", "payload": payload}, {"op": "subscribe", "payload": {"topics": ["quotes.*"]}}):
            socket.send(json.dumps({"id": request["op"], **request}))
            answer = json.loads(socket.recv(10))
            assert answer["ok"], answer
        yield socket


def closed_with(socket: websockets.sync.client.ClientConnection, seconds: float) -> int | None:
    """The code with which the server closes within `seconds`; None when it does not."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            socket.recv(left)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
        except TimeoutError:
            return None
    return None


def walk_as_user(hub: Hub) -> Person:
    """Register, verify, log in with a mailed code, refresh, make a key, read with it, revoke it."""
    person = Person(hub, f"ada.{secrets.token_hex(4)}@example.com", f"correct horse {secrets.token_hex(6)}")
    registered = person.register()
    assert registered["status"] == "pending_verification"
    assert person.begin_login().json()["error"]["code"] == "auth.email_not_verified"
    assert person.verify()["status"] == "active"
    person.log_in()
    person.refresh()
    me = hub.data("GET", "/v1/user/me", token=person.token)
    assert (me["email"], me["user_id"]) == (person.email, registered["user_id"])
    key = hub.data("POST", "/v1/user/api-keys", token=person.token, json={"label": "first"})
    hub.secrets[f"secret of {key['key_id']}"] = key["api_secret"]
    assert signed_quotes(hub, key).status_code == 200
    with subscribed(hub, key) as socket:
        hub.data("DELETE", f"/v1/user/api-keys/{key['key_id']}", token=person.token)
        revoked_at = time.monotonic()
        assert closed_with(socket, REVOKED_SECONDS) == 4403
    while (answer := signed_quotes(hub, key)).status_code == 200:
        assert time.monotonic() - revoked_at < REVOKED_SECONDS, "the revoked key still reads"
        time.sleep(0.05)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "auth.key_revoked")
    return person


def be_refused(hub: Hub, person: Person, key_id: str) -> None:
    """Come with a wrong password, token, refresh token and signature: what is refused is what one would like to log."""
    wrong = {what: f"wrong-{secrets.token_hex(12)}" for what in ("password", "access_token", "refresh_token")}
    hub.secrets |= {f"wrong {what}": sent for what, sent in wrong.items()}
    door = f"/public/v1{person.door}/auth"
    for answer, code in (
        (
            hub.call("POST", f"{door}/login", json={"email": person.email, "password": wrong["password"]}),
            "auth.credentials_invalid",
        ),
        (hub.call("GET", "/v1/user/me", token=wrong["access_token"]), "auth.token_invalid"),
        (
            hub.call("POST", f"{door}/refresh", json={"refresh_token": wrong["refresh_token"]}),
            "auth.refresh_invalid",
        ),
        (signed_quotes(hub, {"key_id": key_id, "api_secret": "wrong"}), "auth.signature_invalid"),
    ):
        assert answer.json()["error"]["code"] == code, answer.text


def walk_as_admin(hub: Hub, super_admin: Person, *, approval: bool) -> Person:
    """Register as a compliance admin, be activated by a super_admin where that is asked for, log in, do what the role may."""
    admin = Person(
        hub,
        f"grace.{secrets.token_hex(4)}@example.com",
        f"correct horse {secrets.token_hex(6)}",
        "/admin",
        "compliance_admin",
    )
    registered = admin.register()
    assert admin.verify()["status"] == ("pending_approval" if approval else "active")
    if approval:
        refused = admin.begin_login()
        assert refused.json()["error"]["code"] == "auth.approval_pending", refused.text
        path = f"/internal/v1/admin/admins/{registered['admin_id']}"
        hub.data("PATCH", path, token=super_admin.token, role="super_admin", json={"status": "active"})
    admin.log_in()
    users = hub.data("GET", "/internal/v1/admin/users", token=admin.token, role=admin.role)
    assert users["items"]
    refused = hub.call("GET", "/internal/v1/admin/admins", token=admin.token, role=admin.role)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "admin.forbidden")
    return admin


def suspend_and_feel(hub: Hub, super_admin: Person, person: Person) -> None:
    """A suspended user's key, token and socket are refused within 2 s, and come back with the user (not the session)."""
    key = hub.data("POST", "/v1/user/api-keys", token=person.token, json={"label": "second"})
    hub.secrets[f"secret of {key['key_id']}"] = key["api_secret"]
    user_id = hub.data("GET", "/v1/user/me", token=person.token)["user_id"]
    path = f"/internal/v1/admin/users/{user_id}/status"
    with subscribed(hub, key) as socket:
        hub.data(
            "PATCH", path, token=super_admin.token, role="super_admin", json={"status": "suspended", "reason": "a test"}
        )
        suspended_at = time.monotonic()
        assert closed_with(socket, REVOKED_SECONDS) == 4403
    while (
        signed_quotes(hub, key).status_code == 200
        or hub.call("GET", "/v1/user/me", token=person.token).status_code == 200
    ):
        assert time.monotonic() - suspended_at < REVOKED_SECONDS, "a suspended user is still served"
        time.sleep(0.05)
    hub.data("PATCH", path, token=super_admin.token, role="super_admin", json={"status": "active"})
    active_at = time.monotonic()
    while signed_quotes(hub, key).status_code != 200:
        assert time.monotonic() - active_at < REVOKED_SECONDS, "an active user's key is still refused"
        time.sleep(0.05)
    assert hub.call("GET", "/v1/user/me", token=person.token).status_code == 401
