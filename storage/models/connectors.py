"""The catalog of connectors: the software links to venues, as data with stages. Pure; times are ns since the epoch."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

Stage = Literal["planned", "ready", "deprecated"]
STAGES: Final[tuple[Stage, ...]] = ("planned", "ready", "deprecated")
SIMULATED: Final = "simulated"
"""The provider type whose connectors lead to the simulated venue; no other has an adapter yet."""
RESERVED: Final = frozenset({"catalog", "availability"})
"""Ids that would be taken for other routes."""
MOST_UPDATES_KNOWN: Final = 50
"""Of a connector; one that is tried again after fifty others would count twice."""
CONNECTOR_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,63}")
"""An id is a segment of paths, the key of records on the log, and the label of metrics."""


class Connector(BaseModel):
    """One entry. `planned`: not connected yet; `ready`: new bindings may take it; `deprecated`: those that there are stay.

    `asset_classes`, `regions` and `connectivity` (REST, WebSocket, FIX, ...) are free texts; no asset class means all.
    `made_by` is the effect id of the write that made it, `updates` are those of the last that changed it; `version` grows with
    each write.
    """

    model_config = ConfigDict(frozen=True)

    connector_id: str
    provider: str
    provider_type: str
    asset_classes: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    connectivity: tuple[str, ...] = ()
    integration_stage: Stage = "planned"
    created_at: int
    updated_at: int
    made_by: str = ""
    updates: tuple[str, ...] = ()
    version: int = 1


def updated(connector: Connector, given: Mapping[str, Any], at: int, effect_id: str) -> Connector:
    """The connector with what was `given`, by the write of that effect id."""
    known = (*connector.updates, effect_id)[-MOST_UPDATES_KNOWN:]
    at = max(at, connector.updated_at)
    return connector.model_copy(update={**given, "updated_at": at, "updates": known, "version": connector.version + 1})


def default_catalog(now: int) -> list[Connector]:
    """The connectors that every platform begins with: both lead to every venue, over one matching engine."""
    return [
        Connector(
            connector_id=connector_id,
            provider=f"Simulated venue {letter}",
            provider_type=SIMULATED,
            regions=("global",),
            connectivity=("internal",),
            integration_stage="ready",
            created_at=now,
            updated_at=now,
        )
        for connector_id, letter in (("sim-a", "A"), ("sim-b", "B"))
    ]


def is_checked(connector: Connector) -> bool:
    """Whether it is connected, so that its health can be asked for."""
    return connector.provider_type == SIMULATED and connector.integration_stage != "planned"


def connectors_to(asset_classes: Iterable[str], catalog: Iterable[Connector]) -> list[str]:
    """The ids of those that a new binding to a venue with instruments of these asset classes may take, in their order."""
    traded = frozenset(asset_classes)
    return sorted(
        connector.connector_id
        for connector in catalog
        if is_checked(connector)
        and connector.integration_stage == "ready"
        and (not connector.asset_classes or not traded.isdisjoint(connector.asset_classes))
    )
