"""The demonstration tenant, its key, a user and an admin, so that a first request needs no registration."""

import secrets
from typing import Final

from ops.processes.accounts import open_tenant_account
from ops.processes.asking import asking
from ops.processes.platform import Platform
from ops.processes.up_file import Demo
from storage.api_keys import sealed_key, secret_of
from storage.models.people import Admin, User
from storage.models.tenants import ALL_SCOPES, ApiKey, Scope, Tenant
from storage.mongo.admins import Admins
from storage.mongo.api_keys import ApiKeys
from storage.mongo.tenants import Tenants
from storage.mongo.users import Users
from storage.passwords import Passwords
from storage.reference import ReferenceData

USER_EMAIL: Final = "demo@example.com"
ADMIN_EMAIL: Final = "admin@example.com"


async def create_key(
    platform: Platform,
    tenant_id: str,
    label: str,
    scopes: tuple[Scope, ...],
    *,
    expires_at: int | None = None,
    user_id: str | None = None,
) -> tuple[ApiKey, str]:
    """A new API key of `tenant_id` and its secret, which is shown this once and kept sealed. A key of `user_id` counts only
    while that user is active.
    """
    key = sealed_key(
        platform.key_ring,
        key_id=platform.identifiers.new("pmk"),
        tenant_id=tenant_id,
        user_id=user_id,
        label=label,
        scopes=scopes,
        now=platform.clock.now(),
        expires_at=expires_at,
    )
    await ApiKeys(platform.store.database).insert(key)
    return key, secret_of(platform.key_ring, key)


async def create_demo(platform: Platform, reference: ReferenceData, passwords: Passwords) -> Demo:
    """A demonstration tenant with a key of all scopes and an open account with the sandbox deposit; it may trade every venue.
    Its owner and a super_admin can log in, with passwords that are new at each start.

    The order core must be running.
    """
    tenant = Tenant(
        tenant_id=platform.identifiers.new("ten"),
        name="Demonstration",
        account_ids=(platform.identifiers.new("acc"),),
        created_at=platform.clock.now(),
    )
    await Tenants(platform.store.database).insert(tenant)
    async with asking(platform) as decisions:
        await open_tenant_account(platform, decisions, reference, tenant)
    user, admin = _login(USER_EMAIL), _login(ADMIN_EMAIL)
    owner = await _owner(platform, tenant, user, passwords)
    await Users(platform.store.database).insert(owner)
    key, secret = await create_key(platform, tenant.tenant_id, "demo", ALL_SCOPES, user_id=owner.user_id)
    await Admins(platform.store.database).insert(await _super_admin(platform, admin, passwords))
    return Demo(
        api_key=key.key_id,
        api_secret=secret,
        tenant_id=tenant.tenant_id,
        account_id=tenant.account_ids[0],
        user=user,
        admin=admin,
    )


def _login(email: str) -> dict[str, str]:
    return {"email": email, "password": secrets.token_urlsafe(12)}


async def _owner(platform: Platform, tenant: Tenant, login: dict[str, str], passwords: Passwords) -> User:
    now = platform.clock.now()
    return User(
        user_id=platform.identifiers.new("usr"),
        tenant_id=tenant.tenant_id,
        email=login["email"],
        display_name="Demo User",
        company_name=tenant.name,
        country_region="CH",
        status="active",
        password_hash=await passwords.hash(login["password"]),
        created_at=now,
        verified_at=now,
    )


async def _super_admin(platform: Platform, login: dict[str, str], passwords: Passwords) -> Admin:
    now = platform.clock.now()
    return Admin(
        admin_id=platform.identifiers.new("adm"),
        role="super_admin",
        email=login["email"],
        display_name="Demo Admin",
        status="active",
        password_hash=await passwords.hash(login["password"]),
        created_at=now,
        verified_at=now,
    )
