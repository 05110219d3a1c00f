"""API keys as answers have them: never the secret, sealed or not. Pure."""

from typing import Any

from ops.runtime.timestamps import format_timestamp
from storage.models.tenants import ApiKey


def key_view(key: ApiKey, now: int) -> dict[str, Any]:
    """A key as it is at `now` (ns)."""
    return {
        "key_id": key.key_id,
        "label": key.label,
        "scopes": key.scopes,
        "status": key_status(key, now),
        "ip_allowlist": key.ip_allowlist,
        "created_at": format_timestamp(key.created_at),
        "expires_at": _moment(key.expires_at),
        "last_used_at": _moment(key.last_used_at),
    }


def key_status(key: ApiKey, now: int) -> str:
    """`active`, `revoked` or `expired`; one that was revoked stays so whenever it expires."""
    if key.revoked_at is not None:
        return "revoked"
    return "active" if key.expires_at is None or now < key.expires_at else "expired"


def _moment(nanoseconds: int | None) -> str | None:
    return None if nanoseconds is None else format_timestamp(nanoseconds)
