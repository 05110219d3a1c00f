"""New API keys: the secret is made here, shown once by whoever asked for the key, and kept sealed for its key id."""

import secrets
from typing import Final

from storage.models.tenants import ApiKey, Scope
from storage.sealing import KeyRing

_SECRET_BYTES: Final = 32


def sealed_key(
    key_ring: KeyRing,
    *,
    key_id: str,
    tenant_id: str,
    label: str,
    scopes: tuple[Scope, ...],
    now: int,
    user_id: str | None = None,
    ip_allowlist: tuple[str, ...] = (),
    expires_at: int | None = None,
) -> ApiKey:
    """A key with a new secret. `user_id` is who made it, None on the command line; times are nanoseconds since the epoch."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    return ApiKey(
        key_id=key_id,
        tenant_id=tenant_id,
        user_id=user_id,
        label=label,
        scopes=scopes,
        sealed_secret=key_ring.seal(secret.encode(), key_id.encode()),
        ip_allowlist=ip_allowlist,
        created_at=now,
        expires_at=expires_at,
    )


def secret_of(key_ring: KeyRing, key: ApiKey) -> str:
    """The secret as it was shown. Raises `UnknownKey` or `Unreadable` (storage/sealing.py)."""
    return key_ring.open(key.sealed_secret, key.key_id.encode()).decode()
