"""What may become of an admin. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from ops.runtime.errors import HubError
from storage.models.people import Admin, AdminRole, AdminStatus


class Change(NamedTuple):
    """What is asked for; None leaves it as it is."""

    status: AdminStatus | None
    role: AdminRole | None


def changed(admin: Admin, change: Change) -> Admin:
    """The admin after the change, one version on; the same object where nothing changes. Raises `admin.wrong_state`: a closed
    admin stays as it is, and only one whose address was verified can be active.
    """
    after = admin.model_copy(update={"status": change.status or admin.status, "role": change.role or admin.role})
    if after == admin:
        return admin
    if admin.status == "closed" or (change.status == "active" and admin.verified_at is None):
        raise HubError("admin.wrong_state", {"status": admin.status})
    return after.model_copy(update={"version": admin.version + 1})


def rules(admin: Admin) -> bool:
    """Whether this is an active super_admin."""
    return admin.role == "super_admin" and admin.status == "active"


def someone_else_rules(admins: Iterable[Admin], admin_id: str) -> bool:
    """Whether there is an active super_admin beside that one."""
    return any(rules(admin) and admin.admin_id != admin_id for admin in admins)
