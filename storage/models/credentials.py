"""Credentials of exchanges, as somebody has encrypted them, and the platform's keys that they are encrypted to.

Both are kept sealed (storage/sealing.py); nothing here is a secret by itself. Times are ns since the epoch.
"""

import hashlib
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

KeyAlgorithm = Literal["RSA-OAEP-256", "ECDH-ES"]
KEY_ALGORITHMS: Final[tuple[KeyAlgorithm, ...]] = ("RSA-OAEP-256", "ECDH-ES")
CONTENT_ENCRYPTION: Final = "A256GCM"
CredentialPart = Literal["api_key", "api_secret", "passphrase"]
_FINGERPRINT_DIGITS: Final = 16
MOST_PUTS_KNOWN: Final = 50
"""Of a credential; one that is tried again after fifty others would count twice."""


class Ciphertexts(NamedTuple):
    """The three parts of a credential as they were given. Never logged: some of whoever sends them forget to encrypt."""

    api_key: str
    api_secret: str
    passphrase: str | None

    def __repr__(self) -> str:
        return f"Ciphertexts({self.fingerprint})"

    @property
    def fingerprint(self) -> str:
        """The first 16 hex digits of SHA-256 over the parts that there are, a line feed between them."""
        parts = [self.api_key, self.api_secret, *([] if self.passphrase is None else [self.passphrase])]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_FINGERPRINT_DIGITS]


class GivenCredential(NamedTuple):
    """A credential as it was given: for which exchange, under which name, and the JSON of what it is said to be for."""

    exchange_code: str
    credential_name: str
    parts: Ciphertexts
    scope: str = "{}"


class Credential(BaseModel):
    """A credential of one exchange, known by exchange and name. `scope` is the JSON of what it was said to be for.

    Each `sealed_` field is the given ciphertext, sealed by the key ring for `context_of` the id and the part. `puts` name the
    last writes of it.
    """

    model_config = ConfigDict(frozen=True)

    credential_id: str
    exchange_code: str
    credential_name: str
    sealed_api_key: str
    sealed_api_secret: str
    sealed_passphrase: str | None = None
    scope: str = "{}"
    fingerprint: str
    created_at: int
    updated_at: int
    puts: tuple[str, ...] = ()
    version: int = 1


class CredentialKey(BaseModel):
    """A key pair that credentials are encrypted to. `kid` names algorithm and number; `public` is the JWK to publish,
    `sealed_private` that of the private key, sealed for the `kid`. The highest number of an algorithm is the one in use,
    the others only open what was encrypted to them.
    """

    model_config = ConfigDict(frozen=True)

    kid: str
    algorithm: KeyAlgorithm
    number: int
    public: dict[str, Any]
    sealed_private: str
    created_at: int


class OpenedCredential(NamedTuple):
    """A credential in plain text, for a connector's log-in alone: never stored, shown or logged."""

    api_key: str
    api_secret: str
    passphrase: str | None

    def __repr__(self) -> str:
        return "OpenedCredential()"


def context_of(credential_id: str, part: CredentialPart) -> bytes:
    """What a part of a credential is sealed for."""
    return f"{credential_id}:{part}".encode()


def kid_of(algorithm: KeyAlgorithm, number: int) -> str:
    """What a key is called, e.g. `credentials-ecdh-es-1`."""
    return f"credentials-{algorithm.lower()}-{number}"
