"""People: the users of tenants and the platform's admins, as they are stored. Times are nanoseconds since the epoch."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

Audience = Literal["user", "admin"]
PreferredLanguage = Literal["en-US", "zh-CN", "ja-JP"]
UserStatus = Literal["pending_verification", "active", "suspended", "closed"]
AdminStatus = Literal["pending_verification", "pending_approval", "active", "suspended", "closed"]
AdminRole = Literal["super_admin", "ops_admin", "compliance_admin"]
TenantRole = Literal["owner", "member"]
ADMIN_ROLES: Final[tuple[AdminRole, ...]] = ("super_admin", "ops_admin", "compliance_admin")


class Totp(BaseModel):
    """A second factor by time-based codes (RFC 6238). It counts once it is confirmed; a step is taken once at most."""

    model_config = ConfigDict(frozen=True)

    sealed_secret: str
    created_at: int
    confirmed_at: int | None = None
    last_step: int = 0


class User(BaseModel):
    """A person of a tenant. `email` is normalised (storage/models/emails.py) and unique. `version` grows with each write."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    tenant_id: str
    tenant_role: TenantRole = "owner"
    email: str
    display_name: str
    company_name: str
    country_region: str
    preferred_language: PreferredLanguage = "en-US"
    status: UserStatus = "pending_verification"
    password_hash: str
    totp: Totp | None = None
    created_at: int
    verified_at: int | None = None
    last_login_at: int | None = None
    version: int = 1


class Admin(BaseModel):
    """A person of the platform. `email` is normalised and unique among admins. `version` grows with each write."""

    model_config = ConfigDict(frozen=True)

    admin_id: str
    role: AdminRole
    email: str
    display_name: str
    preferred_language: PreferredLanguage = "en-US"
    status: AdminStatus = "pending_verification"
    password_hash: str
    totp: Totp | None = None
    created_at: int
    verified_at: int | None = None
    last_login_at: int | None = None
    version: int = 1


Person = User | Admin


def subject_of(person: Person) -> str:
    """The id that tokens, sessions and audit events name the person by."""
    return person.user_id if isinstance(person, User) else person.admin_id


def audience_of(person: Person) -> Audience:
    """Whose door the person comes through."""
    return "user" if isinstance(person, User) else "admin"
