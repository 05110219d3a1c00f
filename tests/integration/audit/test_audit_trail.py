"""The trail around privileged writes: told before and after, once for each effect, whatever is repeated or killed between."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from mongomock_motor import AsyncMongoMockClient

from ops.runtime.clock import ManualClock
from ops.runtime.errors import HubError
from ops.runtime.identifiers import SystemIdentifiers
from storage.audit.heads import AUDIT_KEY, Heads
from storage.audit.trail import AuditTrail
from storage.audit.verification import verify
from storage.log.memory import MemoryLog
from storage.log.port import Message
from storage.models.audit import Act, AuditEvent
from storage.mongo.audit_events import COLLECTION, AuditEvents
from storage.sealing import KeyRing
from storage.topics import PLATFORM_EVENTS, Topics

RING = KeyRing.parse("one:first-secret-of-the-ring")
ACT = Act(
    "admin", "adm_1", "user.status", "user", "usr_1", {"status": "active"}, {"status": "closed"}, "::1", "1" * 32, "e1"
)


class Killed(BaseException):
    """The process ends here."""


class Desk:
    """A trail over a store of its own, and the state that effects change."""

    def __init__(self) -> None:
        self.database = AsyncMongoMockClient()["audit"]
        self.clock = ManualClock()
        self.events = AuditEvents(self.database, RING)
        self.trail = AuditTrail(self.events, self.clock, SystemIdentifiers())
        self.log = MemoryLog(Topics(), self.clock)
        self.heads = Heads(self.log, self.events)
        self.given: list[Mapping[str, Any] | None] = []

    async def effect(self, intended: AuditEvent) -> tuple[bytes, Mapping[str, Any]]:
        self.given.append(intended.before)
        return b'{"done":true}', {"status": "closed"}

    async def stages(self) -> list[tuple[str, Any, Any]]:
        return [(one.stage, one.before, one.after) for one in reversed(await self.events.newest(None, None, 99))]


@pytest.fixture
def desk() -> Desk:
    return Desk()


ACTIVE, CLOSED = {"status": "active"}, {"status": "closed"}
WHOLE = [("intended", ACTIVE, CLOSED), ("done", ACTIVE, CLOSED)]


async def test_a_write_is_told_before_and_after(desk: Desk) -> None:
    assert await desk.trail.privileged(ACT, desk.effect) == b'{"done":true}'
    assert await desk.stages() == WHOLE
    newest = (await desk.events.newest(None, None, 1))[0]
    assert (newest.actor_id, newest.target_id, newest.ip, newest.trace_id, newest.effect_id, newest.ts) == (
        "adm_1", "usr_1", "::1", "1" * 32, "e1", desk.clock.now(),
    )  # fmt: skip


async def test_a_repeat_gets_the_state_before_the_first_try_and_is_not_told_again(desk: Desk) -> None:
    await desk.trail.privileged(ACT, desk.effect)
    again = replace(ACT, before={"status": "closed"}, trace_id="2" * 32)
    assert await desk.trail.privileged(again, desk.effect) == b'{"done":true}'
    assert desk.given == [ACTIVE, ACTIVE]
    assert await desk.stages() == WHOLE


async def test_a_try_that_was_killed_in_its_effect_is_finished_by_the_next(desk: Desk) -> None:
    async def killed(intended: AuditEvent) -> tuple[bytes, None]:
        raise Killed

    with pytest.raises(Killed):
        await desk.trail.privileged(ACT, killed)
    assert await desk.stages() == WHOLE[:1]
    await desk.trail.privileged(replace(ACT, before={"status": "suspended"}), desk.effect)
    assert await desk.stages() == WHOLE


async def test_a_refusal_ends_the_act_and_what_is_unknown_does_not(desk: Desk) -> None:
    async def unknown(intended: AuditEvent) -> tuple[bytes, None]:
        raise HubError("order.outcome_unknown")

    async def refused(intended: AuditEvent) -> tuple[bytes, None]:
        raise HubError("user.closed")

    with pytest.raises(HubError, match=r"order\.outcome_unknown"):
        await desk.trail.privileged(ACT, unknown)
    assert await desk.stages() == WHOLE[:1]
    with pytest.raises(HubError, match=r"user\.closed"):
        await desk.trail.privileged(ACT, refused)
    assert await desk.stages() == [WHOLE[0], ("done", ACTIVE, {"refused": "user.closed"})]


async def test_what_is_finished_is_recorded(desk: Desk) -> None:
    login = replace(ACT, action="admin.login", before=None, after=None, effect_id="")
    assert (await desk.trail.record(login)).seq == 1
    assert (await desk.trail.record(login)).seq == 2
    assert (await desk.trail.record(replace(login, effect_id="c1"))).seq == 3
    assert (await desk.trail.record(replace(login, effect_id="c1"))).seq == 3


async def test_heads_are_published_and_a_cut_tail_shows(desk: Desk) -> None:
    assert await desk.heads.published() == {}
    assert (await desk.heads.publish_head()).seq == 0
    await desk.trail.privileged(ACT, desk.effect)
    assert (await desk.heads.publish_head()).seq == 2
    await desk.heads.publish_head()
    await desk.log.append(PLATFORM_EVENTS, Message(AUDIT_KEY, b'{"seq":2,"hash":"anew"}'))
    await desk.log.append(PLATFORM_EVENTS, Message(AUDIT_KEY, b"not a head"))
    assert (await desk.log.bounds(PLATFORM_EVENTS))[0].next == 3
    assert list(await desk.heads.published()) == [2]
    await desk.trail.record(replace(ACT, effect_id=""))
    verdict = await verify(desk.events, desk.heads, RING)
    assert (verdict.head.seq, verdict.published, verdict.broken) == (3, 2, None)
    await desk.database[COLLECTION].delete_many({"_id": {"$gte": 2}})
    verdict = await verify(desk.events, desk.heads, RING)
    assert verdict.head.seq == 1
    assert verdict.broken is not None
    assert (verdict.broken.seq, verdict.broken.what) == (
        2,
        "it is missing: the head 2 was published, the trail ends at 1",
    )


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"$set": {"after.status": "suspendee"}}, "its content is not what its hash says"),
        ({"$unset": {"ip": ""}}, "its content is not what its hash says"),
        ({"$set": {"seq": 3}}, "is missing"),
        ({"$set": {"hash": "h1.two.00"}}, "was hashed by the key 'two'"),
    ],
)
async def test_a_document_that_was_changed_in_the_store_is_named(desk: Desk, change: dict[str, Any], what: str) -> None:
    await desk.trail.privileged(ACT, desk.effect)
    await desk.database[COLLECTION].update_one({"_id": 2}, change)
    broken = (await verify(desk.events, desk.heads, RING)).broken
    assert broken is not None
    assert broken.seq == 2
    assert what in broken.what
