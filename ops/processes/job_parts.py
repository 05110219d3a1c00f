"""Wires the jobs: a Dramatiq worker on this process's loop, what its actors need, and the sweeps beside it.

The same parts run inside `omniaxs up` (in-memory broker) and in `omniaxs workers` (Redis or RabbitMQ).
"""

import asyncio
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from ops.processes.alert_parts import Alerting, open_alerting
from ops.processes.asking import decisions_of
from ops.processes.checks import decisions_check
from ops.processes.connector_parts import health_of_connectors
from ops.processes.lifetime import Background
from ops.processes.mail_parts import mail_settings, open_transport
from ops.processes.platform import Platform
from ops.processes.provisioning_parts import open_provisioning
from ops.runtime.health import Check
from ops.runtime.metrics import AUDIT_HEAD_TIMESTAMP
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.audit.heads import Heads
from storage.decisions.decisions import Decisions
from storage.jobs import DELIVER_ALERT, PROVISION, SEND_MAIL, DramatiqJobs
from storage.log.port import AppendUnknown, LogUnavailable
from storage.models.idempotency import KEPT_SECONDS
from storage.mongo.audit_events import AuditEvents
from storage.mongo.heartbeats import Heartbeats
from storage.mongo.idempotency import IdempotencyRecords
from storage.mongo.leases import Leases
from storage.mongo.outbox import Outbox
from storage.mongo.outlived import Outlived
from storage.stalled_partitions import StallsInHeartbeats
from workers.alerting.watching import stalled_watch
from workers.app import JobWorker
from workers.connectors.health import CHECK_SECONDS
from workers.mail.rendering import MailRenderer
from workers.mail.report import MailReport
from workers.mail.sending import MailSending
from workers.mail.smtp import SmtpTransport, sender_of
from workers.mail.transport import InboxTransport, MailTransport, MailTrouble
from workers.mail.words import MailWords, load_words
from workers.sweeps.outbox import outbox_sweep
from workers.sweeps.outlived import CHALLENGES_SECONDS, NOTICES_SECONDS, SESSIONS_SECONDS, dropping
from workers.sweeps.sweeping import Sweep, Sweeping

OUTBOX_SECONDS: Final = 5.0
HEAD_SECONDS: Final = 60.0
PROBE_SECONDS: Final = 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workers:
    """The jobs of a process, running. `inbox` where mails are shown instead of sent; `checks` for its health."""

    worker: JobWorker
    transport: MailTransport
    report: MailReport
    alerting: Alerting
    mail_settings: Mapping[str, Any]
    checks: Mapping[str, Check]

    @property
    def inbox(self) -> InboxTransport | None:
        """Where the mails of `inbox://` are."""
        return self.transport if isinstance(self.transport, InboxTransport) else None

    def details(self) -> dict[str, Any]:
        """For the heartbeat: how mail is set (never the password) and how it has gone."""
        return {"mail": {**self.mail_settings, **self.report.details()}}

    async def stop(self, seconds: float) -> None:
        """Finish the jobs that run for at most `seconds` and give the others back."""
        await self.worker.stop(seconds)
        await self.transport.close()
        await self.alerting.sender.close()


def open_workers(
    platform: Platform, background: Background, jobs: DramatiqJobs, decisions: Decisions | None = None
) -> Workers:
    """Begin to take jobs off `jobs` and to sweep. Locally `jobs` and `decisions` are the very ones of the gateway; without
    `decisions` they are read here.

    Raises `ValueError` for a mail URL or sender that cannot be. The caller calls `stop` before the loop ends.
    """
    transport, report, words = open_transport(platform), MailReport(platform.clock), load_words()
    stalls = StallsInHeartbeats(Heartbeats(platform.store.database), platform.topics, platform.clock)
    alerting = open_alerting(platform, jobs, words, [stalled_watch(stalls.look)])
    decided = decisions or _read_decisions(platform, background)
    provisioning = open_provisioning(platform, jobs, decided, alerting.keeper)
    worker = JobWorker(
        jobs.broker,
        {
            SEND_MAIL: _sending(platform, transport, report, words).send,
            DELIVER_ALERT: alerting.delivery.deliver,
            PROVISION: provisioning.saga.provision,
        },
        asyncio.get_running_loop(),
        metrics=platform.metrics,
        clock=platform.clock,
    )
    worker.start()
    sweeps = [*_sweeps(platform, jobs), *alerting.sweeps, provisioning.sweep]
    if isinstance(transport, SmtpTransport):
        sweeps.append(Sweep("mail server", PROBE_SECONDS, partial(_probe, transport, report)))
    holder = f"workers-{socket.gethostname()}-{os.getpid()}"
    leases = Leases(platform.store.database)
    sweeping = Sweeping(sweeps, leases, holder, clock=platform.clock, metrics=platform.metrics)
    background.start(sweeping.run(), "sweeps")
    checks = {"jobs": jobs.problem, "decisions": decisions_check(decided)}
    return Workers(worker, transport, report, alerting, mail_settings(platform.settings), checks)


def audit_head_sweep(platform: Platform) -> Sweep:
    """Puts the head of the audit trail on the log, where it is new."""
    heads = Heads(platform.log, AuditEvents(platform.store.database, platform.key_ring))
    return Sweep("audit head", HEAD_SECONDS, partial(_publish, heads, platform))


def _read_decisions(platform: Platform, background: Background) -> Decisions:
    decisions = decisions_of(platform)
    background.start(decisions.run(), "decisions")
    return decisions


def _sending(platform: Platform, transport: MailTransport, report: MailReport, words: MailWords) -> MailSending:
    renderer = MailRenderer(words, sender_of(platform.settings.mail_sender).domain)
    return MailSending(
        Outbox(platform.store.database),
        renderer,
        transport,
        platform.key_ring,
        clock=platform.clock,
        metrics=platform.metrics,
        report=report,
    )


def _sweeps(platform: Platform, jobs: DramatiqJobs) -> list[Sweep]:
    database, clock = platform.store.database, platform.clock
    outlived = Outlived(database)
    return [
        audit_head_sweep(platform),
        Sweep("connector health", CHECK_SECONDS, health_of_connectors(platform).turn),
        Sweep("outbox", OUTBOX_SECONDS, outbox_sweep(Outbox(database), jobs, clock)),
        dropping("challenges", outlived.challenges, CHALLENGES_SECONDS, clock),
        dropping("sessions", outlived.sessions, SESSIONS_SECONDS, clock),
        dropping("notices", outlived.notices, NOTICES_SECONDS, clock),
        dropping("idempotency records", IdempotencyRecords(database).drop_before, KEPT_SECONDS, clock),
    ]


async def _probe(transport: SmtpTransport, report: MailReport) -> int:
    """Whether the mail server answers, though there is nothing to send."""
    try:
        await transport.probe()
    except MailTrouble as trouble:
        report.reached(trouble=str(trouble))
    else:
        report.reached()
    return 0


async def _publish(heads: Heads, platform: Platform) -> int:
    """The head of the audit trail on the log; the log being away, it is told at the next turn."""
    try:
        await heads.publish_head()
    except (LogUnavailable, AppendUnknown) as error:
        _log.warning("the head of the audit trail is not published", extra={"reason": str(error)})
    else:
        platform.metrics.gauge(AUDIT_HEAD_TIMESTAMP).set(platform.clock.now() / NANOSECONDS_PER_SECOND)
    return 0
