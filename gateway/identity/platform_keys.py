"""`GET /public/v1/keys`: the public keys that access tokens are verified with, as a JSON Web Key Set."""

from typing import Final

import msgspec

from gateway.http.calls import PublicCall
from gateway.http.edge import Edge
from gateway.http.routes import Routes
from storage.signing_keys import SigningKeys

OPERATION: Final = "getPlatformKeys"
BUILT: Final = frozenset({OPERATION})
PATH: Final = "/public/v1/keys"


def register_platform_keys(routes: Routes, edge: Edge, signing_keys: SigningKeys) -> None:
    """Serve the public halves of `signing_keys`, those that only verify too."""
    answer = msgspec.json.encode(signing_keys.jwks())

    async def keys(_call: PublicCall) -> bytes:
        return answer

    routes.read(PATH, OPERATION, edge.public(OPERATION, keys))
