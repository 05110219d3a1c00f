"""Alerts over both stores: whoever reports at once, whatever is read again, whoever tells; positions and statuses only go forward."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import httpx
import pytest

from ops.runtime.clock import ManualClock
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.metrics import ALERT_RECORDS_MISSED, Metrics
from ops.runtime.settings import AlertWebhook
from storage.alerting import AlertKeeper
from storage.jobs import Job
from storage.log.dead_letters import message_of
from storage.log.memory import MemoryLog
from storage.log.port import Bounds, LogUnavailable, Message, Record
from storage.models.alert_tellings import CLAIM_SECONDS
from storage.models.alerts import Cleared, Place, Raised
from storage.models.dead_letters import DeadLetter, stack_hash
from storage.models.operations import Heartbeat
from storage.mongo.admins import Admins
from storage.mongo.alert_hooks import AlertHooks
from storage.mongo.alert_sources import AlertSources
from storage.mongo.alerts import Alerts
from storage.mongo.connect import connect
from storage.mongo.documents import Database
from storage.mongo.failures import StoreUnavailable
from storage.mongo.migrations import migrate
from storage.mongo.notices import Notices
from storage.topics import DEAD_LETTERS, RISK_SIGNALS, Topics
from tests.integration.alerting.hook_house import SECRET, HookHouse
from workers.alerting.delivery import AlertDelivery, delivery_sweep, quiet_sweep
from workers.alerting.letters import report_of_letter
from workers.alerting.mails import AlertMails
from workers.alerting.reading import Reading, TopicReports
from workers.alerting.signals import report_of_signal
from workers.alerting.watching import Watching, process_watch
from workers.alerting.webhooks import WebhookSender
from workers.jobs import TryAgain
from workers.mail.words import load_words

SECOND = 1_000_000_000


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


@pytest.fixture(params=["mongomock", pytest.param("mongo", marks=pytest.mark.mongo)])
async def keeping(request: pytest.FixtureRequest) -> AsyncIterator[Keeping]:
    url = "mongomock://" if request.param == "mongomock" else request.getfixturevalue("mongo_url")
    store = connect(url, f"test_{secrets.token_hex(6)}")
    await migrate(store.database, ManualClock())
    yield Keeping(store.database, ManualClock())
    await store.database.client.drop_database(store.database.name)
    store.close()


@pytest.fixture
async def house() -> AsyncIterator[HookHouse]:
    house = await HookHouse().open()
    yield house
    await house.close()


async def test_whoever_reports_at_once_there_is_one_alert_and_each_report_counts(keeping: Keeping) -> None:
    now = keeping.clock.now()
    await asyncio.gather(
        *(keeping.keeper().raise_("margin.call", "critical", "acc_1", "m", {}, now=now) for _ in range(20))
    )
    found = await keeping.alerts.page(None, None, None, None, 50)
    assert [(alert.count, alert.number, alert.state) for alert in found] == [(20, 1, "open")]
    assert await keeping.alerts.count_standing() == 1
    await keeping.keeper().resolve("margin.call", "acc_1", now=now)
    await asyncio.gather(
        *(keeping.keeper().raise_("margin.call", "critical", "acc_1", "m", {}, now=now) for _ in range(10))
    )
    numbers = sorted((one.number, one.count) for one in await keeping.alerts.page(None, None, None, None, 50))
    assert numbers == [(1, 20), (2, 10)]
    assert await keeping.alerts.get("alt_none") is None


async def test_what_two_readers_read_at_once_counts_once(keeping: Keeping) -> None:
    reports = [Raised("log.dead_letter", "warning", "s", "m", 1, place=Place("d-0", offset)) for offset in range(30)]

    async def read() -> None:
        for start in range(0, 30, 7):
            await keeping.keeper().report(*reports[start : start + 7])

    await asyncio.gather(read(), read(), keeping.keeper().report(*reports[:15]))
    alert = await keeping.alerts.newest("log.dead_letter", "s")
    assert alert is not None
    assert alert.count == 30


def a_letter(offset: int) -> Message:
    return message_of(
        DeadLetter(
            topic="trades", partition=3, offset=offset, key=b"k", value=b"v", headers=(), reason="late", text="late",
            stack_hash=stack_hash("bars", "late"), processor="bars", ts="2026-11-23T05:00:00Z",
        )
    )  # fmt: skip


class Dying(AlertSources):
    """A reader that dies after its alerts were kept and before its position was."""

    async def reached(self, source: str, following: int) -> None:
        raise StoreUnavailable("dead")


async def test_a_reader_that_dies_misses_nothing_and_counts_nothing_twice(keeping: Keeping) -> None:
    topics = Topics()
    log = MemoryLog(topics, keeping.clock)
    await log.start()
    sources = AlertSources(keeping.database)
    for number in range(10):
        await log.append(DEAD_LETTERS, a_letter(number))
    with pytest.raises(StoreUnavailable):
        await keeping.reader(log, DEAD_LETTERS, report_of_letter, Dying(keeping.database)).work()
    for number in range(10, 15):
        await log.append(DEAD_LETTERS, a_letter(number))
    reader = keeping.reader(log, DEAD_LETTERS, report_of_letter)
    assert await reader.work() == 15
    assert await reader.work() == 0
    (alert,) = await keeping.alerts.page(None, None, None, None, 9)
    assert alert.count == 15
    assert await sources.all() == {"dead-letters-0": 15}
    await sources.reached("dead-letters-0", 3)
    assert await sources.all() == {"dead-letters-0": 15}
    await log.close()
    assert await reader.work() == 0, "a log that is away is asked again"


class OddLog(MemoryLog):
    """Of one partition the first records are gone, another is out of reach."""

    removed: tuple[int, int] = (-1, 0)
    unreachable = -1

    async def bounds(self, topic: str) -> dict[int, Bounds]:
        partition, first = self.removed
        return {
            number: held._replace(first=first) if number == partition else held
            for number, held in (await super().bounds(topic)).items()
        }

    async def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[Record]]:
        if partition == self.unreachable:
            raise LogUnavailable("nobody leads it")
        async for records in super().read(topic, partition, start, stop):
            yield records


async def test_what_was_removed_before_it_was_read_is_told_and_counted(
    keeping: Keeping, caplog: pytest.LogCaptureFixture
) -> None:
    log = OddLog(Topics(), keeping.clock)
    await log.start()
    log.removed = (0, 4)
    for number in range(6):
        await log.append(DEAD_LETTERS, a_letter(number))
    reader = keeping.reader(log, DEAD_LETTERS, report_of_letter)
    assert await reader.work() == 2
    assert await keeping.alerts.newest("log.records_missed", "dead-letters-0") is None, (
        "before the first turn nothing was owed"
    )
    for number in range(6, 12):
        await log.append(DEAD_LETTERS, a_letter(number))
    log.removed = (0, 9)
    assert await reader.work() == 3
    assert await reader.work() == 0
    log.removed = (0, 12)
    assert await reader.work() == 0
    alert = await keeping.alerts.newest("log.records_missed", "dead-letters-0")
    assert alert is not None
    assert (alert.state, alert.severity, alert.count) == ("open", "critical", 1)
    assert (alert.details["first_missed"], alert.details["last_missed"], alert.details["records"]) == (6, 8, 3)
    assert keeping.metrics.counter(ALERT_RECORDS_MISSED).labels(topic=DEAD_LETTERS)._value.get() == 3
    assert "3 records of dead-letters-0 were removed" in caplog.text
    log.removed = (0, 15)
    assert await reader.work() == 0
    assert await reader.work() == 0
    again = await keeping.alerts.newest("log.records_missed", "dead-letters-0")
    assert again is not None
    assert (again.count, again.details["records"]) == (2, 3)


async def test_a_partition_that_is_out_of_reach_holds_up_no_other(keeping: Keeping) -> None:
    log = OddLog(Topics(), keeping.clock)
    await log.start()
    signal = {"code": "order.unknown", "severity": "warning", "state": "raised", "ts": "2026-11-23T05:00:00Z"}
    accounts = [f"acc_{number}" for number in range(40)]
    placed = [
        await log.append(
            RISK_SIGNALS,
            Message(name.encode(), json.dumps({**signal, "signal_id": name, "account_id": name}).encode()),
        )
        for name in accounts
    ]
    log.unreachable = 0
    reader = keeping.reader(log, RISK_SIGNALS, report_of_signal)
    assert await reader.work() == sum(one.partition != 0 for one in placed)
    assert await keeping.alerts.count_standing() == sum(one.partition != 0 for one in placed) < len(accounts)
    log.unreachable = -1
    assert await reader.work() == sum(one.partition == 0 for one in placed)


async def test_signals_in_any_cut_come_to_the_same(keeping: Keeping) -> None:
    log = MemoryLog(Topics(), keeping.clock)
    await log.start()

    async def say(state: str, number: int) -> None:
        signal = {
            "signal_id": f"sig_{number}", "code": "order.unknown", "severity": "warning", "state": state, "account_id": "acc_1",
            "ts": "2026-11-23T05:00:00Z",
        }  # fmt: skip
        await log.append(RISK_SIGNALS, Message(b"acc_1", json.dumps(signal).encode()))

    reader = keeping.reader(log, RISK_SIGNALS, report_of_signal)
    for state, number in [("raised", 1), ("raised", 2), ("cleared", 1), ("raised", 1), ("raised", 3), ("cleared", 3)]:
        await say(state, number)
    await log.append(RISK_SIGNALS, Message(b"acc_1", b"not a signal"))
    assert await reader.work() == 7
    alert = await keeping.alerts.newest("order.unknown", "acc_1")
    assert alert is not None
    assert (alert.state, alert.causes, alert.count) == ("open", ("sig_2",), 3)
    await say("cleared", 2)
    await say("raised", 4)
    await reader.work()
    found = await keeping.alerts.page("order.unknown", None, None, None, 9)
    assert sorted((one.number, one.state) for one in found) == [(1, "resolved"), (2, "open")]


async def test_two_workers_tell_once(keeping: Keeping, house: HookHouse) -> None:
    alert = await keeping.keeper().raise_("margin.call", "critical", "acc_1", "m", {}, now=keeping.clock.now())
    assert alert is not None
    house.hold = asyncio.Event()
    telling = [asyncio.create_task(keeping.delivery(house).deliver(alert.alert_id)) for _ in range(4)]
    await house.until(1)
    await keeping.keeper().resolve("margin.call", "acc_1", now=keeping.clock.now())
    await keeping.delivery(house).deliver(alert.alert_id)
    assert house.kinds() == ["open"], "nobody is told of the end before the beginning was told"
    house.hold.set()
    await asyncio.gather(*telling)
    assert house.kinds() == ["open", "resolved"]
    assert await keeping.mails() == 2
    over = await keeping.alerts.get(alert.alert_id)
    assert over is not None
    assert (over.telling, over.due_at, over.tellings) == (None, None, 2)


async def test_what_a_teller_that_died_had_begun_is_told_by_the_next(keeping: Keeping, house: HookHouse) -> None:
    alert = await keeping.keeper().raise_("margin.call", "critical", "acc_1", "m", {}, now=keeping.clock.now())
    assert alert is not None
    house.hold = asyncio.Event()
    dying = asyncio.create_task(keeping.delivery(house).deliver(alert.alert_id))
    await house.until(1)
    dying.cancel()
    await asyncio.wait([dying])
    house.hold = None
    sweep = delivery_sweep(keeping.alerts, keeping.jobs, keeping.clock)
    assert await sweep() == 0, "its claim stands"
    await keeping.delivery(house).deliver(alert.alert_id)
    keeping.clock.advance(CLAIM_SECONDS + 5)
    keeping.jobs.trouble = "away"
    assert await sweep() == 0
    keeping.jobs.trouble = None
    assert await sweep() == 1
    assert keeping.jobs.asked[-1] == ("deliver_alert", alert.alert_id)
    await keeping.delivery(house).deliver(alert.alert_id)
    assert [one.headers["idempotency-key"] for one in house.received] == [f"{alert.alert_id}:1"] * 2
    assert await keeping.mails() == 1
    assert await sweep() == 0


async def test_a_webhook_that_is_silent_costs_a_bounded_time_and_is_tried_again(
    keeping: Keeping, house: HookHouse
) -> None:
    alert = await keeping.keeper().raise_("margin.call", "critical", "acc_1", "m", {}, now=keeping.clock.now())
    assert alert is not None
    house.hold = asyncio.Event()
    with pytest.raises(TryAgain) as again:
        await keeping.delivery(house, seconds=0.2).deliver(alert.alert_id)
    assert again.value.seconds == 2
    assert await AlertHooks(keeping.database).statuses() == {"pager": "timeout"}
    await house.close()
    keeping.clock.advance(2)
    with pytest.raises(TryAgain) as again:
        await keeping.delivery(house).deliver(alert.alert_id)
    assert again.value.seconds == 4
    assert await AlertHooks(keeping.database).statuses() == {"pager": "ConnectError"}
    await AlertHooks(keeping.database).answered("pager", "204", 5)
    assert await AlertHooks(keeping.database).statuses() == {"pager": "ConnectError"}, "an older try"
    assert await keeping.mails() == 1
    await keeping.delivery(house).deliver("alt_none")


async def test_410_wants_no_more_of_it(keeping: Keeping, house: HookHouse) -> None:
    alert = await keeping.keeper().raise_("margin.call", "critical", "acc_1", "m", {}, now=keeping.clock.now())
    assert alert is not None
    house.answers[:] = [410]
    await keeping.delivery(house).deliver(alert.alert_id)
    assert len(house.received) == 1


async def test_what_is_quiet_is_resolved_and_old_ones_are_dropped(keeping: Keeping) -> None:
    now = keeping.clock.now()
    await keeping.keeper().report(Raised("log.dead_letter", "warning", "s", "m", now, quiet_seconds=60))
    sweep = quiet_sweep(keeping.alerts, keeping.keeper(), keeping.clock)
    assert await sweep() == 0
    keeping.clock.advance(60)
    assert await sweep() == 1
    assert await sweep() == 0
    assert await keeping.alerts.drop_before(keeping.clock.now()) == 0
    assert await keeping.alerts.drop_before(keeping.clock.now() + 1) == 1
    assert await keeping.keeper().report(Cleared("log.dead_letter", "s", now)) is None


class Beats:
    """Heartbeats as a test says."""

    def __init__(self) -> None:
        self.beats: list[Heartbeat] = []

    async def all(self, since: int) -> list[Heartbeat]:
        return [one for one in self.beats if one.beat_at >= since]


async def test_a_process_that_dies_is_an_alert_until_another_has_started(keeping: Keeping) -> None:
    beats, now = Beats(), keeping.clock.now()
    watching = Watching([process_watch(beats)], keeping.alerts, keeping.keeper(), keeping.clock)
    dead = Heartbeat(
        process_id="orders-a-1", role="orders", version="1", host="a", started_at=1, beat_at=now, ready=True
    )
    beats.beats = [dead]
    theirs = Raised("process.gone", "critical", "told by a rule", "m", now, cause="fingerprint")
    await keeping.keeper().report(theirs)
    assert await watching.work() == 0
    keeping.clock.advance(20)
    assert await watching.work() == 1
    assert await watching.work() == 0
    keeping.clock.advance(120)
    assert await watching.work() == 0
    alert = await keeping.alerts.newest("process.gone", "orders-a-1")
    assert alert is not None
    assert (alert.state, alert.count, alert.last_seen_at) == ("open", 1, keeping.clock.now())
    fresh = dead.model_copy(update={"process_id": "orders-a-2", "started_at": now + 1, "beat_at": keeping.clock.now()})
    beats.beats.append(fresh)
    assert await watching.work() == 1
    over = await keeping.alerts.newest("process.gone", "orders-a-1")
    assert over is not None
    assert over.state == "resolved"
    untouched = await keeping.alerts.newest("process.gone", "told by a rule")
    assert untouched is not None
    assert untouched.state == "open", "what others have raised is theirs to end"


async def test_a_process_that_is_gone_for_hours_stays_an_alert_though_its_heartbeat_is_forgotten(
    keeping: Keeping,
) -> None:
    beats, now = Beats(), keeping.clock.now()
    dead = Heartbeat(
        process_id="orders-a-1", role="orders", version="1", host="a", started_at=1, beat_at=now, ready=True
    )
    beats.beats = [dead]
    keeping.clock.advance(20)

    async def look() -> tuple[str, int]:
        """As a worker does that has just started: what it knows is what is kept."""
        await Watching([process_watch(beats)], keeping.alerts, keeping.keeper(), keeping.clock).work()
        alert = await keeping.alerts.newest("process.gone", "orders-a-1")
        assert alert is not None
        return alert.state, alert.number

    assert await look() == ("open", 1)
    for _ in range(3):
        keeping.clock.advance(3_600)
        assert await look() == ("open", 1)
    beats.beats.clear()
    assert await look() == ("open", 1)
    started = keeping.clock.now()
    keeping.clock.advance(1)
    fresh = {"process_id": "orders-a-2", "started_at": started, "beat_at": keeping.clock.now()}
    beats.beats.append(dead.model_copy(update=fresh))
    assert await look() == ("resolved", 1)
