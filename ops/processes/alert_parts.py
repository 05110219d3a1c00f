"""Wires alerts: the keeper that any process reports to, and in the workers what reads, watches, resolves and tells."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import httpx

from gateway.admin.alert_parts import AlertParts
from ops.processes.mail_parts import mail_settings
from ops.processes.platform import Platform
from storage.alerting import AlertKeeper
from storage.jobs import DramatiqJobs, Jobs
from storage.mongo.admins import Admins
from storage.mongo.alert_hooks import AlertHooks
from storage.mongo.alert_sources import AlertSources
from storage.mongo.alerts import Alerts
from storage.mongo.heartbeats import Heartbeats
from storage.mongo.notices import Notices
from storage.topics import DEAD_LETTERS, RISK_SIGNALS
from workers.alerting.delivery import AlertDelivery, delivery_sweep, quiet_sweep
from workers.alerting.letters import report_of_letter
from workers.alerting.mails import AlertMails
from workers.alerting.reading import TopicReports
from workers.alerting.signals import report_of_signal
from workers.alerting.watching import Watch, Watching, process_watch
from workers.alerting.webhooks import ANSWER_SECONDS, WebhookSender
from workers.mail.words import MailWords
from workers.sweeps.outlived import DAY_SECONDS, dropping
from workers.sweeps.sweeping import Sweep

READ_SECONDS: Final = 1.0
WATCH_SECONDS: Final = 5.0
KEPT_SECONDS: Final = 90 * DAY_SECONDS
"""How long a resolved alert can be read."""


@dataclass(frozen=True, slots=True)
class Alerting:
    """`delivery.deliver` is the body of the job; `keeper` takes reports of this process's own."""

    keeper: AlertKeeper
    delivery: AlertDelivery
    sender: WebhookSender
    sweeps: Sequence[Sweep]


def keeper_of(platform: Platform, jobs: Jobs) -> AlertKeeper:
    """Where this process says that something is wrong."""
    return AlertKeeper(Alerts(platform.store.database), jobs, platform.identifiers, platform.clock)


def alerts_shown(platform: Platform, jobs: Jobs) -> AlertParts:
    """What the gateway shows and takes of alerts. Raises `ValueError` for a mail URL or sender that cannot be."""
    database, settings = platform.store.database, platform.settings
    token = settings.alertmanager_token
    return AlertParts(
        alerts=Alerts(database),
        desk=keeper_of(platform, jobs),
        hooks=AlertHooks(database),
        heartbeats=Heartbeats(database),
        webhooks=settings.alert_webhooks,
        mail=mail_settings(settings),
        alertmanager_token=None if token is None else token.get_secret_value(),
    )


def open_alerting(platform: Platform, jobs: DramatiqJobs, words: MailWords, watches: Sequence[Watch]) -> Alerting:
    """What a worker process does about alerts. `watches` are looked at beside the one of processes. Nothing runs yet; the caller
    closes `sender`.
    """
    database, clock, settings = platform.store.database, platform.clock, platform.settings
    alerts, keeper = Alerts(database), keeper_of(platform, jobs)
    sender = WebhookSender(httpx.AsyncClient(timeout=ANSWER_SECONDS, follow_redirects=False), clock)
    mails = AlertMails(
        settings.alert_recipients, notices=Notices(database), admins=Admins(database), jobs=jobs, words=words
    )
    delivery = AlertDelivery(
        alerts,
        settings.alert_webhooks,
        mails=mails,
        sender=sender,
        statuses=AlertHooks(database),
        clock=clock,
        metrics=platform.metrics,
    )
    watching = Watching([process_watch(Heartbeats(database)), *watches], alerts, keeper, clock)
    sources = AlertSources(database)
    reports = partial(TopicReports, platform.log, sources=sources, keeper=keeper, clock=clock, metrics=platform.metrics)
    signals = reports(topic=RISK_SIGNALS, reading=report_of_signal)
    letters = reports(topic=DEAD_LETTERS, reading=report_of_letter)
    sweeps = [
        Sweep("alerts of risk signals", READ_SECONDS, signals.work),
        Sweep("alerts of dead letters", READ_SECONDS, letters.work),
        Sweep("alerts of processes", WATCH_SECONDS, watching.work),
        Sweep("alerts to tell", WATCH_SECONDS, delivery_sweep(alerts, jobs, clock)),
        Sweep("alerts that are over", WATCH_SECONDS, quiet_sweep(alerts, keeper, clock)),
        dropping("resolved alerts", alerts.drop_before, KEPT_SECONDS, clock),
    ]
    return Alerting(keeper, delivery, sender, sweeps)
