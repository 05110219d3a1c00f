"""Credentials of exchanges, one document an exchange and name, and the key pairs that they are encrypted to."""

from typing import Final

from pymongo.errors import DuplicateKeyError

from storage.models.credentials import Credential, CredentialKey
from storage.mongo.documents import Database, document_of, noun_of
from storage.mongo.failures import AlreadyStored, repository

COLLECTION: Final = "exchange_credentials"
KEYS: Final = "credential_keys"
_IDENTITY: Final = "credential_id"


@repository
class Credentials:
    """Sealed credentials. An exchange has at most one of a name."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def insert(self, credential: Credential) -> None:
        """Add one. Raises `AlreadyStored` when its id, or its name for this exchange, is there."""
        try:
            await self._collection.insert_one(document_of(credential, _IDENTITY))
        except DuplicateKeyError as error:
            raise AlreadyStored(COLLECTION, credential.credential_id) from error

    async def replace(self, credential: Credential) -> bool:
        """Store `credential`, whose `version` is one above what was read. False, and nothing changed, when another was faster."""
        condition = {"_id": credential.credential_id, "version": credential.version - 1}
        replaced = await self._collection.replace_one(condition, document_of(credential, _IDENTITY))
        return replaced.matched_count == 1

    async def get(self, exchange_code: str, credential_name: str) -> Credential | None:
        """The credential of that name."""
        condition = {"exchange_code": exchange_code, "credential_name": credential_name}
        document = await self._collection.find_one(condition)
        return None if document is None else noun_of(Credential, _IDENTITY, document)

    async def of_exchange(self, exchange_code: str) -> list[Credential]:
        """All credentials of an exchange, by name."""
        cursor = self._collection.find({"exchange_code": exchange_code}).sort("credential_name", 1)
        return [noun_of(Credential, _IDENTITY, document) async for document in cursor]


@repository
class CredentialKeys:
    """The platform's key pairs for credentials. Written once each, never changed but for a new seal."""

    def __init__(self, database: Database) -> None:
        self._collection = database[KEYS]

    async def insert(self, key: CredentialKey) -> bool:
        """Add one; False when there is one of that kid, made by somebody else at the same time."""
        try:
            await self._collection.insert_one(document_of(key, "kid"))
        except DuplicateKeyError:
            return False
        return True

    async def get(self, kid: str) -> CredentialKey | None:
        """The key of that name."""
        document = await self._collection.find_one({"_id": kid})
        return None if document is None else noun_of(CredentialKey, "kid", document)

    async def all(self) -> list[CredentialKey]:
        """Every key, newest first."""
        cursor = self._collection.find({}).sort([("number", -1), ("_id", 1)])
        return [noun_of(CredentialKey, "kid", document) async for document in cursor]
