"""Commands over the audit trail: check it, list it."""

from collections.abc import AsyncIterator
from typing import Final, cast

from gateway.admin.views import audit_view
from ops.processes.commands.port import EXIT_DATA, EXIT_FAILED, Arguments, CommandFailed, Event
from ops.processes.platform import Platform
from storage.audit.heads import Heads
from storage.audit.verification import verify as verify_trail
from storage.models.audit import ACTOR_TYPES, ActorType
from storage.mongo.audit_events import AuditEvents

_USUAL: Final = 50


async def verify(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:  # noqa: ARG001  (takes none)
    """Check every link, and the published heads; fails, after the verdict, naming the first link that is broken."""
    events = AuditEvents(platform.store.database, platform.key_ring)
    verdict = await verify_trail(events, Heads(platform.log, events), platform.key_ring)
    broken = verdict.broken
    yield {
        "whole": broken is None,
        "links": verdict.head.seq,
        "head": verdict.head.hash or None,
        "published_seq": verdict.published or None,
        "broken": None if broken is None else {"seq": broken.seq, "what": broken.what},
    }
    if broken is not None:
        raise CommandFailed(f"the audit trail is broken at seq {broken.seq}: {broken.what}", EXIT_FAILED)


async def list_events(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """The newest events, newest first; `actor_type` and `action_prefix` narrow them."""
    actor_type = arguments.get("actor_type")
    if actor_type is not None and actor_type not in ACTOR_TYPES:
        raise CommandFailed(f"no such actor type: {actor_type!r}; it is one of {', '.join(ACTOR_TYPES)}", EXIT_DATA)
    events = AuditEvents(platform.store.database, platform.key_ring)
    limit = int(arguments.get("limit") or _USUAL)
    prefix = arguments.get("action_prefix")
    for event in await events.newest(cast("ActorType | None", actor_type), prefix, limit):
        yield audit_view(event)
