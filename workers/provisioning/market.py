"""What the saga asks about exchanges and connectors: what is traded, what leads there, what is up."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from storage.models.availability import is_silent
from storage.models.connectors import Connector
from storage.models.controls import ConnectorState
from storage.reference import ReferenceData
from storage.registry import connectors_of


class Catalog(Protocol):
    """`storage.mongo.connectors.Connectors`."""

    async def all(self) -> list[Connector]: ...


class States(Protocol):
    """`storage.controls.availability.Availabilities`."""

    async def all(self) -> dict[str, ConnectorState]: ...


ReferenceSource = Callable[[], Awaitable[ReferenceData]]
"""Reads the reference data that is stored now."""


@dataclass(frozen=True, slots=True)
class Market:
    """Exchanges and connectors at one moment. `down` are the connectors that orders are refused for, `silent` those of them of
    which nothing is known but that the process of their venue is away.
    """

    reference: ReferenceData
    catalog: tuple[Connector, ...] = ()
    down: frozenset[str] = field(default=frozenset())
    silent: frozenset[str] = field(default=frozenset())

    def is_traded(self, exchange_code: str) -> bool:
        """Whether an instrument trades there."""
        return any(instrument.venue == exchange_code for instrument in self.reference.instruments.values())

    def connectors(self, exchange_code: str) -> list[str]:
        """The connectors that lead there, up or down, best first."""
        return connectors_of(exchange_code, self.reference, self.catalog)


class MarketSource(Protocol):
    """Says how things stand."""

    async def now(self) -> Market: ...


class StoredMarket:
    """`MarketSource` over what is stored."""

    def __init__(self, reference: ReferenceSource, catalog: Catalog, states: States) -> None:
        self._reference, self._catalog, self._states = reference, catalog, states

    async def now(self) -> Market:
        """Read it. Raises `StoreUnavailable`."""
        states = await self._states.all()
        down = frozenset(connector for connector, state in states.items() if state.status == "down")
        silent = frozenset(connector for connector, state in states.items() if is_silent(state))
        return Market(await self._reference(), tuple(await self._catalog.all()), down, silent)
