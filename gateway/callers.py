"""Who is calling, and the seam through which REST and the WebSocket ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from ops.runtime.errors import HubError
from storage.models.people import AdminRole, Audience
from storage.models.tenants import Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated API key. `account_id` is the tenant's own account, None until one is opened."""

    key_id: str
    tenant_id: str
    account_id: str | None
    scopes: frozenset[Scope]
    language: str


class SignedRequest(msgspec.Struct, frozen=True):
    """What a signature covers and what is needed to check it. `path` and `query` are raw, as sent."""

    method: str
    path: str
    query: str
    idempotency_key: str
    body: bytes
    headers: Mapping[str, str]
    """The X-PM-* headers of signing, names in lower case (the WebSocket's `auth` payload fills three of them)."""
    client_ip: str


class Authenticator(Protocol):
    """Checks signatures against a cache of keys at most 2 s old."""

    async def authenticate(self, request: SignedRequest) -> Caller:
        """The caller. Raises `HubError` with an `auth.*` code."""
        ...

    def refusal(self, key_id: str) -> HubError | None:
        """Why a key that was once accepted is not any more (as of at most 2 s ago); None while it is."""
        ...


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says; `role` is an admin's, None for a user. Times are seconds since the epoch."""

    audience: Audience
    subject_id: str
    session_id: str
    role: AdminRole | None
    token_id: str
    issued_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Principal:
    """A person with a living session. `tenant_id` and `account_ids` are a user's (None and empty for an admin)."""

    audience: Audience
    subject_id: str
    session_id: str
    role: AdminRole | None
    tenant_id: str | None
    account_ids: tuple[str, ...]
    language: str


class BearerAuthenticator(Protocol):
    """Checks access tokens against a cache of sessions and people at most 2 s old."""

    async def authenticate(self, token: str, audience: Audience) -> Principal:
        """Whose token it is. Raises `HubError`: `auth.token_invalid`, `auth.token_expired`, `auth.session_ended` (401),
        `auth.suspended`, `auth.closed`, `auth.tenant_suspended` (403), and `system.unavailable` where it cannot be known.
        """
        ...
