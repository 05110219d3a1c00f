"""What a halt may be aimed at: a kill switch that names nothing would halt nothing, so what can be looked up is."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from storage.models.controls import HaltScope
from storage.models.read_models import OpenedAccount
from storage.models.tenants import Tenant
from storage.reference import ReferenceData

TARGETS: Final[Mapping[HaltScope, str]] = MappingProxyType(
    {
        "platform": "nothing: a halt of the platform has no target",
        "venue": "a venue with instruments, such as XNAS",
        "tenant": "a tenant id, ten_...",
        "account": "an account id, acc_...",
        "strategy": "ACCOUNT_ID/STRATEGY_ID",
        "symbol": "a symbol with its suffix, such as AAPL.US",
    }
)
"""What the target of each scope is, in words."""
LOOKED_UP: Final[tuple[HaltScope, ...]] = ("venue", "symbol")
"""The scopes whose targets stand in the reference data."""


class TenantSource(Protocol):
    """The tenants (storage/mongo/tenants.py)."""

    async def get_many(self, tenant_ids: Iterable[str]) -> dict[str, Tenant]: ...


class AccountSource(Protocol):
    """The accounts (storage/mongo/accounts.py)."""

    async def get(self, account_id: str) -> OpenedAccount | None: ...


async def target_problem(
    scope: HaltScope, target: str, reference: ReferenceData | None, tenants: TenantSource
) -> str | None:
    """Why a halt cannot have this target; None: it can. `reference` is needed for the scopes that are `LOOKED_UP`."""
    if scope == "platform":
        return f"a halt of the platform has no target, not {target!r}" if target else None
    if not target:
        return "the target is missing"
    known = True
    if scope in LOOKED_UP and reference is not None:
        venues = {instrument.venue for instrument in reference.instruments.values()}
        known = target in (venues if scope == "venue" else reference.instruments)
    elif scope == "tenant":
        known = bool(await tenants.get_many([target]))
    elif scope == "strategy":
        account, _, strategy = target.partition("/")
        known = bool(account and strategy)
    return None if known else f"there is no {scope} {target!r}"


async def target_warning(scope: HaltScope, target: str, accounts: AccountSource) -> str:
    """The read model may be behind or down, so an account that it does not know is halted all the same; "": it is known."""
    if scope not in ("account", "strategy"):
        return ""
    account = target.partition("/")[0]
    return "" if await accounts.get(account) else f"no open account {account} is known: is the id right?"
