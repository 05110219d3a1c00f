"""JSON Web Encryption (RFC 7516) to the platform's keys: pairs are made here, and what was encrypted to them is opened.

A sender takes a key of use `enc` from `GET /public/v1/keys` and makes a compact JWE: RSA-OAEP-256 (3072 bits) or ECDH-ES
(P-256), content A256GCM (RFC 7518). Without `kid` in its header every key of the algorithm is tried, newest first.
"""

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any, Final, Literal, cast

import msgspec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, KeyParameters, RSAKey

from storage.models.credentials import CONTENT_ENCRYPTION, CredentialKey, KeyAlgorithm, kid_of
from storage.models.reading import UNREADABLE
from storage.sealing import KeyRing

RSA_BITS: Final = 3072
_CURVE: Final = "P-256"
_LONGEST_HEADER: Final = 1024


class Undecryptable(Exception):
    """Not a JWE to one of our keys, or it was changed. The text says which, and shows nothing of it."""


class _Header(msgspec.Struct):
    """Of a JWE's header what decides how it is opened; `crit` and `zip` we do not take."""

    alg: KeyAlgorithm
    enc: Literal["A256GCM"]
    kid: str | None = None
    crit: list[str] | None = None
    zip: str | None = None


_decode_header = msgspec.json.Decoder(_Header).decode


def make_key(algorithm: KeyAlgorithm, number: int, key_ring: KeyRing, now: int) -> CredentialKey:
    """A new pair. An RSA key takes up to a second: call it in a thread."""
    kid = kid_of(algorithm, number)
    said: KeyParameters = {"use": "enc", "alg": algorithm, "kid": kid}
    is_rsa = algorithm == "RSA-OAEP-256"
    pair = RSAKey.generate_key(RSA_BITS, said) if is_rsa else ECKey.generate_key(_CURVE, said)
    private = json.dumps(pair.as_dict(private=True)).encode()
    return CredentialKey(
        kid=kid,
        algorithm=algorithm,
        number=number,
        public=cast("dict[str, Any]", pair.as_dict(private=False)),
        sealed_private=key_ring.seal(private, kid.encode()),
        created_at=now,
    )


def current(keys: Iterable[CredentialKey]) -> list[CredentialKey]:
    """Of each algorithm the newest key, which senders are to use."""
    newest: dict[str, CredentialKey] = {}
    for key in keys:
        if key.algorithm not in newest or newest[key.algorithm].number < key.number:
            newest[key.algorithm] = key
    return [newest[algorithm] for algorithm in sorted(newest)]


def decrypt(ciphertext: str, keys: Iterable[CredentialKey], key_ring: KeyRing) -> str:
    """The text that was encrypted to one of `keys` (newest first). Raises `Undecryptable`, `UnknownKey` or `Unreadable`
    (the last two: the key itself cannot be opened).
    """
    header = _header_of(ciphertext)
    fitting = [key for key in keys if key.algorithm == header.alg and header.kid in (None, key.kid)]
    if not fitting:
        raise Undecryptable(f"encrypted to no {header.alg} key of ours")
    for key in fitting:
        plain = _opened(ciphertext, key, key_ring)
        if plain is not None:
            try:
                return plain.decode()
            except UnicodeDecodeError:
                raise Undecryptable("what was encrypted is not a text in UTF-8") from None
    raise Undecryptable("it was changed, or encrypted to another key")


def _header_of(ciphertext: str) -> _Header:
    encoded = ciphertext.split(".", 1)[0]
    if ciphertext.count(".") != 4 or len(encoded) > _LONGEST_HEADER:
        raise Undecryptable("not a compact JWE")
    try:
        padded = encoded.encode("ascii") + b"=" * (-len(encoded) % 4)
        header = _decode_header(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (*UNREADABLE, UnicodeEncodeError, binascii.Error):
        raise Undecryptable(
            f"not a JWE of RSA-OAEP-256 or ECDH-ES with {CONTENT_ENCRYPTION}, or its header cannot be read"
        ) from None
    if header.crit is not None or header.zip is not None:
        raise Undecryptable("a JWE with `crit` or `zip` is not taken")
    return header


def _opened(ciphertext: str, key: CredentialKey, key_ring: KeyRing) -> bytes | None:
    """None where this key does not open it."""
    jwk = json.loads(key_ring.open(key.sealed_private, key.kid.encode()))
    private = RSAKey.import_key(jwk) if key.algorithm == "RSA-OAEP-256" else ECKey.import_key(jwk)
    registry = JWERegistry(algorithms=[key.algorithm, CONTENT_ENCRYPTION], strict_check_header=False)
    try:
        return jwe.decrypt_compact(ciphertext, private, registry=registry).plaintext
    except (JoseError, ValueError, TypeError, KeyError, AssertionError):
        return None  # what a library says of bad input may tell whoever sent it how to make better ones
