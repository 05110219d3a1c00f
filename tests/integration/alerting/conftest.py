"""A platform with everything that its worker process runs, telling a mailbox and a receiver of webhooks."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from ops.processes.alert_parts import keeper_of
from ops.processes.job_parts import Workers, open_workers
from ops.processes.lifetime import Background
from ops.processes.local import set_up
from ops.processes.platform import Platform, opened_platform
from ops.runtime.clock import ManualClock
from ops.runtime.settings import AlertWebhook, Settings
from storage.alerting import AlertKeeper
from storage.jobs import DramatiqJobs, open_jobs
from storage.log.port import Message
from storage.models.alerts import Alert
from storage.mongo.alerts import Alerts
from storage.mongo.connect import connect
from storage.mongo.migrations import migrate
from storage.topics import RISK_SIGNALS
from tests.integration.alerting.hook_house import SECRET, HookHouse
from tests.integration.alerting.keeping import Keeping
from workers.mail.rendering import RenderedMail

RECIPIENT = "night@omniaxs-hub.com"


@dataclass
class Alarm:
    """A platform, its running workers, and who hears of alerts."""

    platform: Platform
    jobs: DramatiqJobs
    house: HookHouse
    workers: Workers
    alerts: Alerts
    keeper: AlertKeeper

    def mails(self) -> list[RenderedMail]:
        """Oldest first."""
        assert self.workers.inbox is not None
        return list(reversed(self.workers.inbox.mails()))

    async def signal(self, state: str, number: int = 1, code: str = "margin.call", account: str = "acc_1") -> None:
        """A risk signal on the log."""
        payload = {
            "signal_id": f"sig_{number}", "code": code, "severity": "critical", "state": state, "account_id": account,
            "figures": {"risk_ratio": "1.2"}, "ts": "2026-11-23T05:00:00Z",
        }  # fmt: skip
        await self.platform.log.append(RISK_SIGNALS, Message(account.encode(), json.dumps(payload).encode()))

    async def until(self, code: str, subject: str, fits: Callable[[Alert], bool]) -> Alert:
        """The newest alert of those, once it fits."""
        async with asyncio.timeout(20):
            while True:
                alert = await self.alerts.newest(code, subject)
                if alert is not None and fits(alert):
                    return alert
                await asyncio.sleep(0.02)  # another task writes it

    async def mailed(self, count: int) -> list[RenderedMail]:
        """Once so many mails have come."""
        async with asyncio.timeout(20):
            while len(self.mails()) < count:  # noqa: ASYNC110  (jobs send them)
                await asyncio.sleep(0.02)
        return self.mails()


def real_services(request: pytest.FixtureRequest) -> dict[str, Any]:
    name = f"alerts-{secrets.token_hex(4)}"
    return {
        "log_url": f"kafka://{request.getfixturevalue('kafka_address')}",
        "topic_prefix": f"{name}.",
        "store_url": request.getfixturevalue("mongo_url"),
        "store_database": f"test_{name.replace('-', '_')}",
    }


@pytest.fixture
async def house() -> AsyncIterator[HookHouse]:
    house = await HookHouse().open()
    yield house
    await house.close()


@pytest.fixture(params=["memory", pytest.param("real", marks=[pytest.mark.kafka, pytest.mark.mongo])])
async def alarm(request: pytest.FixtureRequest, house: HookHouse) -> AsyncIterator[Alarm]:
    real = real_services(request) if request.param == "real" else {}
    hook = AlertWebhook(name="pager", url=house.url, secret=SECRET)
    settings = Settings(_env_file=None, alert_recipients=(RECIPIENT,), alert_webhooks=(hook,), **real)
    stop = asyncio.Event()
    async with opened_platform(settings) as platform, AsyncExitStack() as ending:
        await set_up(platform)
        background = Background(stop)
        ending.push_async_callback(background.end)
        jobs = open_jobs("memory://", platform.metrics)
        ending.callback(jobs.close)
        workers = open_workers(platform, background, jobs)
        ending.push_async_callback(workers.stop, 1.0)
        alerts, keeper = Alerts(platform.store.database), keeper_of(platform, jobs)
        yield Alarm(platform, jobs, house, workers, alerts, keeper)
    if real:
        await drop(settings)


async def drop(settings: Settings) -> None:
    async with opened_platform(settings) as platform:
        await platform.store.database.client.drop_database(settings.store_database)


@pytest.fixture(params=["mongomock", pytest.param("mongo", marks=pytest.mark.mongo)])
async def keeping(request: pytest.FixtureRequest) -> AsyncIterator[Keeping]:
    url = "mongomock://" if request.param == "mongomock" else request.getfixturevalue("mongo_url")
    store = connect(url, f"test_{secrets.token_hex(6)}")
    await migrate(store.database, ManualClock())
    yield Keeping(store.database, ManualClock())
    await store.database.client.drop_database(store.database.name)
    store.close()
