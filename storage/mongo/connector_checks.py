"""What connectors have answered when a job asked for it, one document a job."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from storage.models.venues import ConnectorCheck
from storage.mongo.documents import Database
from storage.mongo.failures import repository

COLLECTION: Final = "connector_checks"


@repository
class ConnectorChecks:
    """Result documents by job id."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def put(self, check: ConnectorCheck) -> None:
        """Write a result; a job that has asked again keeps the last one."""
        fields = msgspec.structs.asdict(check)
        job_id = fields.pop("job_id")
        await self._collection.replace_one({"_id": job_id}, fields, upsert=True)

    async def get(self, job_id: str) -> ConnectorCheck | None:
        """The result of a job; None while there is none."""
        document = await self._collection.find_one({"_id": job_id})
        return None if document is None else _check(document)

    async def get_many(self, job_ids: Iterable[str]) -> dict[str, ConnectorCheck]:
        """The results that there are, by job id, in one query."""
        cursor = self._collection.find({"_id": {"$in": list(job_ids)}})
        return {document["_id"]: _check(document) async for document in cursor}


def _check(document: dict[str, Any]) -> ConnectorCheck:
    return msgspec.convert({**document, "job_id": document["_id"]}, ConnectorCheck)
