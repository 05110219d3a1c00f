"""The indexes as data: collection -> what its queries need beside `_id`. `storage.mongo.migrations` makes them so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from storage.models.mails import MAIL_COLLECTIONS
from storage.mongo import (
    access_bindings,
    active_signals,
    admins,
    alerts,
    api_keys,
    applications,
    audit_events,
    bars,
    challenges,
    command_answers,
    controls,
    credentials,
    fills,
    heartbeats,
    idempotency,
    invitations,
    notices,
    order_requests,
    orders,
    ownership,
    positions,
    provisioning_jobs,
    sessions,
    users,
)


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """One index. `keys` are (field, 1 or -1) in order; `serves` names the query that is slow without it."""

    name: str
    keys: tuple[tuple[str, int], ...]
    serves: str
    unique: bool = False


_MAIL: Final = IndexSpec("mail_state_next_try", (("mail.state", 1), ("mail.next_try_at", 1)), "Outbox.due")
_OUTLIVED: Final[Mapping[str, IndexSpec]] = {
    alerts.COLLECTION: IndexSpec("resolved", (("resolved_at", 1),), "Alerts.drop_before"),
    challenges.COLLECTION: IndexSpec("expires_at", (("expires_at", 1),), "Outlived.challenges"),
    sessions.COLLECTION: IndexSpec("expires_at", (("expires_at", 1),), "Outlived.sessions"),
    notices.COLLECTION: IndexSpec("mail_created", (("mail.created_at", 1),), "Outlived.notices"),
}
_OF_REPOSITORIES: Final[Mapping[str, tuple[IndexSpec, ...]]] = {
    alerts.COLLECTION: (
        IndexSpec("alert_id", (("alert_id", 1),), "Alerts.get"),
        IndexSpec("key_number", (("key", 1), ("number", -1)), "Alerts.newest"),
        IndexSpec("first_seen", (("first_seen_at", -1), ("alert_id", -1)), "Alerts.page"),
        IndexSpec("code_first_seen", (("code", 1), ("first_seen_at", -1), ("alert_id", -1)), "Alerts.page of a code"),
        IndexSpec("state_code", (("state", 1), ("code", 1)), "Alerts.standing"),
        IndexSpec("due", (("due_at", 1),), "Alerts.due"),
        IndexSpec("quiet", (("quiet_at", 1),), "Alerts.quiet"),
    ),
    bars.COLLECTION: (
        IndexSpec("partition_upto", (("partition", 1), ("upto", 1)), "Bars.ahead_of"),
        IndexSpec("symbol_timeframe_start", (("symbol", 1), ("timeframe", 1), ("start", 1)), "Bars.range"),
        IndexSpec("partition_symbol", (("partition", 1), ("symbol", 1)), "Bars.newest"),
    ),
    api_keys.COLLECTION: (IndexSpec("tenant_id", (("tenant_id", 1), ("created_at", 1)), "ApiKeys.of_tenant"),),
    audit_events.COLLECTION: (
        IndexSpec("effect_stage", (("effect_id", 1), ("stage", 1)), "AuditEvents.of_effect"),
        IndexSpec("actor_type_seq", (("actor_type", 1), ("_id", -1)), "AuditEvents.newest of an actor type"),
    ),
    ownership.CHECKPOINTS: (
        IndexSpec("topic_partition", (("topic", 1), ("partition", 1)), "Checkpoints.of_partition"),
    ),
    orders.COLLECTION: (
        IndexSpec("account_created", (("account_id", 1), ("created_ns", -1), ("order_id", -1)), "Orders.page"),
        IndexSpec(
            "account_status_created",
            (("account_id", 1), ("status", 1), ("created_ns", -1), ("order_id", -1)),
            "Orders.open_of, Orders.page of a status",
        ),
        IndexSpec(
            "account_client_id", (("account_id", 1), ("client_order_id", 1), ("created_ns", -1)), "Orders.by_client_id"
        ),
        IndexSpec("created", (("created_ns", -1), ("order_id", -1)), "Orders.page_of_all, BusinessCounts.orders_since"),
        IndexSpec(
            "status_created",
            (("status", 1), ("created_ns", -1), ("order_id", -1)),
            "Orders.page_of_all of a status, BusinessCounts.orders",
        ),
        IndexSpec(
            "symbol_created",
            (("symbol", 1), ("created_ns", -1), ("order_id", -1)),
            "Orders.page_of_all of a symbol",
        ),
    ),
    fills.COLLECTION: (
        IndexSpec("account_time", (("account_id", 1), ("ts_ns", -1), ("key", -1)), "Fills.page"),
        IndexSpec(
            "account_order_time",
            (("account_id", 1), ("order_id", 1), ("ts_ns", -1), ("key", -1)),
            "Fills.page of an order",
        ),
        IndexSpec(
            "time_notional", (("ts_ns", 1), ("currency", 1), ("units", 1), ("parts", 1)), "BusinessCounts.traded"
        ),
    ),
    positions.COLLECTION: (IndexSpec("account_symbol", (("account_id", 1), ("symbol", 1)), "Positions.of"),),
    command_answers.COLLECTION: (IndexSpec("expires_at", (("expires_at", 1),), "CommandAnswers.remove_expired"),),
    active_signals.COLLECTION: (
        IndexSpec("owner_stage", (("owner", 1), ("stage", 1), ("ts", 1)), "ActiveSignals.of"),
        IndexSpec("stage_ts", (("stage", 1), ("ts", 1)), "ActiveSignals.remove_cleared"),
    ),
    order_requests.COLLECTION: (IndexSpec("issued_at", (("issued_at", 1),), "OrderRequests.drop_before"),),
    idempotency.COLLECTION: (IndexSpec("created_at", (("created_at", 1),), "IdempotencyRecords.drop_before"),),
    controls.COLLECTION: (IndexSpec("pending", (("pending", 1), ("changed_at", 1)), "ControlDocuments.unannounced"),),
    credentials.COLLECTION: (
        IndexSpec(
            "exchange_name",
            (("exchange_code", 1), ("credential_name", 1)),
            "Credentials.get, Credentials.of_exchange; one of a name an exchange",
            unique=True,
        ),
    ),
    heartbeats.COLLECTION: (IndexSpec("beat_at", (("beat_at", 1),), "Heartbeats.all"),),
    users.COLLECTION: (
        IndexSpec("email", (("email", 1),), "Users.by_email; one user an address", unique=True),
        IndexSpec("created", (("created_at", -1), ("_id", -1)), "Users.page"),
        IndexSpec("status_created", (("status", 1), ("created_at", -1), ("_id", -1)), "Users.page of a status"),
    ),
    admins.COLLECTION: (
        IndexSpec("email", (("email", 1),), "Admins.by_email; one admin an address", unique=True),
        IndexSpec("created", (("created_at", -1), ("_id", -1)), "Admins.page, Admins.all"),
    ),
    sessions.COLLECTION: (
        IndexSpec("subject_created", (("subject_id", 1), ("created_at", -1)), "Sessions.active_of, Sessions.end_all"),
    ),
    invitations.COLLECTION: (
        IndexSpec("tenant_created", (("tenant_id", 1), ("created_at", -1), ("_id", 1)), "Invitations.of_tenant"),
        IndexSpec("tenant_email", (("tenant_id", 1), ("email", 1)), "Invitations.pending"),
    ),
    applications.COLLECTION: (
        IndexSpec("submitted", (("submitted_at", -1), ("_id", -1)), "Applications.page"),
        IndexSpec(
            "tenant_submitted", (("tenant_id", 1), ("submitted_at", -1), ("_id", -1)), "Applications.page of a tenant"
        ),
        IndexSpec(
            "status_submitted", (("status", 1), ("submitted_at", -1), ("_id", -1)), "Applications.page of a status"
        ),
    ),
    provisioning_jobs.COLLECTION: (
        IndexSpec("created", (("created_at", -1), ("_id", -1)), "ProvisioningJobs.page"),
        IndexSpec(
            "status_created",
            (("status", 1), ("created_at", -1), ("_id", -1)),
            "ProvisioningJobs.page of a status, ProvisioningJobs.due",
        ),
    ),
    access_bindings.COLLECTION: (
        IndexSpec("tenant_exchange", (("tenant_id", 1), ("exchange_code", 1)), "AccessBindings.of_tenant"),
        IndexSpec("application", (("application_id", 1), ("exchange_code", 1)), "AccessBindings.of_application"),
    ),
    challenges.COLLECTION: (
        IndexSpec("subject_kind_created", (("subject_id", 1), ("kind", 1), ("created_at", -1)), "Challenges.newest"),
    ),
}


def _with_shared(collection: str) -> tuple[IndexSpec, ...]:
    """Beside what a repository needs, what the outbox and the sweeps ask of its collection."""
    mail = (_MAIL,) if collection in MAIL_COLLECTIONS else ()
    outlived = (_OUTLIVED[collection],) if collection in _OUTLIVED else ()
    return (*_OF_REPOSITORIES.get(collection, ()), *mail, *outlived)


INDEXES: Final[Mapping[str, tuple[IndexSpec, ...]]] = {
    collection: _with_shared(collection)
    for collection in {**_OF_REPOSITORIES, **dict.fromkeys(MAIL_COLLECTIONS), **_OUTLIVED}
}
