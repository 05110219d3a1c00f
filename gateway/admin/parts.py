"""What admin routes are made of, for whoever builds the gateway."""

from dataclasses import dataclass

from gateway.access.ports import AccessParts
from gateway.admin.alert_parts import AlertParts
from gateway.admin.observability import ObservabilityDesk
from gateway.connectors.parts import ConnectorParts
from gateway.market.ports import ReferenceSource
from storage.audit.trail import AuditTrail
from storage.controls.halting import Halting
from storage.decisions.decisions import Decisions
from storage.identity_events import IdentityEvents
from storage.jobs import Jobs
from storage.mongo.accounts import Accounts
from storage.mongo.admins import Admins
from storage.mongo.api_keys import ApiKeys
from storage.mongo.audit_events import AuditEvents
from storage.mongo.challenges import Challenges
from storage.mongo.command_answers import CommandAnswers
from storage.mongo.notices import Notices
from storage.mongo.orders import Orders
from storage.mongo.sessions import Sessions
from storage.mongo.tenants import Tenants
from storage.mongo.users import Users


@dataclass(frozen=True, slots=True)
class AdminParts:
    """`decisions` are those that trading asks by (their `run` is running); `trail` writes what `audit_events` shows."""

    users: Users
    admins: Admins
    sessions: Sessions
    challenges: Challenges
    tenants: Tenants
    api_keys: ApiKeys
    notices: Notices
    jobs: Jobs
    announcer: IdentityEvents
    trail: AuditTrail
    audit_events: AuditEvents
    halting: Halting
    decisions: Decisions
    answers: CommandAnswers
    accounts: Accounts
    orders: Orders
    reference: ReferenceSource
    access: AccessParts
    connectors: ConnectorParts
    observability: ObservabilityDesk
    alerts: AlertParts
