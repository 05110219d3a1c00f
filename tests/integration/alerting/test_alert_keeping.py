"""Alerts over both stores: whoever reports at once, whoever tells; statuses only go forward."""

import asyncio

import pytest

from storage.models.alert_tellings import CLAIM_SECONDS
from storage.models.alerts import Cleared, Place, Raised
from storage.mongo.alert_hooks import AlertHooks
from tests.integration.alerting.hook_house import HookHouse
from tests.integration.alerting.keeping import Keeping
from workers.alerting.delivery import delivery_sweep, quiet_sweep
from workers.jobs import TryAgain


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
