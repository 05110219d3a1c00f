"""The API keys of the caller's tenant: listed, made, revoked. A secret is shown in the answer that made its key alone."""

from collections.abc import Iterable
from typing import Any, Final, Protocol

import msgspec

from gateway.http.calls import BearerCall, Reply
from gateway.http.fields import BodyReader
from gateway.http.listing import page_asked, page_of
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from gateway.identity.own.acts import own_act
from gateway.identity.own.api_key_shape import AskedKey, read_asked_key
from gateway.identity.people.key_view import key_status, key_view
from gateway.identity.ports import Announcer, AuditLog
from ops.runtime.errors import HubError
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, format_timestamp
from storage.api_keys import sealed_key, secret_of
from storage.models.tenants import ApiKey
from storage.mongo.failures import AlreadyStored
from storage.sealing import KeyRing

MOST_KEYS: Final = 100
_DAY: Final = 86_400 * NANOSECONDS_PER_SECOND


class ApiKeyStore(Protocol):
    """Keeps keys (storage/mongo/api_keys.py)."""

    async def insert(self, key: ApiKey) -> None: ...
    async def get_many(self, key_ids: Iterable[str]) -> dict[str, ApiKey]: ...
    async def of_tenant(self, tenant_id: str) -> list[ApiKey]: ...
    async def revoke(self, key_id: str, now: int) -> bool: ...


class OwnApiKeys:
    """The three operations. Keys are the tenant's: each of its people sees and may revoke them all."""

    def __init__(
        self, keys: ApiKeyStore, key_ring: KeyRing, audit: AuditLog, announcer: Announcer, tokens: PageTokens
    ) -> None:
        self._keys, self._key_ring = keys, key_ring
        self._audit, self._announcer, self._tokens = audit, announcer, tokens

    async def list(self, call: BearerCall) -> bytes:
        """All keys of the tenant, oldest first."""
        reader = QueryReader(call.query)
        asked = page_asked(reader)
        reader.finish()
        tenant_id = _tenant(call)
        keys = await self._keys.of_tenant(tenant_id)
        page, following = page_of(keys, asked, _place, self._tokens, ("api-keys", {"tenant": tenant_id}))
        items = [key_view(key, call.now) for key in page]
        return msgspec.json.encode({"items": items, "next_page_token": following})

    async def create(self, call: BearerCall, body: dict[str, Any]) -> Reply:
        """A new key with its secret. A second try of the same write finds the key of the first and answers the same.

        Raises `api_key.too_many`.
        """
        asked = read_asked_key(body)
        key = await self._kept(call, asked)
        shown = key_view(key, call.now)
        after = {name: shown[name] for name in ("label", "scopes", "ip_allowlist", "expires_at")}
        await self._audit.record(own_act(call, "api_key.create", ("api_key", key.key_id), after))
        return Reply(msgspec.json.encode(shown | {"api_secret": secret_of(self._key_ring, key)}), secret=True)

    async def revoke(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """The key counts nowhere any more within 2 s. Again: the same. Raises `api_key.not_found`."""
        BodyReader(body).finish()
        key = await self._own(call)
        if key.revoked_at is None:
            await self._keys.revoke(key.key_id, call.now)
            key = await self._own(call)
        await self._announcer.announce("key", key.key_id)
        await self._audit.record(own_act(call, "api_key.revoke", ("api_key", key.key_id), {"status": "revoked"}))
        revoked_at = format_timestamp(key.revoked_at or call.now)
        return msgspec.json.encode({"key_id": key.key_id, "status": "revoked", "revoked_at": revoked_at})

    async def _kept(self, call: BearerCall, asked: AskedKey) -> ApiKey:
        key_id = f"pmk_{call.effect_id}"
        kept = (await self._keys.get_many([key_id])).get(key_id)
        if kept is not None:
            return kept
        await self._check_room(call)
        key = self._new(key_id, call, asked)
        try:
            await self._keys.insert(key)
        except AlreadyStored:  # another try of this write was faster by a moment
            return (await self._keys.get_many([key_id]))[key_id]
        return key

    async def _check_room(self, call: BearerCall) -> None:
        keys = await self._keys.of_tenant(_tenant(call))
        if sum(key_status(key, call.now) == "active" for key in keys) >= MOST_KEYS:
            raise HubError("api_key.too_many", {"most": MOST_KEYS})

    def _new(self, key_id: str, call: BearerCall, asked: AskedKey) -> ApiKey:
        days = asked.expires_in_days
        return sealed_key(
            self._key_ring,
            key_id=key_id,
            tenant_id=_tenant(call),
            user_id=call.principal.subject_id,
            label=asked.label,
            scopes=asked.scopes,
            ip_allowlist=asked.ip_allowlist,
            now=call.now,
            expires_at=None if days is None else call.now + days * _DAY,
        )

    async def _own(self, call: BearerCall) -> ApiKey:
        key_id = call.path["key_id"]
        key = (await self._keys.get_many([key_id])).get(key_id)
        if key is None or key.tenant_id != call.principal.tenant_id:
            raise HubError("api_key.not_found")
        return key


def _tenant(call: BearerCall) -> str:
    """The caller's tenant; every user has one."""
    tenant_id = call.principal.tenant_id
    if tenant_id is None:
        raise HubError("auth.token_invalid")
    return tenant_id


def _place(key: ApiKey) -> str:
    return f"{key.created_at:020d}.{key.key_id}"
