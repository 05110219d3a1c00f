"""The codes that we close with (websocket.md)."""

from typing import Final

RESTART: Final = 1012
BAD_MESSAGE: Final = 4400
NOT_AUTHENTICATED: Final = 4401
NOT_ALLOWED: Final = 4403
HEARTBEAT_MISSED: Final = 4408
TOO_SLOW: Final = 4413
LIMITS: Final = 4429
REASONS: Final = {
    RESTART: "restart",
    BAD_MESSAGE: "bad message",
    NOT_AUTHENTICATED: "not authenticated",
    NOT_ALLOWED: "not allowed",
    HEARTBEAT_MISSED: "no pong within 10 s",
    TOO_SLOW: "too slow",
    LIMITS: "limit",
}


def of_status(status: int) -> int | None:
    """The code for a refused `auth` by the HTTP status of its error; None: the client may try again."""
    return {401: NOT_AUTHENTICATED, 403: NOT_ALLOWED, 429: LIMITS}.get(status)
