"""The two doors, for users and for admins: where their people are, and what differs once somebody stands in one."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Literal

from gateway.identity.people.person_view import admin_view, user_view
from gateway.identity.ports import People, Someone, TenantStore
from storage.models.people import Admin, AdminStatus, Audience, User, UserStatus
from storage.models.tenants import Tenant
from storage.mongo.failures import AlreadyStored

AdminAdmission = Literal["approval", "open", "closed"]


@dataclass(frozen=True, slots=True)
class Door(Generic[Someone]):
    """`admit` prepares what a person needs whose address is verified, and says what such a person is from then on (doing it
    twice is doing it once); `show` is the person as `me` shows it. `prefix` begins the ids.
    """

    audience: Audience
    prefix: str
    people: People[Someone]
    admit: Callable[[Someone, int], Awaitable[UserStatus | AdminStatus]]
    show: Callable[[Someone], Awaitable[dict[str, Any]]]

    @property
    def taken(self) -> str:
        """The error code of an address that is registered."""
        return f"{self.audience}.email_taken"

    @property
    def unknown(self) -> str:
        """The error code of an address that is not."""
        return f"{self.audience}.not_found"


def user_door(users: People[User], tenants: TenantStore) -> Door[User]:
    """A verified user is active and owns a tenant, whose account provisioning opens."""
    return Door(
        audience="user",
        prefix="usr",
        people=users,
        admit=partial(_open_tenant, tenants),
        show=partial(_shown_user, tenants),
    )


def admin_door(admins: People[Admin], registration: AdminAdmission) -> Door[Admin]:
    """A verified admin waits for a super_admin, unless registration is `open`."""
    return Door(
        audience="admin", prefix="adm", people=admins, admit=partial(_admitted, registration), show=_shown_admin
    )


async def _open_tenant(tenants: TenantStore, user: User, now: int) -> UserStatus:
    tenant = Tenant(
        tenant_id=user.tenant_id,
        name=user.company_name,
        preferred_language=user.preferred_language,
        created_at=now,
    )
    with suppress(AlreadyStored):  # a try before this one has made it, and was stopped before the user was active
        await tenants.insert(tenant)
    return "active"


async def _shown_user(tenants: TenantStore, user: User) -> dict[str, Any]:
    tenant = (await tenants.get_many([user.tenant_id])).get(user.tenant_id)
    return user_view(user, tenant.account_ids if tenant else ())


async def _admitted(registration: AdminAdmission, _admin: Admin, _now: int) -> AdminStatus:
    return "active" if registration == "open" else "pending_approval"


async def _shown_admin(admin: Admin) -> dict[str, Any]:
    return admin_view(admin)
