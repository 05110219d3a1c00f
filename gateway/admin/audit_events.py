"""`GET /internal/v1/admin/audit-events`: the trail, newest first."""

from typing import Final, cast

from gateway.admin.acts import encode
from gateway.admin.views import audit_view
from gateway.http.calls import BearerCall
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from storage.models.audit import ACTOR_TYPES, ActorType
from storage.mongo.audit_events import AuditEvents

_MOST: Final = 500
_USUAL: Final = 100


class AuditDesk:
    """Shows the trail. A page goes on to older events."""

    def __init__(self, events: AuditEvents, tokens: PageTokens) -> None:
        self._events, self._tokens = events, tokens

    async def list(self, call: BearerCall) -> bytes:
        """Filters `actor_type`, `action_prefix`; `page_size` says the same as `limit`, and wins. Raises `request.invalid` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        actor_type = reader.choice("actor_type", ACTOR_TYPES)
        prefix = reader.text("action_prefix")
        limit = reader.whole("page_size", 1, _MOST, reader.whole("limit", 1, _MOST, _USUAL))
        token = reader.text("page_token")
        reader.finish()
        about = ("audit events", {"actor_type": actor_type, "action_prefix": prefix})
        before = None if token is None else int(self._tokens.open(*about, token))
        found = await self._events.newest(cast("ActorType | None", actor_type), prefix, limit + 1, before)
        page = found[:limit]
        following = self._tokens.make(*about, str(page[-1].seq)) if len(found) > limit else None
        return encode({"items": [audit_view(event) for event in page], "next_page_token": following})
