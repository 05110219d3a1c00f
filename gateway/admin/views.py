"""What admins are shown of users, keys, admins and audit events: never a secret, a hash of a password or a sealed text."""

from typing import Any

from ops.runtime.timestamps import format_timestamp
from storage.models.audit import AuditEvent
from storage.models.people import Admin, User
from storage.models.tenants import ApiKey


def user_view(user: User, account_ids: tuple[str, ...]) -> dict[str, Any]:
    """A user as `GET /v1/user/me` has it; `account_ids` are the tenant's."""
    return {
        "user_id": user.user_id,
        "tenant_id": user.tenant_id,
        "account_ids": account_ids,
        "email": user.email,
        "display_name": user.display_name,
        "company_name": user.company_name,
        "country_region": user.country_region,
        "preferred_language": user.preferred_language,
        "status": user.status,
        "totp_enabled": _totp_enabled(user),
        "created_at": format_timestamp(user.created_at),
        "last_login_at": moment(user.last_login_at),
    }


def admin_view(admin: Admin) -> dict[str, Any]:
    """An admin as the answer to a login has it."""
    return {
        "admin_id": admin.admin_id,
        "role": admin.role,
        "email": admin.email,
        "display_name": admin.display_name,
        "preferred_language": admin.preferred_language,
        "status": admin.status,
        "totp_enabled": _totp_enabled(admin),
        "created_at": format_timestamp(admin.created_at),
        "last_login_at": moment(admin.last_login_at),
    }


def key_view(key: ApiKey, now: int) -> dict[str, Any]:
    """An API key as its user's own list has it."""
    expired = key.expires_at is not None and key.expires_at <= now
    return {
        "key_id": key.key_id,
        "label": key.label,
        "scopes": key.scopes,
        "status": "revoked" if key.revoked_at is not None else "expired" if expired else "active",
        "ip_allowlist": key.ip_allowlist,
        "created_at": format_timestamp(key.created_at),
        "expires_at": moment(key.expires_at),
        "last_used_at": moment(key.last_used_at),
    }


def audit_view(event: AuditEvent) -> dict[str, Any]:
    """An audit event with all that its hash is made of."""
    return {**event.model_dump(), "ts": format_timestamp(event.ts)}


def moment(nanoseconds: int | None) -> str | None:
    """A time that may not have come."""
    return None if nanoseconds is None else format_timestamp(nanoseconds)


def _totp_enabled(person: User | Admin) -> bool:
    return person.totp is not None and person.totp.confirmed_at is not None
