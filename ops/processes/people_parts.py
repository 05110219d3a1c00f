"""Wires what the gateway serves people by: identity, self-service, administration, waitlist."""

from pathlib import Path

from argon2 import PasswordHasher

from gateway.access.ports import AccessParts
from gateway.admin.observability import ObservabilityDesk
from gateway.admin.parts import AdminParts
from gateway.connectors.parts import ConnectorParts
from gateway.http.limits import Limiter
from gateway.http.page_tokens import PageTokens
from gateway.identity.own.routes import SelfParts
from gateway.identity.parts import IdentityParts
from gateway.identity.people.afterwards import Afterwards
from gateway.identity.people.letters import Notices as Letters
from gateway.identity.proofs.codes import Codes
from gateway.identity.sessions.access_tokens import AccessTokens
from gateway.market.ports import ReferenceSource
from gateway.people import PeopleParts
from gateway.waitlist.submit import GeoFence, Submit
from ops.processes.alert_parts import alerts_shown
from ops.processes.connector_parts import availabilities_of, vault_of
from ops.processes.controls import halting_of
from ops.processes.platform import Platform
from ops.runtime.languages import load_languages
from storage.address_countries import open_address_countries
from storage.audit.trail import AuditTrail
from storage.countries import load_countries
from storage.decisions.decisions import Decisions
from storage.identity_events import IdentityEvents
from storage.jobs import Jobs
from storage.mongo.access_bindings import AccessBindings
from storage.mongo.accounts import Accounts
from storage.mongo.admins import Admins
from storage.mongo.api_keys import ApiKeys
from storage.mongo.applications import Applications
from storage.mongo.audit_events import AuditEvents
from storage.mongo.business_counts import BusinessCounts
from storage.mongo.challenges import Challenges
from storage.mongo.command_answers import CommandAnswers
from storage.mongo.connectors import Connectors
from storage.mongo.heartbeats import Heartbeats
from storage.mongo.invitations import Invitations
from storage.mongo.leads import Leads
from storage.mongo.notices import Notices
from storage.mongo.orders import Orders
from storage.mongo.provisioning_jobs import ProvisioningJobs
from storage.mongo.sessions import Sessions
from storage.mongo.tenants import Tenants
from storage.mongo.users import Users
from storage.passwords import Passwords, standard_hasher


def people_parts(
    platform: Platform,
    *,
    limiter: Limiter,
    access_tokens: AccessTokens,
    decisions: Decisions,
    jobs: Jobs,
    reference: ReferenceSource,
    hasher: PasswordHasher | None = None,
) -> PeopleParts:
    """Everything over the platform's store and log. Raises `ValueError` for a country database that cannot be read."""
    events = AuditEvents(platform.store.database, platform.key_ring)
    trail = AuditTrail(events, platform.clock, platform.identifiers)
    passwords = Passwords(hasher or standard_hasher())
    identity = _identity(
        platform, limiter=limiter, access_tokens=access_tokens, jobs=jobs, trail=trail, passwords=passwords
    )
    access = _access(platform, reference)
    return PeopleParts(
        identity=identity,
        own=_own(platform, identity),
        administration=_administration(
            platform, jobs=jobs, decisions=decisions, reference=reference, trail=trail, events=events, access=access
        ),
        waitlist=_waitlist(platform),
        access=access,
    )


async def end_people(parts: PeopleParts) -> None:
    """Before the loop ends: work that follows answers is done, threads are given back."""
    await parts.identity.afterwards.drain()
    parts.identity.passwords.close()


def _identity(
    platform: Platform,
    *,
    limiter: Limiter,
    access_tokens: AccessTokens,
    jobs: Jobs,
    trail: AuditTrail,
    passwords: Passwords,
) -> IdentityParts:
    database, settings = platform.store.database, platform.settings
    challenges = Challenges(database)
    return IdentityParts(
        users=Users(database),
        admins=Admins(database),
        tenants=Tenants(database),
        sessions=Sessions(database),
        challenges=challenges,
        notices=Notices(database),
        audit=trail,
        jobs=jobs,
        announcer=IdentityEvents(platform.log, platform.clock),
        access_tokens=access_tokens,
        passwords=passwords,
        codes=Codes(challenges, platform.key_ring, jobs, platform.identifiers),
        key_ring=platform.key_ring,
        limits=limiter,
        tokens=PageTokens(settings.key_ring.get_secret_value().encode()),
        afterwards=Afterwards(),
        clock=platform.clock,
        identifiers=platform.identifiers,
        admin_registration=settings.admin_registration or "approval",
    )


def _own(platform: Platform, identity: IdentityParts) -> SelfParts:
    database = platform.store.database
    return SelfParts(
        users=identity.users,
        tenants=identity.tenants,
        sessions=identity.sessions,
        challenges=identity.challenges,
        invitations=Invitations(database),
        api_keys=ApiKeys(database),
        codes=identity.codes,
        passwords=identity.passwords,
        notices=Letters(identity.notices, identity.jobs),
        limits=identity.limits,
        audit=identity.audit,
        announcer=identity.announcer,
        jobs=identity.jobs,
        key_ring=identity.key_ring,
    )


def _administration(
    platform: Platform,
    *,
    jobs: Jobs,
    decisions: Decisions,
    reference: ReferenceSource,
    trail: AuditTrail,
    events: AuditEvents,
    access: AccessParts,
) -> AdminParts:
    database = platform.store.database
    return AdminParts(
        users=Users(database),
        admins=Admins(database),
        sessions=Sessions(database),
        challenges=Challenges(database),
        tenants=Tenants(database),
        api_keys=ApiKeys(database),
        notices=Notices(database),
        jobs=jobs,
        announcer=IdentityEvents(platform.log, platform.clock),
        trail=trail,
        audit_events=events,
        halting=halting_of(platform),
        decisions=decisions,
        answers=CommandAnswers(database),
        accounts=Accounts(database),
        orders=Orders(database),
        observability=observability_of(platform),
        alerts=alerts_shown(platform, jobs),
        reference=reference,
        connectors=ConnectorParts(Connectors(database), availabilities_of(platform), vault_of(platform)),
        access=access,
    )


def _access(platform: Platform, reference: ReferenceSource) -> AccessParts:
    database = platform.store.database
    return AccessParts(
        applications=Applications(database),
        bindings=AccessBindings(database),
        jobs=ProvisioningJobs(database),
        reference=reference,
        languages=load_languages(),
    )


def observability_of(platform: Platform) -> ObservabilityDesk:
    """The summary of what runs and of what business there is."""
    database = platform.store.database
    return ObservabilityDesk(Heartbeats(database), BusinessCounts(database), platform.topics, platform.clock)


def _waitlist(platform: Platform) -> Submit:
    settings = platform.settings
    database: Path | None = settings.country_database
    addresses = open_address_countries(database) if database else None
    return Submit(
        leads=Leads(platform.store.database),
        countries=load_countries(),
        fence=GeoFence(settings.blocked_countries, addresses),
        identifiers=platform.identifiers,
        languages=load_languages(),
    )
