"""`GET audit-events`: newest first, filtered, paged by seq, with all that the hash is made of."""

import json

from storage.models.audit import Act
from storage.models.audit_chain import first_broken
from tests.integration.admin.admin_desk import AdminDesk


def act(number: int, actor_type: str = "user", action: str = "user.login") -> Act:
    return Act(actor_type, f"usr_{number}", action, "user", f"usr_{number}", None, {"n": number}, "::1", "1" * 32)


async def test_events_are_shown_whole(desk: AdminDesk) -> None:
    event = await desk.parts.trail.record(act(1))
    caller = await desk.log_in("compliance_admin")
    [shown] = (await caller.get("/audit-events")).data["items"]
    assert shown == {**event.model_dump(), "ts": "2024-08-08T14:30:00Z"}
    assert first_broken([{**shown, "ts": event.ts}], desk.platform.key_ring) is None


async def test_events_are_filtered_and_paged(desk: AdminDesk) -> None:
    for number in range(1, 8):
        admin = number % 3 == 0
        await desk.parts.trail.record(act(number, "admin" if admin else "user", "halt.set" if admin else "user.login"))
    caller = await desk.log_in()

    async def seqs(query: str) -> list[int]:
        return [one["seq"] for one in (await caller.get(f"/audit-events?{query}")).data["items"]]

    assert await seqs("limit=2") == [7, 6]
    assert await seqs("page_size=2") == [7, 6]
    assert await seqs("actor_type=admin") == [6, 3]
    assert await seqs("action_prefix=user.&limit=3") == [7, 5, 4]
    token = json.loads((await caller.get("/audit-events?action_prefix=user.&limit=3")).body)["data"]["next_page_token"]
    await desk.parts.trail.record(act(8))
    assert await seqs(f"action_prefix=user.&limit=3&page_token={token}") == [2, 1]
    assert (await caller.get("/audit-events?limit=9")).data["next_page_token"] is None
    for query in ("actor_type=robot", "limit=501", "limit=0", "page_size=0", "page_size=501"):
        assert (await caller.get(f"/audit-events?{query}")).code == "request.invalid"
