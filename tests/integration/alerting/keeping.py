"""A store with alerts, and as many keepers, readers and tellers as a test wants."""

from dataclasses import dataclass, field

import httpx

from ops.runtime.clock import ManualClock
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.metrics import Metrics
from ops.runtime.settings import AlertWebhook
from storage.alerting import AlertKeeper
from storage.jobs import Job
from storage.log.memory import MemoryLog
from storage.mongo.admins import Admins
from storage.mongo.alert_hooks import AlertHooks
from storage.mongo.alert_sources import AlertSources
from storage.mongo.alerts import Alerts
from storage.mongo.documents import Database
from storage.mongo.notices import Notices
from tests.integration.alerting.hook_house import SECRET, HookHouse
from workers.alerting.delivery import AlertDelivery
from workers.alerting.mails import AlertMails
from workers.alerting.reading import Reading, TopicReports
from workers.alerting.webhooks import WebhookSender
from workers.mail.words import load_words


@dataclass
class SaidJobs:
    """Jobs that were asked for."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    trouble: str | None = None

    async def enqueue(self, job: Job, argument: str) -> None:
        self.asked.append((job.name, argument))

    async def problem(self) -> str | None:
        return self.trouble


@dataclass
class Keeping:
    """A store, and as many keepers and workers as a test wants, by a clock that it moves."""

    database: Database
    clock: ManualClock
    jobs: SaidJobs = field(default_factory=SaidJobs)
    metrics: Metrics = field(default_factory=Metrics)

    @property
    def alerts(self) -> Alerts:
        return Alerts(self.database)

    def keeper(self) -> AlertKeeper:
        return AlertKeeper(self.alerts, self.jobs, SystemIdentifiers(), self.clock)

    def reader(self, log: MemoryLog, topic: str, reading: Reading, sources: AlertSources | None = None) -> TopicReports:
        kept = AlertSources(self.database) if sources is None else sources
        return TopicReports(log, topic, reading, kept, self.keeper(), clock=self.clock, metrics=self.metrics)

    def delivery(self, house: HookHouse, seconds: float = 5.0) -> AlertDelivery:
        mails = AlertMails(
            ["ops@corp.internal"],
            notices=Notices(self.database),
            admins=Admins(self.database),
            jobs=self.jobs,
            words=load_words(),
        )
        return AlertDelivery(
            self.alerts,
            [AlertWebhook(name="pager", url=house.url, secret=SECRET)],
            mails=mails,
            sender=WebhookSender(httpx.AsyncClient(), self.clock, seconds),
            statuses=AlertHooks(self.database),
            clock=self.clock,
            metrics=self.metrics,
        )

    async def mails(self) -> int:
        return await self.database["notices"].count_documents({"mail.template": "alert"})
