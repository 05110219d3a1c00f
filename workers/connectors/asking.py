"""Asks connectors whether they answer: `CheckConnector` onto `venue-requests`, the answers out of their documents."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from ops.runtime.identifiers import Identifiers
from storage.log.port import AppendUnknown, LogUnavailable, Message, Position
from storage.models.venues import REQUEST_SCHEMA, CheckConnector, ConnectorCheck, encode
from storage.topics import VENUE_REQUESTS

ANSWER_SECONDS: Final = 0.75
_FIRST_LOOK_SECONDS: Final = 0.02
_LOOK_SECONDS: Final = 0.05
_log = logging.getLogger(__name__)


class CheckLog(Protocol):
    """`storage.log.port.Log`."""

    async def append_many(self, topic: str, messages: Sequence[Message]) -> Sequence[Position]: ...


class Checks(Protocol):
    """`storage.mongo.connector_checks.ConnectorChecks`."""

    async def get_many(self, job_ids: Iterable[str]) -> Mapping[str, ConnectorCheck]: ...


class HealthAsking:
    """Each connector has one document, which every answer replaces; a new one has another time than the one before."""

    def __init__(
        self, log: CheckLog, checks: Checks, identifiers: Identifiers, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._log, self._checks, self._identifiers, self._answer_seconds = log, checks, identifiers, answer_seconds
        self._seen: dict[str, str | None] = {}

    async def ask(self, connectors: Sequence[str]) -> Mapping[str, ConnectorCheck] | None:
        """What those answered that answered within `answer_seconds`; None where the log does not take the question.

        Raises `StoreUnavailable`.
        """
        await self._look_back(connectors)
        messages = [self._question(connector) for connector in connectors]
        try:
            async with asyncio.timeout(self._answer_seconds):
                await self._log.append_many(VENUE_REQUESTS, messages)
        except (LogUnavailable, AppendUnknown, TimeoutError) as error:
            _log.warning("connectors cannot be asked how they are: %s", error or "the log is slow")
            return None
        return await self._answers(connectors)

    def _question(self, connector: str) -> Message:
        headers = (("event-id", self._identifiers.event_id().encode()), ("schema", REQUEST_SCHEMA))
        return Message(connector.encode(), encode(CheckConnector(_job(connector), connector)), headers)

    async def _answers(self, connectors: Sequence[str]) -> dict[str, ConnectorCheck]:
        deadline = asyncio.get_running_loop().time() + self._answer_seconds
        found: dict[str, ConnectorCheck] = {}
        pause = _FIRST_LOOK_SECONDS
        while len(found) < len(connectors) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(pause)
            pause = _LOOK_SECONDS
            for check in await self._stored(set(connectors) - found.keys()):
                if check.checked_at != self._seen[check.connector]:
                    found[check.connector] = check
        self._seen |= {connector: check.checked_at for connector, check in found.items()}
        return found

    async def _look_back(self, connectors: Sequence[str]) -> None:
        """What stood there before the first question is no answer to it."""
        new = [connector for connector in connectors if connector not in self._seen]
        if new:
            self._seen |= dict.fromkeys(new)
            self._seen |= {check.connector: check.checked_at for check in await self._stored(new)}

    async def _stored(self, connectors: Iterable[str]) -> Iterable[ConnectorCheck]:
        return (await self._checks.get_many([_job(connector) for connector in connectors])).values()


def _job(connector: str) -> str:
    return f"health-{connector}"
