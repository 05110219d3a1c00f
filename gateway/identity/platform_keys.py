"""`GET /public/v1/keys`: the platform's public keys, as a JSON Web Key Set: those that access tokens are verified with
(use `sig`), and those that credentials of exchanges are encrypted to (use `enc`).
"""

from typing import Any, Final, Protocol

import msgspec

from gateway.http.calls import PublicCall
from gateway.http.edge import Edge
from gateway.http.routes import Routes
from storage.models.credentials import CredentialKey
from storage.signing_keys import SigningKeys

OPERATION: Final = "getPlatformKeys"
BUILT: Final = frozenset({OPERATION})
PATH: Final = "/public/v1/keys"
_encode: Final = msgspec.json.Encoder().encode


class PublishedKeys(Protocol):
    """`storage.credentials.CredentialVault`."""

    async def published(self) -> list[CredentialKey]: ...


def register_platform_keys(routes: Routes, edge: Edge, signing_keys: SigningKeys, credentials: PublishedKeys) -> None:
    """Serve the public halves of `signing_keys`, those that only verify too, and the keys that `credentials` publishes."""
    signing: list[Any] = signing_keys.jwks()["keys"]

    async def keys(_call: PublicCall) -> bytes:
        return _encode({"keys": [*signing, *(key.public for key in await credentials.published())]})

    routes.read(PATH, OPERATION, edge.public(OPERATION, keys))
