"""Answers of connectors -> result documents, for the jobs that wait for them."""

import asyncio
import logging
from typing import Final, Protocol

from storage.models.venues import ConnectorCheck
from storage.mongo.failures import StoreUnavailable

logger = logging.getLogger(__name__)
WAITING: Final = 1_000
RETRY_SECONDS: Final = 1.0


class ResultStore(Protocol):
    """`storage.mongo.connector_checks.ConnectorChecks`."""

    async def put(self, check: ConnectorCheck) -> None: ...


class CheckResults:
    """Writes results in their order. Of more than 1,000 that wait for the store the newest are dropped: a job without a
    result asks again.
    """

    def __init__(self, store: ResultStore, retry_seconds: float = RETRY_SECONDS) -> None:
        self._store, self._retry_seconds = store, retry_seconds
        self._waiting: asyncio.Queue[ConnectorCheck] = asyncio.Queue(WAITING)

    def put(self, check: ConnectorCheck) -> None:
        """Have a result written."""
        try:
            self._waiting.put_nowait(check)
        except asyncio.QueueFull:
            logger.warning("the store is away and %d results wait: %s is not written", WAITING, check.job_id)

    async def run(self) -> None:
        """Write until cancelled; while the store does not answer, try again."""
        while True:
            await self._write(await self._waiting.get())

    async def _write(self, check: ConnectorCheck) -> None:
        while True:
            try:
                return await self._store.put(check)
            except StoreUnavailable as error:
                logger.warning("the result of job %s is not written yet: %s", check.job_id, error)
                await asyncio.sleep(self._retry_seconds)
