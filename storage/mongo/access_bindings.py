"""Access bindings, one document for each tenant and exchange."""

from collections.abc import Iterable
from typing import Final

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from storage.models.access_bindings import AccessBinding, binding_id_of
from storage.mongo.documents import Database, Document
from storage.mongo.failures import repository

COLLECTION: Final = "access_bindings"


@repository
class AccessBindings:
    """Which tenant may trade which exchange, through which connector."""

    def __init__(self, database: Database) -> None:
        self._collection = database.get_collection(COLLECTION, write_concern=WriteConcern(w="majority"))

    async def insert(self, binding: AccessBinding) -> bool:
        """Whether it is new; False, and nothing changed: the tenant has one of that exchange."""
        try:
            await self._collection.insert_one(_document(binding))
        except DuplicateKeyError:
            return False
        return True

    async def get(self, tenant_id: str, exchange_code: str) -> AccessBinding | None:
        """The binding of a tenant to an exchange."""
        document = await self._collection.find_one({"_id": binding_id_of(tenant_id, exchange_code)})
        return None if document is None else _noun(document)

    async def replace(self, binding: AccessBinding) -> bool:
        """Store `binding`, whose `version` is one above what was read. False, and nothing changed, when another was faster."""
        condition = {"_id": binding.binding_id, "version": binding.version - 1}
        return (await self._collection.replace_one(condition, _document(binding))).matched_count == 1

    async def of_tenant(self, tenant_id: str) -> list[AccessBinding]:
        """All of a tenant, by exchange code."""
        return await self._found({"tenant_id": tenant_id})

    async def of_application(self, application_id: str) -> list[AccessBinding]:
        """Those that an application set last, by exchange code."""
        return await self._found({"application_id": application_id})

    async def of_applications(self, application_ids: Iterable[str]) -> dict[str, list[AccessBinding]]:
        """Those that several applications set last, by application, in one query; without applications that have none."""
        grouped: dict[str, list[AccessBinding]] = {}
        for binding in await self._found({"application_id": {"$in": list(application_ids)}}):
            grouped.setdefault(binding.application_id, []).append(binding)
        return grouped

    async def _found(self, condition: Document) -> list[AccessBinding]:
        cursor = self._collection.find(condition).sort([("exchange_code", 1)])
        return [_noun(document) async for document in cursor]


def _document(binding: AccessBinding) -> Document:
    return {"_id": binding.binding_id, **binding.model_dump(mode="json", exclude_none=True)}


def _noun(document: Document) -> AccessBinding:
    known = {name: document[name] for name in AccessBinding.model_fields if name in document}
    return AccessBinding.model_validate(known)
