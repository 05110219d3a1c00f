"""Topics -> alerts over both stores: whatever is read again counts once, and what cannot be read holds up nothing else."""

import json
from collections.abc import AsyncIterator, Sequence

import pytest

from ops.runtime.metrics import ALERT_RECORDS_MISSED
from storage.log.dead_letters import message_of
from storage.log.memory import MemoryLog
from storage.log.port import Bounds, LogUnavailable, Message, Record
from storage.models.dead_letters import DeadLetter, stack_hash
from storage.mongo.alert_sources import AlertSources
from storage.mongo.failures import StoreUnavailable
from storage.topics import DEAD_LETTERS, RISK_SIGNALS, Topics
from tests.integration.alerting.keeping import Keeping
from workers.alerting.letters import report_of_letter
from workers.alerting.signals import report_of_signal


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
    signal = {
        "code": "order.unknown", "severity": "warning", "state": "raised", "figures": {}, "ts": "2026-11-23T05:00:00Z",
    }  # fmt: skip
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
            "figures": {}, "ts": "2026-11-23T05:00:00Z",
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
