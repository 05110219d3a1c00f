"""Access tokens: JWTs of 15 minutes, signed with EdDSA by a key of the ring, for users or for admins, never for both.

The form is RFC 9068's: header `alg`, `kid`, `typ: at+jwt`; claims `iss aud sub sid role jti iat exp`, times in Unix seconds.
"""

import secrets
from typing import Any, Final, cast

import jwt

from gateway.callers import Claims
from ops.runtime.errors import HubError
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.people import ADMIN_ROLES, AdminRole, Audience
from storage.models.sessions import ACCESS_SECONDS
from storage.signing_keys import ALGORITHM, SigningKeys

ISSUER: Final = "omniaxs-global-hub"
TYPE: Final = "at+jwt"
_NEEDED: Final = ["iss", "aud", "sub", "sid", "jti", "iat", "exp"]
_TOKEN_ID_BYTES: Final = 16


class AccessTokens:
    """Issues and reads access tokens. A token alone opens nothing: its session must be alive (gateway/http/sessions.py)."""

    def __init__(self, signing_keys: SigningKeys, issuer: str) -> None:
        self._keys = signing_keys
        self._issuer = issuer

    def issue(self, audience: Audience, subject_id: str, session_id: str, role: AdminRole | None, now: int) -> str:
        """A token that counts from `now` (ns) for 15 minutes, to the second."""
        issued_at = now // NANOSECONDS_PER_SECOND
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": audience,
            "sub": subject_id,
            "sid": session_id,
            "jti": secrets.token_urlsafe(_TOKEN_ID_BYTES),
            "iat": issued_at,
            "exp": issued_at + ACCESS_SECONDS,
        }
        if role is not None:
            claims["role"] = role
        headers = {"kid": self._keys.signing_key_id, "typ": TYPE}
        return jwt.encode(claims, self._keys.signing_key, algorithm=ALGORITHM, headers=headers)

    def read(self, token: str, audience: Audience, now: int) -> Claims:
        """What the token says, if it is ours, for this audience, and `now` (ns) is before its end.

        Raises `auth.token_expired`, and `auth.token_invalid` for everything else that is wrong with it.
        """
        claims = self._verified(token, audience)
        if now // NANOSECONDS_PER_SECOND >= claims.expires_at:
            raise HubError("auth.token_expired")
        return claims

    def _verified(self, token: str, audience: Audience) -> Claims:
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.public_key(str(header.get("kid")))
            if key is None or header.get("typ") != TYPE:
                raise HubError("auth.token_invalid")
            # The end is compared with the clock that we were given, not with the library's.
            options: Any = {"require": _NEEDED, "verify_exp": False, "verify_iat": False, "strict_aud": True}
            said = jwt.decode(
                token, key, algorithms=[ALGORITHM], audience=audience, issuer=self._issuer, options=options
            )
            return _claims(said, audience)
        except (jwt.PyJWTError, ValueError) as error:
            raise HubError("auth.token_invalid") from error


def _claims(said: dict[str, Any], audience: Audience) -> Claims:
    """Raises `ValueError` for claims that no token of ours has."""
    role = said.get("role")
    if (role is None) != (audience == "user") or (role is not None and role not in ADMIN_ROLES):
        raise ValueError("the role does not fit the audience")
    texts = [said[name] for name in ("sub", "sid", "jti")]
    times = [said[name] for name in ("iat", "exp")]
    if not all(isinstance(text, str) and text for text in texts) or not all(type(time) is int for time in times):
        raise ValueError("a claim is of another type than ours")
    return Claims(
        audience=audience,
        subject_id=said["sub"],
        session_id=said["sid"],
        role=cast("AdminRole | None", role),
        token_id=said["jti"],
        issued_at=said["iat"],
        expires_at=said["exp"],
    )
