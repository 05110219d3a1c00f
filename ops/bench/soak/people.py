"""The soak's people: logins with a code that comes by mail, through a real mail server in this process."""

import asyncio
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Final

import httpx
from aiosmtpd.controller import Controller

from ops.bench.ports import free_port
from ops.bench.soak.told import Told
from ops.processes.platform import opened_platform
from ops.runtime.settings import Settings
from storage.models.people import User
from storage.models.tenants import Tenant
from storage.mongo.tenants import Tenants
from storage.mongo.users import Users
from storage.passwords import Passwords, standard_hasher

PEOPLE: Final = 40
_PASSWORD: Final = f"correct horse {secrets.token_hex(8)}"
_CODE: Final = re.compile(r"(?<!\d)(\d{6})(?!\d)")
_MAIL_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.05


class Mailboxes:
    """The last code that was mailed to each address."""

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  (the server's name)
        """Take a mail."""
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        body = parsed.get_body(("plain",)) if isinstance(parsed, EmailMessage) else None
        found = _CODE.search(body.get_content() if body is not None else "")
        if found is not None:
            self.codes.update(dict.fromkeys(envelope.rcpt_tos, found[1]))
        return "250 taken"


@contextmanager
def mail_server() -> Iterator[tuple[str, Mailboxes]]:
    """Its URL as settings name it, and what it takes."""
    boxes = Mailboxes()
    controller = Controller(boxes, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{controller.port}", boxes
    finally:
        controller.stop()


async def register(settings: Settings) -> list[str]:
    """People who can log in, put into the store as they stand after their registration; their addresses."""
    addresses = [f"somebody{number}@soak.example" for number in range(PEOPLE)]
    async with opened_platform(settings) as platform:
        users, now = Users(platform.store.database), platform.clock.now()
        password_hash = await Passwords(standard_hasher()).hash(_PASSWORD)
        tenant = Tenant(tenant_id=platform.identifiers.new("ten"), name="Somewhere", created_at=now)
        await Tenants(platform.store.database).insert(tenant)
        for address in addresses:
            user = User(
                user_id=platform.identifiers.new("usr"),
                tenant_id=tenant.tenant_id,
                email=address,
                display_name="Somebody",
                company_name=tenant.name,
                country_region="GB",
                status="active",
                password_hash=password_hash,
                created_at=now,
                verified_at=now,
            )
            await users.insert(user)
    return addresses


class Logins:
    """Each login: password, the mailed code, a read with the token, and a refresh."""

    def __init__(
        self, http: httpx.AsyncClient, gateways: Sequence[str], people: Sequence[str], boxes: Mailboxes, told: Told
    ) -> None:
        self._http, self._gateways, self._people, self._boxes, self._told = http, gateways, people, boxes, told

    async def log_in(self, number: int) -> None:
        """One login from beginning to end; where it fails is counted by the code of the answer."""
        email, gateway = self._people[number % len(self._people)], self._gateways[number % len(self._gateways)]
        self._boxes.codes.pop(email, None)
        door, began = f"{gateway}/public/v1/auth", time.perf_counter_ns()
        begun = await self._post(f"{door}/login", {"email": email, "password": _PASSWORD})
        code = await self._code(email) if begun is not None else None
        if begun is None or code is None:
            return
        self._told.took("mail", time.perf_counter_ns() - began)
        given = {"email": email, "challenge_id": begun["challenge_id"], "otp_code": code}
        tokens = await self._post(f"{door}/login/verify-otp", given)
        if tokens is None:
            return
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        await self._data("GET", f"{gateway}/v1/user/me", headers=headers)
        await self._post(f"{door}/refresh", {"refresh_token": tokens["refresh_token"]})
        self._told.took("login", time.perf_counter_ns() - began)

    async def _code(self, email: str) -> str | None:
        until = time.monotonic() + _MAIL_SECONDS
        while (code := self._boxes.codes.get(email)) is None:
            if time.monotonic() > until:
                self._told.count(f"login: no mail within {_MAIL_SECONDS:g} s")
                return None
            await asyncio.sleep(_LOOK_SECONDS)
        return code

    async def _post(self, url: str, body: dict[str, str]) -> Any:
        return await self._data("POST", url, json=body)

    async def _data(self, method: str, url: str, **sent: Any) -> Any:
        what = f"login {url.rpartition('/')[2]}"
        try:
            answer = await self._http.request(method, url, **sent)
        except httpx.HTTPError as error:
            self._told.count(f"{what}: {type(error).__name__}")
            return None
        body = answer.json()
        self._told.count(f"{what}: {'ok' if answer.status_code == 200 else body['error']['code']}")
        return body["data"] if answer.status_code == 200 else None
