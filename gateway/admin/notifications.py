"""`GET /internal/v1/admin/notifications/config`: whether mail is set and works, and what webhooks answered last. No secret, ever."""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.admin.acts import Values, encode
from gateway.admin.alert_parts import AlertParts
from gateway.http.calls import BearerCall
from gateway.http.query import QueryReader
from ops.runtime.timestamps import format_timestamp

_LOOK_BACK_NS: Final = 60 * 1_000_000_000
_SET: Final = ("configured", "host", "port", "sender", "tls")


class NotificationsDesk:
    """Shows how people are told."""

    def __init__(self, parts: AlertParts) -> None:
        self._parts = parts

    async def config(self, call: BearerCall) -> bytes:
        """`data`: `email` as the worker processes say, and `webhooks` as they are set here."""
        QueryReader(call.query).finish()
        beats = await self._parts.heartbeats.all(call.now - _LOOK_BACK_NS)
        said = [beat.details["mail"] for beat in beats if isinstance(beat.details.get("mail"), dict)]
        statuses = await self._parts.hooks.statuses()
        webhooks = [
            {
                "name": hook.name,
                "url_host": urlsplit(hook.url).hostname,
                "enabled": hook.enabled,
                "last_status": statuses.get(hook.name),
            }
            for hook in self._parts.webhooks
        ]
        return encode({"email": email_view(self._parts.mail, said), "webhooks": webhooks})


def email_view(here: Mapping[str, Any], said: Iterable[Mapping[str, Any]]) -> Values:
    """Mail as it is set (by a worker process, else as `here`) and as it has gone: of what several processes say the newest."""
    reports = sorted(said, key=lambda one: one.get("reachable_at") or 0)
    settings = reports[-1] if reports else here
    succeeded = max((one.get("last_success_at") or 0 for one in reports), default=0)
    failed = max(reports, key=lambda one: one.get("last_error_at") or 0, default={})
    return {
        **{name: settings.get(name) for name in _SET},
        "reachable": reports[-1].get("reachable") if reports else None,
        "last_success_at": format_timestamp(succeeded) if succeeded else None,
        "last_error": failed.get("last_error"),
        "last_error_at": format_timestamp(failed["last_error_at"]) if failed.get("last_error_at") else None,
    }
