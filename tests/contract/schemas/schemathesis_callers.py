"""People who call for schemathesis: a new session for each request, since many of the requests end the one they are made with."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from ops.runtime.identifiers import SystemIdentifiers
from storage.models.applications import Application
from storage.models.people import Audience
from storage.models.sessions import Session
from storage.mongo.applications import Applications
from tests.contract.people import Person, Town
from tests.integration.orders.trading_place import ACCOUNT

Result = TypeVar("Result")
YEAR = 365 * 86_400_000_000_000


class Callers:
    """A user and a super_admin, whom nobody suspends, and the ids of what there is beside them."""

    def __init__(self, town: Town, loop: asyncio.AbstractEventLoop) -> None:
        self._town, self._loop = town, loop
        self.user, self.admin, self.ids = self.wait(self._settle())

    def wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of work on the gateway's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def headers(self, audience: Audience) -> dict[str, str]:
        """Those of a request with a session of its own."""
        caller = self.user if audience == "user" else self.admin
        session_id = SystemIdentifiers().new("ses")
        self.wait(self._insert(session_id, audience, caller))
        place = self._town.place
        token = place.access_tokens.issue(
            audience, caller.identity, session_id, caller.role, place.platform.clock.now()
        )
        return {"Authorization": f"Bearer {token}"}

    async def _settle(self) -> tuple[Person, Person, dict[str, str]]:
        await self._town.open()
        user, admin = await self._town.logged_in(), await self._town.admin()
        other_user, other_admin = await self._town.logged_in(), await self._town.admin("ops_admin")
        key = await self._town.api_key(user)
        halt = {"scope": "symbol", "target": "AAPL.US", "level": "reducing"}
        halted = await self._town.call("POST", "/internal/v1/admin/trading-halts", halt, admin)
        await self._applied("app_1")
        ids = {
            "application_id": "app_1", "job_id": "job_1", "connector_id": "sim-b", "connector": "sim-b", "alert_id": "alt_none",
            "user_id": other_user.identity, "admin_id": other_admin.identity, "account_id": ACCOUNT,
            "key_id": key["key_id"], "halt_id": halted.data["halt_id"], "session_id": "ses_none",
        }  # fmt: skip
        return user, admin, ids

    async def _applied(self, application_id: str) -> None:
        """An application that somebody has submitted."""
        now = self._town.clock.now()
        application = Application(
            application_id=application_id, tenant_id="ten_1", contact_email="ada@example.com", target_markets=("crypto",),
            target_exchanges=("BINANCE",), submitted_at=now, updated_at=now,
        )  # fmt: skip
        await Applications(self._town.place.platform.store.database).insert(application)

    async def _insert(self, session_id: str, audience: Audience, caller: Person) -> None:
        now = self._town.clock.now()
        session = Session(
            session_id=session_id, audience=audience, subject_id=caller.identity, refresh_hash="h", created_at=now,
            last_used_at=now, expires_at=now + YEAR, ip="::1", user_agent="test",
        )  # fmt: skip
        await self._town.place.sessions.insert(session)
