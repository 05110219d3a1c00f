"""What a request says of the person behind it: bearer token, role, e-mail address, browser. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.callers import Principal
from gateway.http.query import invalid
from ops.runtime.errors import HubError
from storage.models.emails import normalised
from storage.models.people import AdminRole

MOST_USER_AGENT: Final = 256
_MOST_EMAIL: Final = 320
_MOST_TOKEN: Final = 4_096
_EMAIL_FIELDS: Final = ("email", "work_email")


def bearer_token(authorization: str | None) -> str:
    """The token of an `Authorization` header (RFC 6750). Raises `auth.token_missing`, or `auth.token_invalid` when it is
    longer than any of ours.
    """
    scheme, _, token = (authorization or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise HubError("auth.token_missing")
    if len(token) > _MOST_TOKEN:
        raise HubError("auth.token_invalid")
    return token


def check_role(principal: Principal, sent: str | None, roles: tuple[AdminRole, ...]) -> None:
    """Whether an admin may: `X-PM-ROLE` is there (`request.invalid`), is the token's role (`admin.role_mismatch`), and that
    is one of `roles` (`admin.forbidden`).
    """
    if not sent:
        raise invalid("X-PM-ROLE", "missing", "the role that you logged in with")
    if sent != principal.role:
        raise HubError("admin.role_mismatch")
    if principal.role not in roles:
        raise HubError("admin.forbidden", {"role": principal.role, "allowed": list(roles)})


def email_of(body: Mapping[str, Any]) -> str | None:
    """The normalised e-mail address that a body is about; None without one that can be an address."""
    for name in _EMAIL_FIELDS:
        text = body.get(name)
        if isinstance(text, str) and len(text) <= _MOST_EMAIL:
            try:
                return normalised(text)
            except ValueError:
                return None
    return None


def user_agent_of(header: str | None) -> str:
    """What the client calls itself, cut and without control characters."""
    return "".join(letter for letter in (header or "")[:MOST_USER_AGENT] if letter.isprintable())
