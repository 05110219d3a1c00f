"""Two gateways share their counts through Redis, and go on alone without it."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator

import pytest

from gateway.http.limit_merger import RedisLimitMerger, open_limit_merger
from gateway.http.limits import Limiter, RateLimited
from ops.runtime.clock import SystemClock
from ops.runtime.metrics import LIMITS_DEGRADED, Metrics


def limiter() -> Limiter:
    return Limiter(SystemClock(), market_per_minute=100, public_per_minute=100)


def merger(url: str, limits: Limiter, metrics: Metrics | None = None, prefix: str = "test:") -> RedisLimitMerger:
    return RedisLimitMerger(url, limits.counts, metrics or Metrics(), prefix=prefix, interval_seconds=0.01)


def test_memory_needs_no_merger():
    assert open_limit_merger("memory://", limiter().counts, Metrics()) is None


@pytest.mark.redis
async def test_two_gateways_count_together(redis_url):
    one, two = limiter(), limiter()
    prefix = f"test:{uuid.uuid4()}:"
    first, second = merger(redis_url, one, prefix=prefix), merger(redis_url, two, prefix=prefix)
    one.spend("market", "key", 60)
    two.spend("market", "key", 30)
    await first.merge()
    await second.merge()
    await first.merge()
    assert one.spend("market", "key", 1).remaining == 9
    assert two.spend("market", "key", 1).remaining == 9
    await first.merge()
    await second.merge()
    assert two.spend("market", "key", 8).remaining == 0
    with pytest.raises(RateLimited):
        two.spend("market", "key", 1)
    assert one.spend("market", "other", 1).remaining == 99
    assert not first.degraded


@pytest.mark.redis
async def test_an_address_that_one_gateway_has_locked_is_locked_at_the_other(redis_url):
    one, two = limiter(), limiter()
    prefix = f"test:{uuid.uuid4()}:"
    first, second = merger(redis_url, one, prefix=prefix), merger(redis_url, two, prefix=prefix)
    assert two.peek("wrong-passwords", "address").remaining == 10
    for _ in range(10):
        one.spend("wrong-passwords", "address", 1)
    await first.merge()
    await second.merge()
    with pytest.raises(RateLimited):
        two.peek("wrong-passwords", "address")
    assert two.peek("wrong-passwords", "another").remaining == 10


@pytest.mark.redis
async def test_running_merges_until_cancelled(redis_url):
    one, two = limiter(), limiter()
    prefix = f"test:{uuid.uuid4()}:"
    running = [asyncio.create_task(merger(redis_url, limits, prefix=prefix).run()) for limits in (one, two)]
    one.spend("market", "key", 40)
    two.spend("market", "key", 1)
    async with asyncio.timeout(10):
        while all(window.others < 40 for _, window in two.counts.current()):  # noqa: ASYNC110  (Redis has no event for it)
            await asyncio.sleep(0.01)
    for task in running:
        task.cancel()
    results = await asyncio.gather(*running, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)


async def test_a_redis_that_is_away_leaves_the_limits_to_this_process():
    limits, metrics = limiter(), Metrics()
    limits.spend("market", "key", 10)
    away = merger("redis://127.0.0.1:1/0", limits, metrics)
    await away.merge()
    assert away.degraded
    assert metrics.gauge(LIMITS_DEGRADED)._value.get() == 1
    assert limits.spend("market", "key", 1).remaining == 89


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """A server that takes connections and never answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
    listener.close()


async def test_a_redis_that_hangs_is_not_waited_for(silent):
    limits = limiter()
    limits.spend("market", "key", 10)
    hanging = merger(silent, limits)
    async with asyncio.timeout(3):
        merging = asyncio.create_task(hanging.merge())
        await asyncio.sleep(0)
        assert limits.spend("market", "key", 1).remaining == 89
        await merging
    assert hanging.degraded
