"""Users, as admins see them: the list, a user's API keys, and the status, which ends sessions, keys and sockets."""

from typing import Any, Final, cast

from gateway.admin.acts import Values, act_of, busy, encode, with_reason
from gateway.admin.parts import AdminParts
from gateway.http.calls import BearerCall
from gateway.http.fields import BodyReader
from gateway.http.listing import NewestFirst, page_asked, page_of
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from gateway.identity.people.key_view import key_view
from gateway.identity.people.person_view import user_view
from ops.runtime.errors import HubError
from ops.runtime.timestamps import format_timestamp
from storage.models.audit import AuditEvent
from storage.models.people import User, UserStatus
from storage.models.tenants import ApiKey
from storage.mongo.failures import REPLACE_TRIES
from storage.mongo.users import cursor_of

_STATUSES: Final = ("pending_verification", "active", "suspended", "closed")
_SETTABLE: Final = ("active", "suspended", "closed")


class UserDesk:
    """Reads and rules about users."""

    def __init__(self, parts: AdminParts, tokens: PageTokens) -> None:
        self._parts, self._tokens = parts, tokens

    async def list(self, call: BearerCall) -> bytes:
        """Users newest first; filters `status`, `keyword`. Raises `request.invalid` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        status = cast("UserStatus | None", reader.choice("status", _STATUSES))
        keyword = reader.text("keyword")
        asked = page_asked(reader)
        reader.finish()
        page = NewestFirst("users", {"status": status, "keyword": keyword}, asked, self._tokens)
        found = await self._parts.users.page(status, keyword, page.after, page.size + 1)
        users, token = page.cut(found, cursor_of)
        tenants = await self._parts.tenants.get_many({user.tenant_id for user in users})
        accounts = {tenant.tenant_id: tenant.account_ids for tenant in tenants.values()}
        items = [user_view(user, accounts.get(user.tenant_id, ())) for user in users]
        return encode({"items": items, "next_page_token": token})

    async def keys(self, call: BearerCall) -> bytes:
        """The API keys that a user has made, oldest first. Raises as `list` does, and `user.not_found`."""
        reader = QueryReader(call.query)
        asked = page_asked(reader)
        reader.finish()
        user = await self._user(call.path["user_id"])
        own = [key for key in await self._parts.api_keys.of_tenant(user.tenant_id) if key.user_id == user.user_id]
        keys, token = page_of(own, asked, _place, self._tokens, ("user keys", {"user": user.user_id}))
        return encode({"items": [key_view(key, call.now) for key in keys], "next_page_token": token})

    async def set_status(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: `user_id`, `status`, `previous_status`, `updated_at`.

        Raises `request.invalid`, `user.not_found`, `user.closed`, or `user.wrong_state` for a user whose address was never
        verified and who is to be active.
        """
        reader = BodyReader(body)
        wanted = cast("UserStatus", reader.choice("status", _SETTABLE, required=True))
        reason = reader.text("reason")
        reader.finish()
        user = await self._user(call.path["user_id"])
        asked = with_reason({"status": wanted}, reason)
        act = act_of(call, "user.status", ("user", user.user_id), {"status": user.status}, asked)

        async def effect(intended: AuditEvent) -> tuple[bytes, Values]:
            await self._set(user.user_id, wanted, call.now)
            told = {
                "user_id": user.user_id,
                "status": wanted,
                "previous_status": (intended.before or {}).get("status"),
                "updated_at": format_timestamp(intended.ts),
            }
            return encode(told), asked

        return await self._parts.trail.privileged(act, effect)

    async def _set(self, user_id: str, wanted: UserStatus, now: int) -> None:
        """First the status, which alone keeps logins from beginning; then what has begun ends, and what is open."""
        await self._replace(user_id, wanted)
        if wanted != "active":
            await self._parts.challenges.end_all(user_id, now)
            await self._parts.sessions.end_all(user_id, "status_changed", now)
        await self._parts.announcer.announce("user", user_id)

    async def _replace(self, user_id: str, wanted: UserStatus) -> None:
        for _ in range(REPLACE_TRIES):
            user = await self._user(user_id)
            if user.status == wanted:
                return
            _check(user, wanted)
            if await self._parts.users.replace(user.model_copy(update={"status": wanted, "version": user.version + 1})):
                return
        raise busy()

    async def _user(self, user_id: str) -> User:
        user = await self._parts.users.get(user_id)
        if user is None:
            raise HubError("user.not_found", {"user_id": user_id})
        return user


def _check(user: User, wanted: UserStatus) -> None:
    if user.status == "closed" and wanted != "closed":
        raise HubError("user.closed", {"user_id": user.user_id})
    if wanted == "active" and user.verified_at is None:
        raise HubError("user.wrong_state", {"status": user.status})


def _place(key: ApiKey) -> str:
    """Keys of a tenant come oldest first; a token names the place of the last one shown."""
    return f"{key.created_at:020d}:{key.key_id}"
