"""People of the tests: they register, read their mails, log in and call, over a gateway of conftest.py."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from storage.models.people import Admin, AdminRole
from storage.mongo.migrations import migrate

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "staple battery horse correct"


@dataclass(frozen=True)
class Answer:
    """One answer, and what was asked."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return dict(json.loads(self.raw))

    @property
    def data(self) -> dict[str, Any]:
        assert self.status == 200, (self.method, self.path, self.raw)
        return dict(self.body["data"])

    @property
    def error(self) -> dict[str, Any]:
        assert self.status >= 400, (self.method, self.path, self.raw)
        return dict(self.body["error"])

    @property
    def code(self) -> str:
        return "ok" if self.status == 200 else str(self.error["code"])


@dataclass
class Person:
    """Somebody who has logged in. `role` is an admin's."""

    email: str
    identity: str
    token: str
    refresh_token: str
    shown: dict[str, Any]
    role: AdminRole | None = None
    password: str = field(default=PASSWORD, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} | ({"X-PM-ROLE": self.role} if self.role else {})


class Town:
    """Where people live: a gateway, its mailbox, and whoever was asked for."""

    def __init__(self, gateway: Any) -> None:
        self.gateway, self.place, self.clock = gateway, gateway.place, gateway.clock
        self.mailbox = self.place.mailbox

    async def open(self) -> "Town":
        """Make the indexes: that an address is taken is found by one."""
        await migrate(self.place.platform.store.database, self.clock)
        return self

    async def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        person: Person | None = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request. A write of a person has an idempotency key of its own, unless one is given ("": none)."""
        sent = dict(person.headers) if person else {}
        if person and method != "GET":
            sent["Idempotency-Key"] = secrets.token_hex(12) if key is None else key
        sent |= {"Content-Type": "application/json"} if body is not None else {}
        sent = {name: value for name, value in (sent | dict(headers or {})).items() if value}
        content = {} if body is None else {"data": body if isinstance(body, bytes) else json.dumps(body).encode()}
        response = await self.gateway.open(method, target, sent, **content)
        raw = await response.get_data()
        return Answer(method, target.partition("?")[0], response.status_code, response.headers, raw)

    async def feel(self) -> None:
        """A second goes by for the caches."""
        await self.gateway.session_cache.refresh()
        await self.gateway.authenticator.refresh()

    async def code(self, email: str) -> str:
        """The newest code that was mailed."""
        return await self.mailbox.secret(email, "code")

    async def registered(self, email: str | None = None, **fields: Any) -> str:
        """The address of a user whose address is verified."""
        email = email or f"ada.{secrets.token_hex(4)}@example.com"
        assert (await self.call("POST", "/public/v1/auth/register", registration(email, **fields))).status == 200
        body = {"email": email, "verification_code": await self.code(email)}
        assert (await self.call("POST", "/public/v1/auth/verify-email", body)).status == 200
        return email

    async def logged_in(self, email: str | None = None, **fields: Any) -> Person:
        """A user with a session; a new one unless `email` is of a registered one."""
        email = email or await self.registered(**fields)
        return await self.log_in("/public/v1/auth", email)

    async def admin(self, role: AdminRole = "super_admin") -> Person:
        """An active admin of that role with a session."""
        email = f"{role}.{secrets.token_hex(4)}@hub.example"
        admin = Admin(
            admin_id=self.place.platform.identifiers.new("adm"),
            role=role,
            email=email,
            display_name="Grace Hopper",
            status="active",
            password_hash=await self.gateway.people.identity.passwords.hash(PASSWORD),
            created_at=self.clock.now(),
            verified_at=self.clock.now(),
        )
        await self.place.admins.insert(admin)
        return await self.log_in("/public/v1/admin/auth", email, role)

    async def log_in(self, door: str, email: str, role: AdminRole | None = None, password: str = PASSWORD) -> Person:
        """Password, mailed code, tokens."""
        who = {"email": email} | ({"role": role} if role else {})
        begun = (await self.call("POST", f"{door}/login", who | {"password": password})).data
        code = {"challenge_id": begun["challenge_id"], "otp_code": await self.code(email)}
        opened = (await self.call("POST", f"{door}/login/verify-otp", who | code)).data
        shown = opened["admin" if role else "user"]
        identity = shown["admin_id" if role else "user_id"]
        return Person(email, identity, opened["access_token"], opened["refresh_token"], shown, role, password)

    async def api_key(self, person: Person, **fields: Any) -> dict[str, Any]:
        """A new key with its secret."""
        return (await self.call("POST", "/v1/user/api-keys", fields, person)).data


def registration(email: str, **fields: Any) -> dict[str, Any]:
    """What a user registers with."""
    return {
        "email": email, "password": PASSWORD, "display_name": "Ada Byron", "company_name": "Analytical Engines",
        "country_region": "GB", **fields,
    }  # fmt: skip
