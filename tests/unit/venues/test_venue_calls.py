"""Calls of venues as metrics, and results of checks on their way to the store."""

import asyncio
from typing import NamedTuple

import pytest

from ops.runtime.clock import ManualClock
from ops.runtime.metrics import Metrics
from storage.models.venues import ConnectorCheck
from storage.mongo.failures import StoreUnavailable
from streams.venues.calls import VenueCalls
from streams.venues.check_results import WAITING, CheckResults


class Handed(NamedTuple):
    offset: int
    timestamp: int = 0


class Counted:
    def __init__(self) -> None:
        self.metrics, self.clock = Metrics(), ManualClock()
        self.calls = VenueCalls(self.metrics, self.clock)

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def counted() -> Counted:
    return Counted()


def test_each_answer_is_counted_by_connector_and_outcome(counted, desk):
    desk.quote()
    desk.submit("o1")
    desk.submit("o2", "buy", "1.5", connector="sim-b", symbol="IDX.US")
    desk.submit("o3", client_order_id="sim:slow:10:1")
    desk.send(desk.submission("o4", "buy", "1", seq=1))
    desk.send(desk.submission("o4", "buy", "1", seq=1))
    desk.cancel("nobody")
    desk.tick(1)
    for record in desk.records:
        counted.calls.acknowledged(0, record)
    names = {
        ("sim-a", "acknowledged"): 2,
        ("sim-b", "rejected"): 1,
        ("sim-a", "later"): 1,
        ("-", "repeated"): 1,
        ("sim-a", "cancel_rejected"): 1,
    }
    for (connector, outcome), number in names.items():
        counted_now = counted.value("omniaxs_venue_requests_total", connector=connector, outcome=outcome)
        assert counted_now == number, (connector, outcome)
    assert counted.value("omniaxs_venue_errors_total", connector="sim-a", code="SIM_UNKNOWN_ORDER") == 1


def test_the_time_is_from_handing_over_to_the_answer_and_nothing_is_kept_for_requests_without_one(counted, desk):
    desk.quote()
    first, second = desk.submit("o1"), desk.submit("o2")
    counted.calls.began(0, [Handed(0), Handed(first.cause.offset), Handed(second.cause.offset)])
    counted.clock.advance(0.25)
    counted.calls.acknowledged(0, first)
    counted.calls.forget(0)
    counted.calls.acknowledged(0, second)
    assert counted.value("omniaxs_venue_request_seconds_count", connector="sim-a") == 1
    assert counted.value("omniaxs_venue_request_seconds_sum", connector="sim-a") == 0.25


class Away:
    def __init__(self, fails: int) -> None:
        self.fails, self.written = fails, asyncio.Queue()

    async def put(self, check: ConnectorCheck) -> None:
        if self.fails:
            self.fails -= 1
            raise StoreUnavailable("away")
        await self.written.put(check.job_id)


async def test_results_wait_for_the_store_in_their_order_and_the_newest_of_too_many_are_dropped():
    store = Away(fails=3)
    results = CheckResults(store, retry_seconds=0)
    for number in range(WAITING + 1):
        results.put(ConnectorCheck(f"job-{number}", "sim-a", "up", "2024-03-12T15:00:00Z"))
    running = asyncio.create_task(results.run())
    async with asyncio.timeout(5):
        written = [await store.written.get() for _ in range(WAITING)]
    assert written == [f"job-{number}" for number in range(WAITING)]
    assert store.written.empty()
    running.cancel()
