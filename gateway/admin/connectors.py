"""The catalog of connectors and whether each is up, as admins see and rule them."""

from typing import Any, Final

from gateway.admin.acts import Values, act_of, busy, encode, with_reason
from gateway.admin.connector_fields import Given, connector_given
from gateway.admin.parts import AdminParts
from gateway.connectors.catalog import CatalogList
from gateway.connectors.views import admin_view, availability, availability_view, fields_view
from gateway.http.calls import BearerCall
from gateway.http.fields import BodyReader
from gateway.http.listing import page_asked, page_of
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from ops.runtime.errors import HubError
from storage.models.audit import AuditEvent
from storage.models.availability import Availability, availability_of
from storage.models.connectors import Connector, updated
from storage.models.controls import ConnectorState
from storage.mongo.failures import REPLACE_TRIES, AlreadyStored

AUTO: Final = "auto"
"""Takes an admin's word back: health checks say again whether the connector is up."""
_STATUSES: Final = ("up", "down", AUTO)


class CatalogDesk:
    """Reads and writes the catalog."""

    def __init__(self, parts: AdminParts, tokens: PageTokens) -> None:
        self._parts = parts.connectors
        self._trail = parts.trail
        self._list = CatalogList(parts.connectors, tokens, "connectors")

    async def list(self, call: BearerCall) -> bytes:
        """The catalog by id; filters `provider_type`, `stage`, `region`. Raises as `CatalogList.answer` does."""
        return await self._list.answer(call.query, admin_view)

    async def create(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: the connector. Raises `request.invalid` or `connector.exists`."""
        given = connector_given(body)
        connector_id = given["connector_id"]
        act = act_of(call, "connector.create", ("connector", connector_id), None, _plain(given))

        async def effect(intended: AuditEvent) -> tuple[bytes, Values]:
            connector = Connector(**given, created_at=intended.ts, updated_at=intended.ts, made_by=call.effect_id)
            try:
                await self._parts.catalog.insert(connector)
            except AlreadyStored:
                connector = await self._made_before(connector_id, call.effect_id)
            return await self._shown(connector), fields_view(connector)

        return await self._trail.privileged(act, effect)

    async def update(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: the connector; what is not given stays. Raises `request.invalid` or `connector.not_found`."""
        connector_id = call.path["connector_id"]
        given = connector_given(body, connector_id)
        before = fields_view(await self._found(connector_id))
        act = act_of(call, "connector.update", ("connector", connector_id), before, _plain(given))

        async def effect(intended: AuditEvent) -> tuple[bytes, Values]:
            connector = await self._replaced(connector_id, given, intended.ts, call.effect_id)
            return await self._shown(connector), fields_view(connector)

        return await self._trail.privileged(act, effect)

    async def _replaced(self, connector_id: str, given: Given, at: int, effect_id: str) -> Connector:
        """What a try of this write before this one has changed is not changed again: others may have written since."""
        for _ in range(REPLACE_TRIES):
            found = await self._found(connector_id)
            if effect_id in found.updates:
                return found
            wanted = updated(found, given, at, effect_id)
            if await self._parts.catalog.replace(wanted):
                return wanted
        raise busy()

    async def _made_before(self, connector_id: str, effect_id: str) -> Connector:
        """The connector that an earlier try of this write has made. Raises `connector.exists` for anybody else's."""
        found = await self._found(connector_id)
        if found.made_by != effect_id:
            raise HubError("connector.exists", {"connector_id": connector_id})
        return found

    async def _found(self, connector_id: str) -> Connector:
        connector = await self._parts.catalog.get(connector_id)
        if connector is None:
            raise HubError("connector.not_found", {"connector_id": connector_id})
        return connector

    async def _shown(self, connector: Connector) -> bytes:
        return encode(admin_view(connector, await self._parts.availabilities.of([connector.connector_id])))


class AvailabilityDesk:
    """Reads whether connectors are up, and says so. An admin's word wins over health checks until it is taken back."""

    def __init__(self, parts: AdminParts, tokens: PageTokens) -> None:
        self._parts, self._tokens = parts.connectors, tokens
        self._trail = parts.trail

    async def list(self, call: BearerCall) -> bytes:
        """Every connector by id. Raises `request.invalid` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        asked = page_asked(reader)
        reader.finish()
        catalog = await self._parts.catalog.all()
        states = await self._parts.availabilities.of(connector.connector_id for connector in catalog)
        found = [availability(connector, states) for connector in catalog]
        page, token = page_of(found, asked, _place, self._tokens, ("availability", {}))
        return encode({"items": [availability_view(one) for one in page], "next_page_token": token})

    async def set(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: the connector's availability. Raises `request.invalid` or `connector.not_found`.

        Stored when it is answered; every order that is decided from a moment later on is decided by it.
        """
        reader = BodyReader(body)
        status, reason = reader.choice("status", _STATUSES, required=True) or "", reader.text("reason")
        reader.finish()
        connector_id = call.path["connector"]
        connector = await self._parts.catalog.get(connector_id)
        if connector is None:
            raise HubError("connector.not_found", {"connector_id": connector_id})
        before = availability(connector, await self._parts.availabilities.of([connector_id]))
        asked = with_reason({"status": status}, reason)
        act = act_of(call, "connector.availability", ("connector", connector_id), _kept(before), asked)

        async def effect(intended: AuditEvent) -> tuple[bytes, Values]:
            state = await self._said(connector_id, status, reason or "", intended)
            now = availability_of(connector_id, state, connector.created_at)
            return encode(availability_view(now)), _kept(now)

        return await self._trail.privileged(act, effect)

    async def _said(self, connector_id: str, status: str, reason: str, intended: AuditEvent) -> ConnectorState:
        if status == AUTO:
            return await self._parts.availabilities.take_back(connector_id)
        return await self._parts.availabilities.say(
            connector_id, "up" if status == "up" else "down", reason=reason, by=intended.actor_id, at=intended.ts
        )


def _place(found: Availability) -> str:
    return found.connector


def _kept(found: Availability) -> Values:
    return {"status": found.status, "source": found.source, "reason": found.reason}


def _plain(given: Given) -> Values:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
