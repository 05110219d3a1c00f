"""Refresh tokens: `pmr_SESSION.GENERATION.SECRET.KEYID.MAC`, opaque to everybody else.

The MAC says that we made it, so that an old token is recognised long after only the newest one's hash is kept, and nobody can
end a session by inventing one. The secret says that it is the newest: it cannot be made of what the store holds.
"""

import re
import secrets
from typing import Final, NamedTuple

from storage.models.sessions import Session
from storage.sealing import KeyRing, UnknownKey

LEAST_CHARACTERS: Final = 16
MOST_CHARACTERS: Final = 512
_FORM: Final = re.compile(
    r"pmr_((?P<session>[A-Za-z0-9_]{1,64})\.(?P<generation>[1-9][0-9]{0,9})\.[A-Za-z0-9_-]{22})"
    r"\.(?P<key>[A-Za-z0-9_-]{1,32})\.(?P<mac>[0-9a-f]{64})"
)
_SECRET_BYTES: Final = 16
_PURPOSE: Final = b"refresh token"
_KEPT: Final = b"kept refresh token "


class Presented(NamedTuple):
    """What a token of ours says."""

    session_id: str
    generation: int


class RefreshTokens:
    """Makes, reads and compares refresh tokens."""

    def __init__(self, key_ring: KeyRing) -> None:
        self._key_ring = key_ring

    def make(self, session_id: str, generation: int) -> tuple[str, str]:
        """A new token for that generation of a session, and the hash of it to keep."""
        said = f"{session_id}.{generation}.{secrets.token_urlsafe(_SECRET_BYTES)}"
        mac = self._key_ring.keyed_hash(said.encode(), _PURPOSE).removeprefix("h1.")
        token = f"pmr_{said}.{mac}"
        return token, self._key_ring.keyed_hash(token.encode(), _KEPT + session_id.encode())

    def read(self, token: str) -> Presented | None:
        """What it says, if we made it."""
        form = _FORM.fullmatch(token)
        if form is None:
            return None
        try:
            ours = self._key_ring.matches(f"h1.{form['key']}.{form['mac']}", form[1].encode(), _PURPOSE)
        except UnknownKey:
            return None
        return Presented(form["session"], int(form["generation"])) if ours else None

    def is_newest(self, token: str, session: Session) -> bool:
        """Whether the session keeps the hash of that very token."""
        try:
            return self._key_ring.matches(session.refresh_hash, token.encode(), _KEPT + session.session_id.encode())
        except UnknownKey:
            return False
