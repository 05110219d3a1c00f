"""Asks a connector whether it answers: a `CheckConnector` on `venue-requests`, answered in a result document."""

import asyncio
from typing import Final, Protocol

from storage.log.port import Log, Message
from storage.models.venues import REQUEST_SCHEMA, CheckConnector, ConnectorCheck, encode
from storage.topics import VENUE_REQUESTS

LOOK_SECONDS: Final = 0.05
AGAIN_SECONDS: Final = 2.0
"""A request or its result may be lost with the process that had it."""


class CheckResults(Protocol):
    """`storage.mongo.connector_checks.ConnectorChecks`."""

    async def get(self, job_id: str) -> ConnectorCheck | None: ...


class ConnectorAsking:
    """Asks over the log."""

    def __init__(self, log: Log, results: CheckResults) -> None:
        self._log, self._results = log, results

    async def ask(self, check_id: str, connector: str, seconds: float) -> ConnectorCheck | None:
        """The result of the check of that id, which names one question; None when nobody answers within `seconds`.

        Raises `LogUnavailable`, `AppendUnknown` and `StoreUnavailable`.
        """
        try:
            async with asyncio.timeout(seconds):
                while True:
                    if (found := await self._asked(check_id, connector)) is not None:
                        return found
        except TimeoutError:
            return None

    async def _asked(self, check_id: str, connector: str) -> ConnectorCheck | None:
        headers = (("event-id", check_id.encode()), ("schema", REQUEST_SCHEMA))
        value = encode(CheckConnector(check_id, connector))
        await self._log.append(VENUE_REQUESTS, Message(connector.encode(), value, headers))
        for _ in range(round(AGAIN_SECONDS / LOOK_SECONDS)):
            await asyncio.sleep(LOOK_SECONDS)  # another process writes it
            if (found := await self._results.get(check_id)) is not None:
                return found
        return None
