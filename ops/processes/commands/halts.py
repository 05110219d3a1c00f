"""Commands over halts: list, set, lift."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_args

from ops.processes.commands.port import EXIT_DATA, EXIT_TEMPORARY, Arguments, CommandFailed, Event
from ops.processes.controls import halting_of
from ops.processes.platform import Platform
from ops.runtime.timestamps import format_timestamp
from storage.controls.halting import HaltOutcome, NoSuchHalt
from storage.models.controls import HALT_SCOPES, Halt, HaltLevel, HaltScope
from storage.mongo.accounts import Accounts
from storage.mongo.reference import load_reference
from storage.mongo.tenants import Tenants

Word = TypeVar("Word")
_TARGETS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "venue": "a venue with instruments, such as XNAS",
        "tenant": "a tenant id, ten_...",
        "account": "an account id, acc_...",
        "strategy": "ACCOUNT_ID/STRATEGY_ID",
        "symbol": "a symbol with its suffix, such as AAPL.US",
    }
)


async def list_halts(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """The halts in force, oldest first; with `lifted` those that were too."""
    for control in await halting_of(platform).list(lifted=bool(arguments.get("lifted"))):
        halt = control.document
        if isinstance(halt, Halt):
            yield {**_shown(halt), "changed_at": format_timestamp(control.changed_at)}


async def set_halt(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Put a halt in force; fails, after its outcome, when it is not applied everywhere within 2 s."""
    scope: HaltScope = _one_of(HALT_SCOPES, "scope", arguments)
    level: HaltLevel = _one_of(get_args(HaltLevel), "level", arguments)
    target = str(arguments.get("target") or "")
    await _check_target(platform, scope, target)
    halt = Halt(platform.identifiers.new("hlt"), scope, target, level, str(arguments.get("reason") or ""))
    outcome = await halting_of(platform).halt(halt)
    yield {**_shown(halt), **_told(outcome), "warning": await _warning(platform, scope, target)}
    _require_applied(outcome, "the halt")


async def lift_halt(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """End a halt; fails, after its outcome, when that is not applied everywhere within 2 s."""
    try:
        outcome = await halting_of(platform).lift(str(arguments["halt_id"]))
    except NoSuchHalt as error:
        raise CommandFailed(f"{error}; `omniaxs halt list` has those in force", EXIT_DATA) from None
    yield {"halt_id": outcome.halt_id, "lifted": True, **_told(outcome), "warning": ""}
    _require_applied(outcome, "the lifting")


def _one_of(words: tuple[Word, ...], what: str, arguments: Arguments) -> Word:
    for word in words:
        if word == arguments[what]:
            return word
    raise CommandFailed(f"no such {what}: {arguments[what]!r}; it is one of {', '.join(map(str, words))}", EXIT_DATA)


async def _check_target(platform: Platform, scope: HaltScope, target: str) -> None:
    """A kill switch that names nothing would halt nothing: what can be looked up is."""
    if scope == "platform":
        if target:
            raise CommandFailed(f"a halt of the platform has no target, not {target!r}", EXIT_DATA)
        return
    if not target:
        raise CommandFailed(f"--target is missing: {_TARGETS[scope]}", EXIT_DATA)
    known = True
    if scope in ("venue", "symbol"):
        reference = await load_reference(platform.store.database)
        venues = {instrument.venue for instrument in reference.instruments.values()}
        known = target in (venues if scope == "venue" else reference.instruments)
    elif scope == "tenant":
        known = bool(await Tenants(platform.store.database).get_many([target]))
    elif scope == "strategy":
        account, separator, strategy = target.partition("/")
        known = bool(account and separator and strategy)
    if not known:
        raise CommandFailed(f"there is no {scope} {target!r}; the target is {_TARGETS[scope]}", EXIT_DATA)


async def _warning(platform: Platform, scope: HaltScope, target: str) -> str:
    """The read model may be behind or down, so an account that it does not know is halted all the same."""
    if scope not in ("account", "strategy"):
        return ""
    account = target.partition("/")[0]
    known = await Accounts(platform.store.database).get(account)
    return "" if known else f"no open account {account} is known: is the id right?"


def _require_applied(outcome: HaltOutcome, what: str) -> None:
    if outcome.not_applied:
        partitions = "; ".join(f"partition {partition}: {why}" for partition, why in outcome.reasons.items())
        raise CommandFailed(f"{what} is stored, and not applied after 2 s in {partitions}", EXIT_TEMPORARY)


def _shown(halt: Halt) -> Event:
    return {
        "halt_id": halt.halt_id,
        "scope": halt.scope,
        "target": halt.target,
        "level": halt.level,
        "reason": halt.reason,
        "lifted": halt.lifted,
    }


def _told(outcome: HaltOutcome) -> dict[str, Any]:
    told = asdict(outcome)
    del told["halt_id"]
    applied = outcome.applied_ms
    return {
        **told,
        "applied_ms": None if applied is None else round(applied, 3),
        "reasons": {str(partition): why for partition, why in outcome.reasons.items()},
    }
