"""Who may say whether a connector is up: an admin, and the health checks. What they say is one control, announced whole."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, cast

from ops.runtime.clock import Clock
from storage.controls.announce import Announcer
from storage.log.port import AppendUnknown, LogUnavailable
from storage.models.availability import by_admin, by_health, by_health_alone
from storage.models.controls import ConnectorState, ConnectorStatus, ConnectorWord, ControlDocument, identity_of
from storage.mongo.controls import StoredControl

ANNOUNCE_SECONDS: Final = 2.0
_log = logging.getLogger(__name__)


class Availabilities:
    """The states of connectors. Its methods raise `StoreUnavailable`; then the change may be stored or not.

    What is stored counts for every order decided after the announcement was read. While the log is away no order is
    decided either, and an order-core process announces what was left.
    """

    def __init__(self, announcer: Announcer, clock: Clock) -> None:
        self._announcer, self._clock = announcer, clock

    async def all(self) -> dict[str, ConnectorState]:
        """The states by connector, of those that have one."""
        return _by_connector(await self._announcer.documents.of_kind("connector"))

    async def of(self, connectors: Iterable[str]) -> dict[str, ConnectorState]:
        """The states of these, as far as they have one."""
        return _by_connector(await self._announcer.documents.get_many(map(_identity, connectors)))

    async def say(self, connector: str, status: ConnectorStatus, *, reason: str, by: str, at: int) -> ConnectorState:
        """An admin (`by`) says at `at` (ns) whether a connector is up, whatever health checks say, until it is taken back."""
        word = ConnectorWord(status, reason, at, by, at)
        return await self._change(connector, lambda state: by_admin(connector, state, word))

    async def take_back(self, connector: str) -> ConnectorState:
        """From now on health checks say again whether a connector is up."""
        return await self._change(connector, lambda state: by_health_alone(connector, state))

    async def find(self, connector: str, status: ConnectorStatus, reason: str = "") -> ConnectorState:
        """The health checks have found a connector to be up or down."""
        now = self._clock.now()
        word = ConnectorWord(status, reason, now, at=now)
        return await self._change(connector, lambda state: by_health(connector, state, word))

    async def _change(
        self, connector: str, change: Callable[[ConnectorState | None], ConnectorState]
    ) -> ConnectorState:
        def changed(document: ControlDocument | None) -> ControlDocument:
            return change(document if isinstance(document, ConnectorState) else None)

        stored = await self._announcer.documents.update(_identity(connector), changed, self._clock.now())
        if stored.pending:
            await self._announce(stored)
        return cast("ConnectorState", stored.document)

    async def _announce(self, stored: StoredControl) -> None:
        try:
            async with asyncio.timeout(ANNOUNCE_SECONDS):
                await self._announcer.announce([stored])
        except (LogUnavailable, AppendUnknown, TimeoutError) as error:
            _log.warning("a connector's state is stored and not announced yet: %s", error or "the log is slow")


def _by_connector(stored: Iterable[StoredControl]) -> dict[str, ConnectorState]:
    states = [control.document for control in stored if isinstance(control.document, ConnectorState)]
    return {state.connector: state for state in states}


def _identity(connector: str) -> str:
    return identity_of(ConnectorState(connector, "up"))
