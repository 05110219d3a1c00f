"""Commands over halts: list, set, lift."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any, TypeVar, get_args

from ops.processes.commands.port import EXIT_DATA, EXIT_TEMPORARY, Arguments, CommandFailed, Event
from ops.processes.controls import halting_of
from ops.processes.platform import Platform
from ops.runtime.timestamps import format_timestamp
from storage.controls.halt_targets import LOOKED_UP, TARGETS, target_problem, target_warning
from storage.controls.halting import HaltOutcome, NoSuchHalt
from storage.models.controls import HALT_SCOPES, Halt, HaltLevel, HaltScope
from storage.mongo.accounts import Accounts
from storage.mongo.reference import load_reference
from storage.mongo.tenants import Tenants

Word = TypeVar("Word")


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
    warning = await target_warning(scope, target, Accounts(platform.store.database))
    yield {**_shown(halt), **_told(outcome), "warning": warning}
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
    database = platform.store.database
    reference = await load_reference(database) if scope in LOOKED_UP else None
    problem = await target_problem(scope, target, reference, Tenants(database))
    if problem is not None:
        raise CommandFailed(f"{problem}; --target is {TARGETS[scope]}", EXIT_DATA)


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
