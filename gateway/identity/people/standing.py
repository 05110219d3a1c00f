"""What a person's status lets them do at their door. Pure."""

from collections.abc import Mapping
from typing import Final

from ops.runtime.errors import HubError
from storage.models.people import Person

_REFUSED: Final[Mapping[str, str]] = {
    "pending_verification": "auth.email_not_verified",
    "pending_approval": "auth.approval_pending",
    "suspended": "auth.suspended",
    "closed": "auth.closed",
}


def check_active(person: Person) -> None:
    """Raises why the person may not be logged in: `auth.email_not_verified`, `.approval_pending`, `.suspended`, `.closed`."""
    if person.status != "active":
        raise HubError(_REFUSED[person.status])


def check_role(person: Person, role: str | None) -> None:
    """Raises `admin.role_mismatch` when an admin names another role than the own; a user names none."""
    if role is not None and role != getattr(person, "role", None):
        raise HubError("admin.role_mismatch")
