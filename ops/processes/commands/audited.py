"""Commands that change what trading or access hangs on are told in the audit trail, before they run and after."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from ops.processes.commands.port import Arguments, Command, CommandFailed, Event
from ops.processes.platform import Platform
from storage.audit.trail import AuditTrail
from storage.models.audit import SYSTEM_ACTOR, Act
from storage.mongo.audit_events import AuditEvents

_NEVER_TOLD: Final = frozenset({"password", "api_secret"})
Target = Callable[[Arguments], tuple[str, str]]


def audited(
    command: Command, action: str, target: Target, changes: Callable[[Arguments], bool] = lambda _: True
) -> Command:
    """`command`, told as an act of the system on `target` (a type and an id) with what was asked for and what it came to,
    where its arguments change anything.

    One that fails is told as such; one that is cut off has no end, as nobody knows what it has come to.
    """

    async def run(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
        if not changes(arguments):
            async for event in command(platform, arguments):
                yield event
            return
        trail = AuditTrail(
            AuditEvents(platform.store.database, platform.key_ring), platform.clock, platform.identifiers
        )
        act = _act(platform, action, target(arguments), arguments)
        intended = await trail.intend(act)
        told: Event = {}
        try:
            async for event in command(platform, arguments):
                told = event
                yield event
        except CommandFailed as failure:
            await trail.finish(act, intended, {**_shown(told), "failed": str(failure)})
            raise
        await trail.finish(act, intended, _shown(told))

    return run


def by(kind: str, *names: str) -> Target:
    """The target whose id is the first of the arguments `names` that is given."""
    return lambda arguments: (kind, next((str(arguments[name]) for name in names if arguments.get(name)), ""))


def _act(platform: Platform, action: str, target: tuple[str, str], arguments: Arguments) -> Act:
    return Act(
        actor_type="system",
        actor_id=SYSTEM_ACTOR,
        action=action,
        target_type=target[0],
        target_id=target[1],
        before=None,
        after=_shown(arguments),
        ip="",
        trace_id="",
        effect_id=platform.identifiers.event_id(),
    )


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in _NEVER_TOLD and value is not None}
