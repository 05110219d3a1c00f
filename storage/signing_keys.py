"""The keys of access tokens: a ring of named Ed25519 keys (RFC 8032), the first of which signs while all of them verify.

A private key is HKDF-SHA256 (RFC 5869, no salt) of the configured secret, so that a ring is text as the key ring is.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALGORITHM: Final = "EdDSA"
_PURPOSE: Final = b"omniaxs access tokens v1"
_KEY_BYTES: Final = 32
_SHORTEST_SECRET: Final = 16
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")


class SigningKeys:
    """Named signing keys. Never shows a secret, neither in `repr` nor in an error."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """`keys` are secrets by key id, the signing one first. Raises `ValueError`, naming the key id and what is wrong."""
        for key_id, secret in keys.items():
            _check(key_id, secret)
        if not keys:
            raise ValueError("there must be at least one signing key, as id:secret")
        private = {key_id: _derived(secret) for key_id, secret in keys.items()}
        self.signing_key_id = next(iter(keys))
        self.signing_key = private[self.signing_key_id]
        self._public = {key_id: key.public_key() for key_id, key in private.items()}

    @classmethod
    def parse(cls, text: str) -> "SigningKeys":
        """Keys from `id:secret[,id:secret...]`. Raises `ValueError` as above; secrets may hold `:` but no comma."""
        keys: dict[str, str] = {}
        for position, item in enumerate(text.split(","), start=1):
            key_id, colon, secret = item.strip().partition(":")
            if not colon:
                raise ValueError(f"signing key {position} is not of the form id:secret")
            if key_id in keys:
                raise ValueError(f"the signing keys hold the key id {key_id!r} twice")
            keys[key_id] = secret
        return cls(keys)

    def public_key(self, key_id: str) -> Ed25519PublicKey | None:
        """The key that verifies what `key_id` signed; None for an unknown one."""
        return self._public.get(key_id)

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JSON Web Key Set (RFC 7517, RFC 8037), the signing one first."""
        return {"keys": [_jwk(key_id, key) for key_id, key in self._public.items()]}

    def __repr__(self) -> str:
        return f"SigningKeys({', '.join(self._public)})"


def _check(key_id: str, secret: str) -> None:
    if not _KEY_ID.fullmatch(key_id):
        raise ValueError(f"signing key id {key_id!r} must be 1 to 32 letters, digits, '_' or '-'")
    if len(secret) < _SHORTEST_SECRET:
        raise ValueError(f"the secret of the signing key {key_id!r} is shorter than {_SHORTEST_SECRET} characters")


def _derived(secret: str) -> Ed25519PrivateKey:
    seed = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_PURPOSE).derive(secret.encode())
    return Ed25519PrivateKey.from_private_bytes(seed)


def _jwk(key_id: str, key: Ed25519PublicKey) -> dict[str, str]:
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": key_id, "use": "sig", "alg": ALGORITHM}
