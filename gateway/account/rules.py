"""`GET /v1/accounts/limits` and `GET /v1/accounts/trading-state`: what the caller's account may do."""

from collections.abc import Iterable
from typing import Any, Protocol

from gateway.account.overview import trading_state
from gateway.account.standing import Standing, shown
from gateway.http.calls import Reply, SignedCall
from ops.runtime.timestamps import format_timestamp
from storage.models.controls import Halt
from storage.mongo.controls import StoredControl


class HaltSource(Protocol):
    """The control documents (storage/mongo/controls.py)."""

    async def of_kind(self, kind: str) -> list[StoredControl]: ...


class AccountRules:
    """Answers what holds for the account at its `as_of_seq`. Both raise what `Standing.of` raises."""

    def __init__(self, standing: Standing, halts: HaltSource) -> None:
        self._standing = standing
        self._halts = halts

    async def limits(self, call: SignedCall) -> Reply:
        """Its limits; null is no limit."""
        account = await self._standing.of(call)
        return shown(account.limits, account.as_of_seq)

    async def trading_state(self, call: SignedCall) -> Reply:
        """Its trading state, since when, and who set it; and the halts in force that hold for all that it trades."""
        account = await self._standing.of(call)
        widest_first = (("platform", ""), ("tenant", call.caller.tenant_id), ("account", account.account_id))
        stored = await self._halts.of_kind("halt")
        halts = [halt for scope, target in widest_first for halt in _in_force(stored, scope, target)]
        return shown({**trading_state(account.account), "halts": halts}, account.as_of_seq)


def _in_force(stored: Iterable[StoredControl], scope: str, target: str) -> list[dict[str, Any]]:
    found = []
    for one in sorted(stored, key=lambda one: one.changed_at):
        match one.document:
            case Halt(lifted=False) as halt if (halt.scope, halt.target) == (scope, target):
                since = format_timestamp(one.changed_at)
                found.append({"scope": scope, "level": halt.level, "reason": halt.reason, "since": since})
    return found
