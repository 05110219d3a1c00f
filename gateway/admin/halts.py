"""The kill switch over HTTP: halts in force, a new one, the end of one; each write is answered when it is applied."""

from typing import Any, Final, cast, get_args

from gateway.admin.acts import Values, act_of, encode
from gateway.admin.parts import AdminParts
from gateway.http.calls import BearerCall
from gateway.http.fields import BodyReader
from gateway.http.listing import page_asked, page_of
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader, invalid
from ops.runtime.errors import HubError
from ops.runtime.timestamps import format_timestamp
from storage.controls.halt_targets import TARGETS, target_problem, target_warning
from storage.controls.halting import HaltOutcome
from storage.models.audit import AuditEvent
from storage.models.controls import HALT_SCOPES, Halt, HaltLevel, HaltScope
from storage.mongo.controls import StoredControl

_LONGEST_TARGET: Final = 257
_LEVELS: Final = get_args(HaltLevel)


class HaltDesk:
    """Halts and lifts. A write whose halt is not applied everywhere after 2 s says so: it is stored, and will be."""

    def __init__(self, parts: AdminParts, tokens: PageTokens) -> None:
        self._parts, self._tokens = parts, tokens

    async def list(self, call: BearerCall) -> bytes:
        """The halts in force, oldest first. Raises `request.invalid` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        asked = page_asked(reader)
        reader.finish()
        stored = await self._parts.halting.list()
        page, token = page_of(stored, asked, _place, self._tokens, ("halts", {}))
        items = [{**_view(_halt(one)), "changed_at": format_timestamp(one.changed_at)} for one in page]
        return encode({"items": items, "next_page_token": token})

    async def set(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: the halt, whether and how fast it was applied. Raises `request.invalid`, also for a target that is none."""
        halt = self._read(call, body)
        problem = await target_problem(halt.scope, halt.target, self._parts.reference(), self._parts.tenants)
        if problem is not None:
            raise invalid("target", problem, TARGETS[halt.scope])
        act = act_of(call, "halt.set", ("halt", halt.halt_id), None, _view(halt))

        async def effect(_intended: AuditEvent) -> tuple[bytes, Values]:
            lifted = await self._lifted(halt.halt_id)
            if lifted is not None:  # a repeat long after: whoever has lifted it since is not to be overruled
                return encode({**_view(lifted), **_told(await self._parts.halting.lift(halt.halt_id))}), _view(lifted)
            outcome = await self._parts.halting.halt(halt)
            warning = await target_warning(halt.scope, halt.target, self._parts.accounts)
            return encode({**_view(halt), **_told(outcome), "warning": warning}), {**_view(halt), **_kept(outcome)}

        return await self._parts.trail.privileged(act, effect)

    async def lift(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: the halt, lifted, and how fast. Raises `halt.not_found` for one that never was."""
        BodyReader(body).finish()
        halt_id = call.path["halt_id"]
        found = await self._stored(halt_id)
        if found is None:
            raise HubError("halt.not_found", {"halt_id": halt_id})
        act = act_of(call, "halt.lift", ("halt", halt_id), _view(found), {**_view(found), "lifted": True})

        async def effect(_intended: AuditEvent) -> tuple[bytes, Values]:
            outcome = await self._parts.halting.lift(halt_id)
            now = {**_view(found), "lifted": True}
            return encode({**now, **_told(outcome)}), {**now, **_kept(outcome)}

        return await self._parts.trail.privileged(act, effect)

    def _read(self, call: BearerCall, body: dict[str, Any]) -> Halt:
        reader = BodyReader(body)
        scope = cast("HaltScope", reader.choice("scope", HALT_SCOPES, required=True))
        target = reader.text("target", least=0, most=_LONGEST_TARGET) or ""
        level = cast("HaltLevel", reader.choice("level", _LEVELS, required=True))
        reason = reader.text("reason", least=0) or ""
        reader.finish()
        return Halt(f"hlt_{call.effect_id}", scope, target, level, reason)

    async def _lifted(self, halt_id: str) -> Halt | None:
        found = await self._stored(halt_id)
        return found if found is not None and found.lifted else None

    async def _stored(self, halt_id: str) -> Halt | None:
        stored = await self._parts.halting.list(lifted=True)
        return next((_halt(one) for one in stored if _halt(one).halt_id == halt_id), None)


def _halt(control: StoredControl) -> Halt:
    return cast("Halt", control.document)


def _place(control: StoredControl) -> str:
    return f"{control.changed_at:020d}:{_halt(control).halt_id}"


def _view(halt: Halt) -> Values:
    return {
        "halt_id": halt.halt_id,
        "scope": halt.scope,
        "target": halt.target,
        "level": halt.level,
        "reason": halt.reason,
        "lifted": halt.lifted,
    }


def _told(outcome: HaltOutcome) -> Values:
    return {
        **_kept(outcome),
        "not_applied": outcome.not_applied,
        "unclaimed": outcome.unclaimed,
        "reasons": {str(partition): why for partition, why in outcome.reasons.items()},
    }


def _kept(outcome: HaltOutcome) -> Values:
    applied = outcome.applied_ms
    return {
        "applied": applied is not None,
        "applied_ms": None if applied is None else round(applied, 3),
        "controls_version": outcome.controls_version,
    }
