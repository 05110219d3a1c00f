"""Where sealed texts and keyed hashes stand in documents, as data: what a rotation of the encryption keys must know."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from storage.models.credentials import CredentialPart, context_of
from storage.models.mails import MAIL_COLLECTIONS
from storage.mongo import (
    admins,
    api_keys,
    audit_events,
    challenges,
    credentials,
    idempotency,
    invitations,
    sessions,
    users,
)
from storage.mongo.documents import Document


@dataclass(frozen=True, slots=True)
class SealedField:
    """A field that holds a sealed text. `context` is what it was sealed for, made of the document's `_id` and `reads`."""

    collection: str
    path: str
    context: Callable[[Document], str]
    reads: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How reports call it, e.g. `api_keys.sealed_secret`."""
        return f"{self.collection}.{self.path}"


@dataclass(frozen=True, slots=True)
class HashedField:
    """A field that holds a keyed hash. Documents that do not fit `alive` (given the present time in ns) are never asked for
    theirs again. `without` says what ends when the key of those that fit is dropped.
    """

    collection: str
    path: str
    alive: Callable[[int], Document]
    without: str

    @property
    def name(self) -> str:
        """How reports call it, e.g. `sessions.refresh_hash`."""
        return f"{self.collection}.{self.path}"


def _identity(document: Document) -> str:
    return str(document["_id"])


def _totp(document: Document) -> str:
    return f"totp:{document['_id']}"


def _outbox_id(document: Document) -> str:
    return str(document["mail"]["outbox_id"])


def _credential(part: CredentialPart) -> Callable[[Document], str]:
    return lambda document: context_of(str(document["_id"]), part).decode()


def _open(now: int) -> dict[str, Any]:
    return {"ended_at": None, "expires_at": {"$gt": now}}


def _always(_now: int) -> dict[str, Any]:
    return {}


SEALED_FIELDS: Final = (
    SealedField(api_keys.COLLECTION, "sealed_secret", _identity),
    SealedField(users.COLLECTION, "totp.sealed_secret", _totp),
    SealedField(admins.COLLECTION, "totp.sealed_secret", _totp),
    *(SealedField(collection, "mail.sealed", _outbox_id, ("mail.outbox_id",)) for collection in MAIL_COLLECTIONS),
    SealedField(idempotency.COLLECTION, "answer.sealed", _identity),
    SealedField(credentials.COLLECTION, "sealed_api_key", _credential("api_key")),
    SealedField(credentials.COLLECTION, "sealed_api_secret", _credential("api_secret")),
    SealedField(credentials.COLLECTION, "sealed_passphrase", _credential("passphrase")),
    SealedField(credentials.KEYS, "sealed_private", _identity),
)
HASHED_FIELDS: Final = (
    HashedField(challenges.COLLECTION, "code_hash", _open, "codes that were mailed can no longer be used"),
    HashedField(sessions.COLLECTION, "refresh_hash", _open, "whoever is logged in must log in again within 15 minutes"),
    HashedField(
        invitations.COLLECTION, "token_hash", _open, "invitations that are on their way can no longer be accepted"
    ),
    HashedField(idempotency.COLLECTION, "body_hash", _always, "a write sent again is told 409 idempotency.mismatch"),
    HashedField(audit_events.COLLECTION, "hash", _always, "the audit trail can no longer be verified"),
)
