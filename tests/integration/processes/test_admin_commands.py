"""`omniaxs admin` and `omniaxs audit`: the first super_admin, who may come in, and whether the trail is whole."""

from typing import Any

import pytest

from ops.processes.commands.port import EXIT_DATA, EXIT_FAILED, CommandFailed
from ops.processes.commands.registry import COMMANDS
from ops.processes.platform import Platform
from storage.audit.heads import Heads
from storage.models.people import Admin
from storage.models.sessions import Session
from storage.mongo.admins import Admins
from storage.mongo.audit_events import COLLECTION, AuditEvents
from storage.mongo.migrations import migrate
from storage.mongo.notices import COLLECTION as NOTICES
from storage.mongo.sessions import Sessions
from storage.passwords import Passwords, standard_hasher
from tests.integration.admin.admin_desk import memory_platform

NEW = {"email": "Root@Example.com", "name": "Root", "role": "super_admin", "password": "long enough to be one"}


@pytest.fixture
async def platform() -> Platform:
    platform = memory_platform()
    await migrate(platform.store.database, platform.clock)
    return platform


async def run(platform: Platform, command: str, /, **arguments: Any) -> list[dict[str, Any]]:
    return [event async for event in COMMANDS[command](platform, arguments)]


async def refused(platform: Platform, command: str, /, **arguments: Any) -> str:
    with pytest.raises(CommandFailed) as failure:
        await run(platform, command, **arguments)
    assert failure.value.exit_code == EXIT_DATA
    return str(failure.value)


async def test_an_admin_is_made_and_may_log_in_at_once(platform: Platform) -> None:
    [shown] = await run(platform, "admins.create", **NEW)
    assert (shown["email"], shown["role"], shown["status"], shown["display_name"]) == (
        "root@example.com", "super_admin", "active", "Root",
    )  # fmt: skip
    assert not any("password" in name for name in shown)
    kept = await Admins(platform.store.database).by_email("root@example.com")
    assert kept is not None
    passwords = Passwords(standard_hasher())
    assert await passwords.verify(kept.password_hash, NEW["password"])
    passwords.close()
    assert await run(platform, "admins.list") == [shown]
    events = await run(platform, "audit.list", action_prefix="admin.")
    assert [(one["stage"], one["action"], one["actor_type"], one["target_id"]) for one in events] == [
        ("done", "admin.create", "system", shown["admin_id"]),
        ("intended", "admin.create", "system", shown["admin_id"]),
    ]
    assert NEW["password"] not in str(events)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"email": "nobody"}, "'nobody' is not an e-mail address"),
        ({"role": "owner"}, "the roles are super_admin, ops_admin, compliance_admin"),
        ({"password": "short"}, "too short"),
        ({"password": "password1"}, "one of the commonest"),
    ],
)
async def test_what_cannot_be_an_admin_is_told_why(platform: Platform, change: dict[str, str], said: str) -> None:
    assert said in await refused(platform, "admins.create", **{**NEW, **change})
    assert await run(platform, "admins.list") == []


async def test_an_address_belongs_to_one_admin(platform: Platform) -> None:
    await run(platform, "admins.create", **NEW)
    assert "registered already" in await refused(platform, "admins.create", **NEW)
    [last] = await run(platform, "audit.list", limit=1)
    assert last["after"] == {"refused": "admin.email_taken"}


async def test_admins_are_let_in_and_kept_out(platform: Platform) -> None:
    [root] = await run(platform, "admins.create", **NEW)
    database, now = platform.store.database, platform.clock.now()
    waiting = Admin(
        admin_id="adm_w", role="ops_admin", email="w@example.com", display_name="W", status="pending_approval",
        password_hash="", created_at=now, verified_at=now,
    )  # fmt: skip
    await Admins(database).insert(waiting)
    [active] = await run(platform, "admins.activate", admin="W@example.com")
    assert active["status"] == "active"
    assert (
        await database[NOTICES].count_documents({"mail.template": "admin_activated", "mail.to": "w@example.com"}) == 1
    )
    session = Session(
        session_id="ses_1", audience="admin", subject_id="adm_w", refresh_hash="", created_at=now, last_used_at=now,
        expires_at=now + 1, ip="", user_agent="",
    )  # fmt: skip
    await Sessions(database).insert(session)
    [suspended] = await run(platform, "admins.suspend", admin="adm_w")
    assert suspended["status"] == "suspended"
    assert await Sessions(database).active_of("adm_w", now) == []
    assert "cannot be taken away" in await refused(platform, "admins.suspend", admin=root["admin_id"])
    assert "there is no admin adm_x" in await refused(platform, "admins.activate", admin="adm_x")


async def test_the_trail_is_checked_and_its_first_broken_link_named(platform: Platform) -> None:
    assert await run(platform, "audit.verify") == [
        {"whole": True, "links": 0, "head": None, "published_seq": None, "broken": None}
    ]
    await run(platform, "admins.create", **NEW)
    await Heads(platform.log, AuditEvents(platform.store.database, platform.key_ring)).publish_head()
    [whole] = await run(platform, "audit.verify")
    assert (whole["whole"], whole["links"], whole["published_seq"]) == (True, 2, 2)
    await platform.store.database[COLLECTION].delete_one({"_id": 2})
    seen: list[dict[str, Any]] = []
    with pytest.raises(CommandFailed, match="broken at seq 2: it is missing") as failure:
        seen = [event async for event in _into(seen, COMMANDS["audit.verify"](platform, {}))]
    assert failure.value.exit_code == EXIT_FAILED
    assert seen[0]["broken"] == {"seq": 2, "what": "it is missing: the head 2 was published, the trail ends at 1"}


async def _into(seen: list[dict[str, Any]], events: Any) -> Any:
    async for event in events:
        seen.append(event)
        yield event


async def test_an_unknown_actor_type_is_told(platform: Platform) -> None:
    assert "user, admin, system" in await refused(platform, "audit.list", actor_type="robot")


async def test_privileged_commands_are_told_without_secrets(platform: Platform) -> None:
    [key] = await run(platform, "keys.create", tenant_name="Acme", scopes=None)
    await run(platform, "keys.revoke", key_id=key["key_id"])
    with pytest.raises(CommandFailed):
        await run(platform, "keys.revoke", key_id="pmk_none")
    told = list(reversed(await run(platform, "audit.list")))
    assert [(one["action"], one["stage"], one["target_id"]) for one in told] == [
        ("api_key.create", "intended", "Acme"), ("api_key.create", "done", "Acme"),
        ("api_key.revoke", "intended", key["key_id"]), ("api_key.revoke", "done", key["key_id"]),
        ("api_key.revoke", "intended", "pmk_none"), ("api_key.revoke", "done", "pmk_none"),
    ]  # fmt: skip
    assert told[1]["after"]["key_id"] == key["key_id"]
    assert told[-1]["after"] == {"failed": "there is no API key pmk_none"}
    assert key["api_secret"] not in str(told)
