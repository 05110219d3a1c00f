"""Connectors as answers show them: to anyone, and with their health to admins. Pure."""

from collections.abc import Mapping
from typing import Any

from gateway.http.query import QueryReader
from ops.runtime.timestamps import format_timestamp
from storage.models.availability import Availability, availability_of
from storage.models.connectors import STAGES, Connector
from storage.models.controls import ConnectorState

Values = dict[str, Any]
States = Mapping[str, ConnectorState]
Filters = Mapping[str, str | None]


def filters_of(reader: QueryReader) -> Filters:
    """Which connectors a query asks for."""
    return {
        "provider_type": reader.text("provider_type"),
        "stage": reader.choice("stage", STAGES),
        "region": reader.text("region"),
    }


def fits(connector: Connector, filters: Filters) -> bool:
    """Whether a connector is asked for. `region` is one of its regions, as it is written."""
    provider_type, stage, region = filters["provider_type"], filters["stage"], filters["region"]
    return (
        provider_type in (None, connector.provider_type)
        and stage in (None, connector.integration_stage)
        and (region is None or region in connector.regions)
    )


def public_view(connector: Connector, states: States) -> Values:
    """What anyone may know."""
    return {
        **fields_view(connector),
        "created_at": format_timestamp(connector.created_at),
        "updated_at": format_timestamp(connector.updated_at),
        "availability": availability(connector, states).status,
    }


def admin_view(connector: Connector, states: States) -> Values:
    """What anyone may know, and what the health checks say; null before they have said anything."""
    state = states.get(connector.connector_id)
    word = state.health if state is not None else None
    shown = (
        {"status": word.status, "reason": word.reason or None, "since": format_timestamp(word.since)} if word else None
    )
    return {**public_view(connector, states), "health": shown}


def fields_view(connector: Connector) -> Values:
    """The fields that an admin sets."""
    return {
        "connector_id": connector.connector_id,
        "provider": connector.provider,
        "provider_type": connector.provider_type,
        "asset_classes": list(connector.asset_classes),
        "regions": list(connector.regions),
        "connectivity": list(connector.connectivity),
        "integration_stage": connector.integration_stage,
    }


def availability(connector: Connector, states: States) -> Availability:
    """Whether a connector is up, and who says so."""
    return availability_of(connector.connector_id, states.get(connector.connector_id), connector.created_at)


def availability_view(found: Availability) -> Values:
    """An item of the list of availabilities."""
    return {
        "connector": found.connector,
        "status": found.status,
        "source": found.source,
        "reason": found.reason or None,
        "since": format_timestamp(found.since),
        "updated_by": found.updated_by,
    }
