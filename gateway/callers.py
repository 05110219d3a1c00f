"""Who is calling, and the seam through which REST and the WebSocket ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from storage.models.tenants import Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated API key. `account_id` is the tenant's own account, None until one is opened."""

    key_id: str
    tenant_id: str
    account_id: str | None
    scopes: frozenset[Scope]
    language: str


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature covers and what is needed to check it. `path` and `query` are raw, as sent."""

    method: str
    path: str
    query: str
    idempotency_key: str
    body: bytes
    headers: Mapping[str, str]
    """The X-PM-* headers, names in lower case (the WebSocket's `auth` payload fills the same three)."""
    client_ip: str


class Authenticator(Protocol):
    """Checks signatures against a cache of keys at most 2 s old."""

    async def authenticate(self, request: SignedRequest) -> Caller:
        """The caller. Raises `HubError` with an `auth.*` code."""
        ...

    def still_valid(self, key_id: str) -> bool:
        """Whether a key that was once accepted is (at most 2 s ago) neither revoked, expired nor suspended."""
        ...
