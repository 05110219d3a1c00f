"""People as answers show them: without password, factor or version. Pure."""

from collections.abc import Sequence
from typing import Any

from ops.runtime.timestamps import format_timestamp
from storage.models.people import Admin, User


def user_view(user: User, account_ids: Sequence[str]) -> dict[str, Any]:
    """A user as in `GET /v1/user/me`."""
    return {
        "user_id": user.user_id,
        "tenant_id": user.tenant_id,
        "account_ids": list(account_ids),
        "email": user.email,
        "display_name": user.display_name,
        "company_name": user.company_name,
        "country_region": user.country_region,
        **_common(user),
    }


def admin_view(admin: Admin) -> dict[str, Any]:
    """An admin as after a login and in the list of admins."""
    return {
        "admin_id": admin.admin_id,
        "role": admin.role,
        "email": admin.email,
        "display_name": admin.display_name,
        **_common(admin),
    }


def _common(person: User | Admin) -> dict[str, Any]:
    return {
        "preferred_language": person.preferred_language,
        "status": person.status,
        "totp_enabled": person.totp is not None and person.totp.confirmed_at is not None,
        "created_at": format_timestamp(person.created_at),
        "last_login_at": None if person.last_login_at is None else format_timestamp(person.last_login_at),
    }
