"""Tenants, their API keys and the scopes that a key may carry."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Scope = Literal["market:read", "account:read", "trade:read", "trade:write", "access:read", "access:write", "stream"]
ALL_SCOPES: tuple[Scope, ...] = (
    "market:read", "account:read", "trade:read", "trade:write", "access:read", "access:write", "stream",
)  # fmt: skip
DEFAULT_SCOPES: tuple[Scope, ...] = ("market:read", "account:read", "trade:read", "access:read", "stream")


class Tenant(BaseModel):
    """A customer company. `account_ids` are its trading accounts, one a mode; empty until one is opened. `fence` is the number
    of the provisioning claim that set them last.
    """

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    name: str
    account_ids: tuple[str, ...] = ()
    status: Literal["active", "suspended", "closed"] = "active"
    preferred_language: Literal["en-US", "zh-CN", "ja-JP"] = "en-US"
    created_at: int
    fence: int = 0


class ApiKey(BaseModel):
    """An API key as stored: `sealed_secret` is AES-256-GCM by the key ring. Times are nanoseconds since the epoch."""

    model_config = ConfigDict(frozen=True)

    key_id: str
    tenant_id: str
    user_id: str | None = None
    label: str
    scopes: tuple[Scope, ...]
    sealed_secret: str
    ip_allowlist: tuple[str, ...] = ()
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None


def account_id_of(tenant_id: str) -> str:
    """The id of the one account of a tenant (a platform is of one mode): whoever opens it opens the same one."""
    return f"acc_{tenant_id.removeprefix('ten_')}"
