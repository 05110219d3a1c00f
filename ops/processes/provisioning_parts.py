"""Wires provisioning: the saga's steps over the order core, the controls, the venues and the store, and its sweep."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from ops.processes.controls import announcer_of
from ops.processes.platform import Platform
from storage.alerting import AlertKeeper
from storage.audit.trail import AuditTrail
from storage.connector_asking import ConnectorAsking
from storage.controls.access_rights import AccessRights
from storage.controls.availability import Availabilities
from storage.credentials import CredentialVault
from storage.decisions.decisions import Decisions
from storage.identity_events import IdentityEvents
from storage.jobs import DramatiqJobs
from storage.models.provisioning import MOST_TRIES, StepName
from storage.mongo.access_bindings import AccessBindings
from storage.mongo.accounts import Accounts
from storage.mongo.applications import Applications
from storage.mongo.audit_events import AuditEvents
from storage.mongo.command_answers import CommandAnswers
from storage.mongo.connector_checks import ConnectorChecks
from storage.mongo.connectors import Connectors
from storage.mongo.provisioning_jobs import ProvisioningJobs
from storage.mongo.reference import load_reference
from storage.mongo.tenants import Tenants
from workers.provisioning.account import OpenTheAccount
from workers.provisioning.application import ProvisionedApplications
from workers.provisioning.binding import Activate, BindConnectors, Rights, VerifyConnectivity
from workers.provisioning.core import AccountTerms, Core
from workers.provisioning.market import StoredMarket
from workers.provisioning.news import JobNews
from workers.provisioning.saga import Provisioning, SagaStep
from workers.provisioning.validating import LoadCredentials, Validate
from workers.sweeps.provisioning import provisioning_sweep
from workers.sweeps.sweeping import Sweep

SWEEP_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class ProvisioningParts:
    """`saga.provision` is the body of the job."""

    saga: Provisioning
    sweep: Sweep


def open_provisioning(
    platform: Platform,
    jobs: DramatiqJobs,
    decisions: Decisions,
    keeper: AlertKeeper,
    *,
    most_tries: int = MOST_TRIES,
    sweep_seconds: float = SWEEP_SECONDS,
) -> ProvisioningParts:
    """Everything over the platform's store and log; nothing runs yet. `decisions` must be reading when a job comes; `keeper` is
    told of jobs that fail.
    """
    store, clock = ProvisioningJobs(platform.store.database), platform.clock
    audit = AuditTrail(AuditEvents(platform.store.database, platform.key_ring), clock, platform.identifiers)
    steps = _steps(platform, jobs, decisions)
    saga = Provisioning(
        store, steps, JobNews(audit, keeper), clock=clock, metrics=platform.metrics, most_tries=most_tries
    )
    sweep = provisioning_sweep(store, Applications(platform.store.database), jobs, clock)
    return ProvisioningParts(saga, Sweep("provisioning", sweep_seconds, sweep))


def _steps(platform: Platform, jobs: DramatiqJobs, decisions: Decisions) -> dict[StepName, SagaStep]:
    database, clock = platform.store.database, platform.clock
    announcer = announcer_of(platform)
    tenants, applications = Tenants(database), ProvisionedApplications(Applications(database))
    rights = Rights(AccessRights(AccessBindings(database), announcer, clock))
    states = Availabilities(announcer, clock)
    market = StoredMarket(partial(load_reference, database), Connectors(database), states)
    core = Core(decisions, Accounts(database), CommandAnswers(database), _terms(platform))
    return {
        "validate": Validate(applications, tenants, market),
        "open_account": OpenTheAccount(tenants, core, IdentityEvents(platform.log, clock)),
        "load_credentials": LoadCredentials(CredentialVault(database, platform.key_ring, clock)),
        "bind_connectors": BindConnectors(rights, market),
        "verify_connectivity": VerifyConnectivity(
            rights, market, ConnectorAsking(platform.log, ConnectorChecks(database))
        ),
        "activate": Activate(rights, applications, tenants, jobs),
    }


def _terms(platform: Platform) -> AccountTerms:
    settings = platform.settings
    if settings.mode == "production":
        return AccountTerms("live", None)
    return AccountTerms("sandbox", settings.sandbox_deposit)
