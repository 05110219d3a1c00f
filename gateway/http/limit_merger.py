"""Carries the counts of rate limits between gateways through Redis, every 200 ms, beside the requests.

While Redis is away or hangs each gateway counts for itself alone and `degraded` says so; nothing waits for it.
"""

import asyncio
import logging
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.http.limits import SharedCounts, Window
from ops.runtime.metrics import LIMITS_DEGRADED, Metrics

INTERVAL_SECONDS: Final = 0.2
TIMEOUT_SECONDS: Final = 1.0
_KEPT_AFTER_END_SECONDS: Final = 5
_log = logging.getLogger(__name__)


class RedisLimitMerger:
    """Adds our new counts to Redis and takes the totals from there, one pipeline a round.

    A round that fails is not repeated: it may have been counted, and a limit errs rather towards letting through.
    """

    def __init__(
        self,
        url: str,
        counts: SharedCounts,
        metrics: Metrics,
        *,
        prefix: str = "omniaxs:limits:",
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=None
        )
        self._counts = counts
        self._gauge = metrics.gauge(LIMITS_DEGRADED)
        self._prefix = prefix
        self._interval = interval_seconds
        self._degraded = False

    @property
    def degraded(self) -> bool:
        """Whether the last round failed."""
        return self._degraded

    async def run(self) -> None:
        """Merge every 200 ms until cancelled; closes its connections at the end."""
        try:
            while True:
                await self.merge()
                await asyncio.sleep(self._interval)
        finally:
            await self._redis.aclose()

    async def merge(self) -> None:
        """One round; a Redis that is away only sets `degraded`."""
        windows = list(self._counts.current())
        news = [window.own - window.shared for _, window in windows]
        for _, window in windows:
            window.shared = window.own
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                totals = await self._exchange(windows, news)
        except (RedisError, OSError, TimeoutError) as error:
            self._say(degraded=True, reason=str(error) or type(error).__name__)
            return
        for (_, window), total in zip(windows, totals, strict=True):
            window.others = max(0, total - window.shared)
        self._say(degraded=False)

    async def _exchange(self, windows: list[tuple[str, Window]], news: list[int]) -> list[int]:
        if not windows:
            await self._redis.ping()
            return []
        pipeline = self._redis.pipeline(transaction=False)
        for (key, window), new in zip(windows, news, strict=True):
            name = f"{self._prefix}{key}:{window.ends_at}"
            pipeline.incrby(name, new)
            pipeline.expireat(name, window.ends_at + _KEPT_AFTER_END_SECONDS)
        answers = await pipeline.execute()
        return [int(total) for total in answers[::2]]

    def _say(self, *, degraded: bool, reason: str = "") -> None:
        if degraded and not self._degraded:
            _log.error("rate limits are counted in this process alone", extra={"reason": reason})
        elif self._degraded and not degraded:
            _log.info("rate limits are shared with the other gateways again")
        self._degraded = degraded
        self._gauge.set(degraded)


def open_limit_merger(url: str, counts: SharedCounts, metrics: Metrics) -> RedisLimitMerger | None:
    """The merger behind `redis://...`; None for `memory://`, where one process counts for all."""
    return None if url.startswith("memory://") else RedisLimitMerger(url, counts, metrics)
