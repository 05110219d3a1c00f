"""API keys in memory, at most 2 s old: the `Authenticator` of REST and WebSocket.

A request of a known key asks nobody. Every second one query reads all cached keys again, one their tenants and one the users
who made them.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, Protocol

from gateway.callers import Caller, SignedRequest
from gateway.http.key_lookups import KeyLookups
from gateway.http.signing import check_window, credentials_of, diagnosis, matches, string_to_sign
from ops.runtime.clock import Clock, milliseconds
from ops.runtime.errors import HubError
from ops.runtime.metrics import KEYS_DEGRADED, Metrics
from storage.models.people import User
from storage.models.tenants import ApiKey, Tenant
from storage.mongo.failures import StoreUnavailable
from storage.sealing import KeyRing, UnknownKey, Unreadable

REFRESH_SECONDS: Final = 1.0
TOUCH_SECONDS: Final = 10.0
FORGET_SECONDS: Final = 600.0
_DECOY_SECRET: Final = b"no key has this secret, and checking it takes as long"
_log = logging.getLogger(__name__)


class ApiKeySource(Protocol):
    """Where API keys are kept (storage/mongo/api_keys.py)."""

    async def get_many(self, key_ids: Iterable[str]) -> dict[str, ApiKey]: ...
    async def touch_last_used(self, used: Mapping[str, int]) -> None: ...


class TenantSource(Protocol):
    """Where tenants are kept (storage/mongo/tenants.py)."""

    async def get_many(self, tenant_ids: Iterable[str]) -> dict[str, Tenant]: ...


class UserSource(Protocol):
    """Where users are kept (storage/mongo/users.py)."""

    async def get_many(self, user_ids: Iterable[str]) -> dict[str, User]: ...


@dataclass(slots=True)
class KnownKey:
    """A key with its secret opened. `user` is who made it, None for a key of the platform's own making or an unknown user.

    `used_at` is on the monotonic clock; `read` is the number of the read that it came from.
    """

    key: ApiKey
    tenant: Tenant | None
    user: User | None
    secret: bytes
    networks: tuple[IPv4Network | IPv6Network, ...]
    caller: Caller
    used_at: float
    read: int


class KeyCache:
    """Checks signatures. `run` must be running beside it for revocations to be felt."""

    def __init__(
        self,
        keys: ApiKeySource,
        tenants: TenantSource,
        users: UserSource,
        key_ring: KeyRing,
        clock: Clock,
        *,
        metrics: Metrics,
        explains: bool,
    ) -> None:
        """`explains`: whether a wrong signature is answered with what we signed (never in production)."""
        self._keys = keys
        self._tenants = tenants
        self._users = users
        self._key_ring = key_ring
        self._clock = clock
        self._gauge = metrics.gauge(KEYS_DEGRADED)
        self._explains = explains
        self._known: dict[str, KnownKey] = {}
        self._lookups = KeyLookups[KnownKey](self._read)
        self._used: dict[str, int] = {}
        self._reads = 0
        self._degraded = False

    @property
    def degraded(self) -> bool:
        """Whether keys could not be read again at the last try: what is known stays valid meanwhile."""
        return self._degraded

    async def run(self) -> None:
        """Read the cached keys again every second until cancelled, then note the last uses."""
        touched = self._clock.monotonic()
        try:
            while True:
                await asyncio.sleep(REFRESH_SECONDS)
                await self.refresh()
                if self._clock.monotonic() - touched >= TOUCH_SECONDS:
                    await self.touch()
                    touched = self._clock.monotonic()
        finally:
            await self.touch()

    async def authenticate(self, request: SignedRequest) -> Caller:
        """The caller. Raises `HubError`: 401 for who it is not, 403 for what a known key may not, 503 when a key that is
        not in memory cannot be read. An unknown key and a wrong signature cost the same: one look-up, one HMAC.
        """
        credentials = credentials_of(request)
        now = self._clock.now()
        now_milliseconds = milliseconds(now)
        check_window(credentials, now_milliseconds)
        cached = self._known.get(credentials.key_id)
        known = cached or await self._lookups.find(credentials.key_id)
        text = string_to_sign(request, credentials.timestamp_text)
        signed = matches(known.secret if known else _DECOY_SECRET, text, credentials.signature)
        if known is None or not signed:
            if cached is not None:
                await self._lookups.find(credentials.key_id)
            details = diagnosis(request, text, credentials, now_milliseconds) if self._explains else None
            raise HubError("auth.signature_invalid", details)
        _refuse_invalid(known, now)
        _refuse_address(known, request.client_ip)
        known.used_at = self._clock.monotonic()
        self._used[credentials.key_id] = now
        return known.caller

    def refusal(self, key_id: str) -> HubError | None:
        """See `callers.Authenticator`; asking keeps the key in memory. A key that is not there any more was revoked."""
        known = self._known.get(key_id)
        if known is None:
            return HubError("auth.key_revoked")
        known.used_at = self._clock.monotonic()
        try:
            _refuse_invalid(known, self._clock.now())
        except HubError as refused:
            return refused
        return None

    async def refresh(self) -> None:
        """Read every key in memory again; forgets those that nobody used for ten minutes. A store that is away changes
        nothing but `degraded`.
        """
        oldest = self._clock.monotonic() - FORGET_SECONDS
        self._known = {key_id: known for key_id, known in self._known.items() if known.used_at >= oldest}
        wanted = list(self._known)
        if not wanted:
            return
        try:
            found = await self._read(wanted)
        except StoreUnavailable as error:
            self._say(degraded=True, reason=str(error))
            return
        for key_id in wanted:
            if key_id not in found:
                self._known.pop(key_id, None)
        self._say(degraded=False)

    async def touch(self) -> None:
        """Write down when keys were last used; kept for the next time when the store is away."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._keys.touch_last_used(used)
        except StoreUnavailable as error:
            self._used = {**used, **self._used}
            _log.warning("last uses of API keys not written", extra={"reason": str(error)})

    async def _read(self, key_ids: list[str]) -> dict[str, KnownKey]:
        """Those keys that exist, in three queries whatever is found, so that the time does not tell.

        What a later read has found is never undone by an earlier one that was slow.
        """
        self._reads += 1
        read = self._reads
        keys = await self._keys.get_many(key_ids)
        tenants = await self._tenants.get_many({key.tenant_id for key in keys.values()} or {""})
        users = await self._users.get_many({key.user_id for key in keys.values() if key.user_id} or {""})
        for key_id, key in keys.items():
            before = self._known.get(key_id)
            if before is None or before.read < read:
                self._remember(key, tenants.get(key.tenant_id), users.get(key.user_id or ""), read)
        return {key_id: self._known[key_id] for key_id in keys if key_id in self._known}

    def _remember(self, key: ApiKey, tenant: Tenant | None, user: User | None, read: int) -> None:
        key_id = key.key_id
        before = self._known.get(key_id)
        try:
            unchanged = before is not None and before.key.sealed_secret == key.sealed_secret
            secret = before.secret if before and unchanged else self._key_ring.open(key.sealed_secret, key_id.encode())
            networks = tuple(ip_network(entry, strict=False) for entry in key.ip_allowlist)
        except (UnknownKey, Unreadable, ValueError) as error:
            _log.error("an API key cannot be used as it is stored", extra={"key_id": key_id, "reason": str(error)})
            self._known.pop(key_id, None)
            return
        used_at = before.used_at if before else self._clock.monotonic()
        self._known[key_id] = KnownKey(key, tenant, user, secret, networks, _caller(key, tenant, user), used_at, read)

    def _say(self, *, degraded: bool, reason: str = "") -> None:
        if degraded and not self._degraded:
            _log.error("API keys cannot be read again; what is known stays", extra={"reason": reason})
        elif self._degraded and not degraded:
            _log.info("API keys are read again")
        self._degraded = degraded
        self._gauge.set(degraded)


def _caller(key: ApiKey, tenant: Tenant | None, user: User | None) -> Caller:
    person = user or tenant
    return Caller(
        key_id=key.key_id,
        tenant_id=key.tenant_id,
        account_id=tenant.account_ids[0] if tenant and tenant.account_ids else None,
        scopes=frozenset(key.scopes),
        language=person.preferred_language if person else "en-US",
    )


def _refuse_invalid(known: KnownKey, now: int) -> None:
    if known.key.revoked_at is not None:  # by whichever clock
        raise HubError("auth.key_revoked")
    if known.key.expires_at is not None and known.key.expires_at <= now:
        raise HubError("auth.key_expired")
    if known.tenant is None or known.tenant.status != "active":
        raise HubError("auth.tenant_suspended")
    _refuse_user(known)


def _refuse_user(known: KnownKey) -> None:
    """A key counts only while the user who made it does; a user who is nowhere to be found revokes it."""
    if known.key.user_id is None or (known.user is not None and known.user.status == "active"):
        return
    if known.user is not None and known.user.status in {"suspended", "closed"}:
        raise HubError(f"auth.{known.user.status}")
    raise HubError("auth.key_revoked")


def _refuse_address(known: KnownKey, client_ip: str) -> None:
    if not known.networks:
        return
    try:
        address = ip_address(client_ip.partition("%")[0])
    except ValueError:
        raise HubError("auth.ip_not_allowed", {"address": client_ip}) from None
    if not any(address in network for network in known.networks):
        raise HubError("auth.ip_not_allowed", {"address": client_ip})
