"""Commands over admins: create, list, activate, suspend. They stand in the audit trail as acts of the system."""

from collections.abc import AsyncIterator
from typing import Any, Final

from gateway.admin.admin_rules import Change
from gateway.admin.ruling import AdminRuling
from gateway.identity.people.letters import Notices as Letters
from gateway.identity.people.person_view import admin_view
from ops.processes.commands.port import EXIT_DATA, Arguments, CommandFailed, Event
from ops.processes.platform import Platform
from ops.runtime.errors import HubError
from storage.audit.trail import AuditTrail, Effect
from storage.identity_events import IdentityEvents
from storage.jobs import Job
from storage.models.audit import SYSTEM_ACTOR, Act, AuditEvent
from storage.models.emails import normalised
from storage.models.people import ADMIN_ROLES, Admin, AdminRole, AdminStatus
from storage.mongo.admins import Admins
from storage.mongo.audit_events import AuditEvents
from storage.mongo.challenges import Challenges
from storage.mongo.failures import AlreadyStored
from storage.mongo.notices import Notices
from storage.mongo.sessions import Sessions
from storage.passwords import Passwords, problem_of, standard_hasher

_LONGEST_NAME: Final = 128


class LeftToTheSweep:
    """A command ends at once, and may have no broker; the sweep of the workers finds the mail within seconds."""

    async def enqueue(self, job: Job, argument: str) -> None:
        """Nothing."""


async def create(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """A new admin, active at once: the operator vouches for the address. The only way to a super_admin."""
    role = _role(arguments)
    email = _email(str(arguments["email"]))
    password = str(arguments["password"])
    problem = problem_of(password, email)
    if problem is not None:
        raise CommandFailed(f"the password is refused ({problem.reason}): it must be {problem.expected}", EXIT_DATA)
    now = platform.clock.now()
    admin = Admin(
        admin_id=platform.identifiers.new("adm"),
        role=role,
        email=email,
        display_name=str(arguments.get("name") or email.partition("@")[0])[:_LONGEST_NAME],
        status="active",
        password_hash=await _hash(password),
        created_at=now,
        verified_at=now,
    )

    async def effect(_intended: AuditEvent) -> tuple[bytes, Event]:
        try:
            await Admins(platform.store.database).insert(admin)
        except AlreadyStored as error:
            raise HubError("admin.email_taken") from error
        await IdentityEvents(platform.log, platform.clock).announce("admin", admin.admin_id)
        return b"", {"status": admin.status, "role": role}

    await _audited(
        platform, "admin.create", admin, before=None, after={"status": admin.status, "role": role}, effect=effect
    )
    yield admin_view(admin)


async def list_admins(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:  # noqa: ARG001  (takes none)
    """Every admin, oldest first."""
    for admin in await Admins(platform.store.database).all():
        yield admin_view(admin)


async def activate(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Let an admin in, who is then told by mail; by id or address."""
    yield await _set(platform, str(arguments["admin"]), "active")


async def suspend(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Keep an admin out; every session ends within 2 s. By id or address."""
    yield await _set(platform, str(arguments["admin"]), "suspended")


async def _set(platform: Platform, named: str, status: AdminStatus) -> Event:
    database = platform.store.database
    admin = await _named(platform, named)
    letters = Letters(Notices(database), LeftToTheSweep())
    announcer = IdentityEvents(platform.log, platform.clock)
    ruling = AdminRuling(
        Admins(database), Sessions(database), Challenges(database), announcer=announcer, notices=letters
    )
    before = {"status": admin.status, "role": admin.role}
    found: list[Admin] = []

    async def effect(intended: AuditEvent) -> tuple[bytes, Event]:
        now = platform.clock.now()
        after = await ruling.change(admin.admin_id, Change(status, None), intended.before or before, now)
        found.append(after)
        return b"", {"status": after.status, "role": after.role}

    await _audited(
        platform, "admin.update", admin, before=before, after={"status": status, "role": admin.role}, effect=effect
    )
    return admin_view(found[0])


async def _audited(
    platform: Platform,
    action: str,
    admin: Admin,
    *,
    before: dict[str, Any] | None,
    after: dict[str, Any],
    effect: Effect,
) -> None:
    events = AuditEvents(platform.store.database, platform.key_ring)
    act = Act(
        actor_type="system",
        actor_id=SYSTEM_ACTOR,
        action=action,
        target_type="admin",
        target_id=admin.admin_id,
        before=before,
        after=after,
        ip="",
        trace_id="",
        effect_id=platform.identifiers.event_id(),
    )
    try:
        await AuditTrail(events, platform.clock, platform.identifiers).privileged(act, effect)
    except HubError as refusal:
        details = "".join(f" ({name} {value})" for name, value in (refusal.details or {}).items())
        raise CommandFailed(f"{refusal.kind.message}{details}", EXIT_DATA) from None


async def _named(platform: Platform, named: str) -> Admin:
    admins = Admins(platform.store.database)
    admin = await (admins.by_email(_email(named)) if "@" in named else admins.get(named))
    if admin is None:
        raise CommandFailed(f"there is no admin {named}; `omniaxs admin list` has them all", EXIT_DATA)
    return admin


async def _hash(password: str) -> str:
    passwords = Passwords(standard_hasher())
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()


def _email(text: str) -> str:
    try:
        return normalised(text)
    except ValueError as error:
        raise CommandFailed(f"{text!r} is not an e-mail address: {error}", EXIT_DATA) from None


def _role(arguments: Arguments) -> AdminRole:
    for role in ADMIN_ROLES:
        if role == arguments.get("role"):
            return role
    raise CommandFailed(f"no such role: {arguments.get('role')!r}; the roles are {', '.join(ADMIN_ROLES)}", EXIT_DATA)
