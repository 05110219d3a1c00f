"""Alerts, as admins see them and take them."""

from typing import Any, Final, cast

from gateway.admin.acts import Values, act_of, encode
from gateway.admin.alert_parts import AlertParts
from gateway.http.calls import BearerCall
from gateway.http.fields import BodyReader
from gateway.http.listing import MOST_ITEMS, USUAL_ITEMS, NewestFirst, PageAsked
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from ops.runtime.errors import HubError
from storage.audit.trail import AuditTrail
from storage.models.alert_view import alert_view
from storage.models.alerts import SEVERITIES, STATES, Alert, AlertState, Severity
from storage.models.audit import AuditEvent
from storage.mongo.alerts import cursor_of

_MOST: Final = 200


class AlertsDesk:
    """Shows alerts, those that began last first, and lets an admin acknowledge one."""

    def __init__(self, parts: AlertParts, trail: AuditTrail, tokens: PageTokens) -> None:
        self._alerts, self._keeper, self._trail, self._tokens = parts.alerts, parts.desk, trail, tokens

    async def list(self, call: BearerCall) -> bytes:
        """Filters `code`, `severity`, `state`; `page_size` says the same as `limit`, and wins. Raises `request.invalid` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        code = reader.text("code")
        severity = cast("Severity | None", reader.choice("severity", SEVERITIES))
        state = cast("AlertState | None", reader.choice("state", STATES))
        size = reader.whole("page_size", 1, MOST_ITEMS, reader.whole("limit", 1, _MOST, USUAL_ITEMS))
        asked = PageAsked(size, reader.text("page_token"))
        reader.finish()
        page = NewestFirst("alerts", {"code": code, "severity": severity, "state": state}, asked, self._tokens)
        found = await self._alerts.page(code, severity, state, page.after, page.size + 1)
        items, following = page.cut(found, cursor_of)
        return encode({"items": [alert_view(alert) for alert in items], "next_page_token": following})

    async def acknowledge(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: the alert as it is now. One that is acknowledged already stays as it is.

        Raises `request.invalid`, `alert.not_found`, `alert.wrong_state`.
        """
        BodyReader(body).finish()
        alert = await self._found(call.path["alert_id"])
        wanted: Values = {"state": "acknowledged"}
        act = act_of(call, "alert.acknowledge", ("alert", alert.alert_id), {"state": alert.state}, wanted)

        async def effect(intended: AuditEvent) -> tuple[bytes, Values]:
            by, at = call.principal.subject_id, intended.ts
            after = await self._keeper.acknowledge(alert.alert_id, by, at) or await self._found(alert.alert_id)
            if after.state == "resolved":
                raise HubError("alert.wrong_state", {"alert_id": after.alert_id, "state": after.state})
            return encode(alert_view(after)), {"state": after.state, "acknowledged_by": after.acknowledged_by}

        return await self._trail.privileged(act, effect)

    async def _found(self, alert_id: str) -> Alert:
        alert = await self._alerts.get(alert_id)
        if alert is None:
            raise HubError("alert.not_found", {"alert_id": alert_id})
        return alert
