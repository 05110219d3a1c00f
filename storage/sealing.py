"""Secrets at rest: AES-256-GCM under a ring of named keys, the first of which seals while all of them open; keyed hashes.

A sealed text is `v1.<key id>.<base64url(nonce | ciphertext | tag)>`: nonce 12 random bytes, tag 16 bytes (NIST SP 800-38D).
A keyed hash is `h1.<key id>.<hex of HMAC-SHA256>`; its key is another one than the AES key. The AES key is HKDF-SHA256 (RFC 5869, no salt) of the configured secret. The part before the last point and the caller's
`context` are authenticated with it, so that a sealed text cannot be moved to another key id, document or use.
"""

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION: Final = "v1"
_PURPOSE: Final = b"omniaxs sealing v1"
_HASHING: Final = b"omniaxs keyed hashes v1"
_HASH_VERSION: Final = "h1"
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_SHORTEST_SECRET: Final = 16
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")


class UnknownKey(Exception):
    """The text was sealed by a key that the ring does not hold."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"sealed by the key {key_id!r}, which the key ring does not hold")
        self.key_id = key_id


class Unreadable(Exception):
    """Not a sealed text, or it was changed, or sealed for another context, or its key's secret is a different one."""


class KeyRing:
    """Named encryption keys. Never shows a secret, neither in `repr` nor in an error."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """`keys` are secrets by key id, the sealing one first. Raises `ValueError`, naming the key id and what is wrong."""
        for key_id, secret in keys.items():
            _check(key_id, secret)
        if not keys:
            raise ValueError("the key ring needs at least one key, as id:secret")
        self._ciphers = {key_id: AESGCM(_derived(secret, _PURPOSE)) for key_id, secret in keys.items()}
        self._hash_keys = {key_id: _derived(secret, _HASHING) for key_id, secret in keys.items()}
        self.sealing_key_id = next(iter(keys))

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """A ring from `id:secret[,id:secret...]`. Raises `ValueError` as above; secrets may hold `:` but no comma."""
        keys: dict[str, str] = {}
        for position, item in enumerate(text.split(","), start=1):
            key_id, colon, secret = item.strip().partition(":")
            if not colon:
                raise ValueError(f"key {position} of the key ring is not of the form id:secret")
            if key_id in keys:
                raise ValueError(f"the key ring holds the key id {key_id!r} twice")
            keys[key_id] = secret
        return cls(keys)

    def seal(self, plain: bytes, context: bytes = b"") -> str:
        """`plain` sealed by the first key for `context` (say what it belongs to, e.g. the API key's id)."""
        head = f"{_VERSION}.{self.sealing_key_id}"
        nonce = secrets.token_bytes(_NONCE_BYTES)
        body = self._ciphers[self.sealing_key_id].encrypt(nonce, plain, _bound(head, context))
        return f"{head}.{base64.urlsafe_b64encode(nonce + body).decode()}"

    def open(self, sealed: str, context: bytes = b"") -> bytes:
        """What was sealed for the same `context`. Raises `UnknownKey` or `Unreadable`."""
        key_id, body = _parts(sealed)
        if key_id not in self._ciphers:
            raise UnknownKey(key_id)
        try:
            return self._ciphers[key_id].decrypt(
                body[:_NONCE_BYTES], body[_NONCE_BYTES:], _bound(f"{_VERSION}.{key_id}", context)
            )
        except InvalidTag:
            raise Unreadable(
                f"cannot open what the key {key_id!r} sealed: it was changed, or belongs elsewhere, or the key's secret is a different one"
            ) from None

    def needs_reseal(self, sealed: str) -> bool:
        """Whether another key than the first sealed it. Raises `Unreadable` for what is not a sealed text."""
        return _parts(sealed)[0] != self.sealing_key_id

    def reseal(self, sealed: str, context: bytes = b"") -> str:
        """The same secret under the first key, for a rotation. Raises `UnknownKey` or `Unreadable`."""
        return self.seal(self.open(sealed, context), context)

    def keyed_hash(self, plain: bytes, context: bytes) -> str:
        """A hash of `plain` by the first key for `context` (say what it belongs to); nobody without the key can guess it."""
        return self._hashed(self.sealing_key_id, plain, context)

    def matches(self, keyed_hash: str, plain: bytes, context: bytes) -> bool:
        """Whether `keyed_hash` is that of `plain` for the same `context`, in constant time. Raises `UnknownKey`."""
        key_id = keyed_hash.split(".", maxsplit=2)[1] if keyed_hash.count(".") == 2 else ""
        if key_id not in self._hash_keys:
            raise UnknownKey(key_id)
        return hmac.compare_digest(self._hashed(key_id, plain, context), keyed_hash)

    def _hashed(self, key_id: str, plain: bytes, context: bytes) -> str:
        framed = len(context).to_bytes(4, "big") + context + plain
        return f"{_HASH_VERSION}.{key_id}.{hmac.digest(self._hash_keys[key_id], framed, 'sha256').hex()}"

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._ciphers)})"


def _check(key_id: str, secret: str) -> None:
    if not _KEY_ID.fullmatch(key_id):
        raise ValueError(f"key id {key_id!r} of the key ring must be 1 to 32 letters, digits, '_' or '-'")
    if len(secret) < _SHORTEST_SECRET:
        raise ValueError(f"the secret of the key {key_id!r} is shorter than {_SHORTEST_SECRET} characters")


def _derived(secret: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=purpose).derive(secret.encode())


def _bound(head: str, context: bytes) -> bytes:
    return head.encode() + b"\n" + context


def _parts(sealed: str) -> tuple[str, bytes]:
    version, _, rest = sealed.partition(".")
    key_id, point, encoded = rest.partition(".")
    if version != _VERSION or not point or not _KEY_ID.fullmatch(key_id):
        raise Unreadable("not a sealed text: expected v1.<key id>.<base64url>")
    try:
        body = base64.b64decode(encoded.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Unreadable(f"the text sealed by the key {key_id!r} is not base64url") from None
    if len(body) < _NONCE_BYTES:
        raise Unreadable(f"the text sealed by the key {key_id!r} is cut off")
    return key_id, body
