"""Writes the audit trail: what is finished is recorded; a privileged write is told before its effect and after it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from ops.runtime.clock import Clock
from ops.runtime.errors import HubError
from ops.runtime.identifiers import Identifiers
from storage.models.audit import Act, AuditEvent, Stage
from storage.mongo.audit_events import AuditEvents

Values = Mapping[str, Any] | None
Effect = Callable[[AuditEvent], Awaitable[tuple[bytes, Values]]]
"""Given the `intended` of the first try (its `before`, its `ts`): the answer, and the state after it."""
_DECIDED: Final = range(400, 500)


class AuditTrail:
    """Writes audit events. Its methods raise `StoreUnavailable`; then the event may be kept or not."""

    def __init__(self, events: AuditEvents, clock: Clock, identifiers: Identifiers) -> None:
        self._events, self._clock, self._identifiers = events, clock, identifiers

    async def record(self, act: Act) -> AuditEvent:
        """Tell what is finished. An act with an effect id is recorded once, however often it is told."""
        return await self._append(act, "recorded", act.before, act.after)

    async def privileged(self, act: Act, effect: Effect) -> bytes:
        """`intended` is kept before `effect` runs, `done` after it; the answer of `effect`.

        A repeat (the same effect id) finds its own `intended`, so that `effect` gets the state before the first try and its
        time, and runs `effect` again, which must do nothing twice. A refusal (`HubError` of a status of 4xx) ends the act as a
        `done` that names its code; whatever else `effect` raises leaves an `intended` without an end, as it is not known.
        """
        intended = await self.intend(act)
        try:
            answer, after = await effect(intended)
        except HubError as refusal:
            if refusal.kind.status in _DECIDED and not refusal.kind.retryable:
                await self.finish(act, intended, {"refused": refusal.code})
            raise
        await self.finish(act, intended, after)
        return answer

    async def intend(self, act: Act) -> AuditEvent:
        """The first half of a privileged write that is no single call: tell that it is about to be done."""
        return await self._append(act, "intended", act.before, act.after)

    async def finish(self, act: Act, intended: AuditEvent, after: Values) -> None:
        """The second half: what it has come to."""
        await self._append(act, "done", intended.before, after)

    async def _append(self, act: Act, stage: Stage, before: Values, after: Values) -> AuditEvent:
        return await self._events.append(
            AuditEvent(
                event_id=self._identifiers.new("evt"),
                seq=0,
                ts=self._clock.now(),
                actor_type=act.actor_type,
                actor_id=act.actor_id,
                action=act.action,
                target_type=act.target_type,
                target_id=act.target_id,
                before=None if before is None else dict(before),
                after=None if after is None else dict(after),
                ip=act.ip,
                trace_id=act.trace_id,
                stage=stage,
                effect_id=act.effect_id,
                prev_hash="",
                hash="",
            )
        )
