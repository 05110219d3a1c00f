"""Each connected connector is asked again and again whether it answers; what it says becomes the word of the health checks.

The question is a record on `venue-requests`, the answer a document that the venue writes. A connector that says twice in a
row that it is down is down, one that says once that it is up is up. One that says nothing is down after `SILENT_SECONDS`:
its venue's process is being replaced, or is gone, which its orders survive for a moment.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from ops.runtime.clock import Clock
from ops.runtime.metrics import CONNECTOR_CHECKS, Metrics
from storage.models.availability import SILENT
from storage.models.connectors import Connector, is_checked
from storage.models.controls import ConnectorState, ConnectorStatus
from storage.models.venues import ConnectorCheck

CHECK_SECONDS: Final = 0.5
SECOND_LOOK_SECONDS: Final = 0.1
"""With both a connector that fails is down for every order within 2 s, on two busy cores too."""
SILENT_SECONDS: Final = 6.0
_log = logging.getLogger(__name__)


class Catalog(Protocol):
    """`storage.mongo.connectors.Connectors`."""

    async def all(self) -> Sequence[Connector]: ...


class HealthWords(Protocol):
    """`storage.controls.availability.Availabilities`."""

    async def of(self, connectors: Iterable[str]) -> Mapping[str, ConnectorState]: ...
    async def find(self, connector: str, status: ConnectorStatus, reason: str = "") -> ConnectorState: ...


class Asking(Protocol):
    """`workers.connectors.asking.HealthAsking`."""

    async def ask(self, connectors: Sequence[str]) -> Mapping[str, ConnectorCheck] | None:
        """What those answered that answered in time; None: they could not be asked."""
        ...


class ConnectorHealth:
    """The health of all connectors, for one process at a time (a lease says which)."""

    def __init__(self, catalog: Catalog, words: HealthWords, asking: Asking, *, clock: Clock, metrics: Metrics) -> None:
        self._catalog, self._words, self._asking, self._clock = catalog, words, asking, clock
        self._counter = metrics.counter(CONNECTOR_CHECKS)
        self._heard: dict[str, float] = {}
        self._turned = clock.monotonic()

    async def turn(self) -> int:
        """Ask all once, those that are down once more; how many words have changed. Raises `StoreUnavailable`."""
        connectors = [one.connector_id for one in await self._catalog.all() if is_checked(one)]
        self._forget_after_a_pause()
        answers = await self._asking.ask(connectors) if connectors else {}
        if answers is None:
            return 0
        doubtful = [connector for connector, answer in answers.items() if answer.status == "down"]
        if doubtful:
            await asyncio.sleep(SECOND_LOOK_SECONDS)
            sure = {connector: answer for connector, answer in answers.items() if connector not in doubtful}
            answers = {**sure, **(await self._asking.ask(doubtful) or {})}
        self._count(connectors, answers)
        found = {connector: word for connector in connectors if (word := self._word(connector, answers)) is not None}
        return await self._say(found)

    def _forget_after_a_pause(self) -> None:
        """While another process asked, or none could, connectors were not silent to this one."""
        before, self._turned = self._turned, self._clock.monotonic()
        if self._turned - before >= SILENT_SECONDS:
            self._heard.clear()

    def _word(self, connector: str, answers: Mapping[str, ConnectorCheck]) -> tuple[ConnectorStatus, str] | None:
        """What is to be said of a connector; None: nothing new is known."""
        now = self._clock.monotonic()
        answer = answers.get(connector)
        if answer is not None:
            self._heard[connector] = now
            return answer.status, answer.reason or ""
        if now - self._heard.setdefault(connector, now) >= SILENT_SECONDS:
            return "down", SILENT
        return None

    async def _say(self, found: Mapping[str, tuple[ConnectorStatus, str]]) -> int:
        states, changed = await self._words.of(found), 0
        for connector, (status, reason) in found.items():
            state = states.get(connector)
            before = state.health if state is not None else None
            if before is None or (before.status, before.reason) != (status, reason):
                await self._words.find(connector, status, reason)
                _log.info("connector %s is %s by its health checks %s", connector, status, reason)
                changed += 1
        return changed

    def _count(self, connectors: Sequence[str], answers: Mapping[str, ConnectorCheck]) -> None:
        for connector in connectors:
            outcome = answers[connector].status if connector in answers else "silent"
            self._counter.labels(connector=connector, outcome=outcome).inc()
