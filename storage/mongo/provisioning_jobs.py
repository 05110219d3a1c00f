"""Provisioning jobs, one document an application, and whose turn it is to provision a tenant.

A claim ends by itself, so that what a killed worker held is taken up by another. Claims of a tenant are numbered (`fence`);
every write of a job is guarded by the number of the claim that it is made under.
"""

from collections.abc import Iterable
from typing import Final

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.provisioning import UNFINISHED, JobStatus, ProvisioningJob, claimed, is_claimable
from storage.models.read_models import Cursor
from storage.mongo.documents import Database, Document, document_of, noun_of
from storage.mongo.failures import repository
from storage.mongo.paging import newest_first

COLLECTION: Final = "provisioning_jobs"
TURNS: Final = "provisioning_turns"
JOB_SECONDS: Final = 3
"""How long a job that should be worked on is left to its own message before it counts as having none."""
SWEPT_SECONDS: Final = 10
"""How long a message that a sweep has sent is waited for."""
_IDENTITY: Final = "job_id"


@repository
class ProvisioningJobs:
    """Jobs by id. Times are nanoseconds since the epoch."""

    def __init__(self, database: Database) -> None:
        # A claim or a step that a fail-over undoes would be done by two.
        concern = WriteConcern(w="majority")
        self._collection = database.get_collection(COLLECTION, write_concern=concern)
        self._turns = database.get_collection(TURNS, write_concern=concern)

    async def insert_if_absent(self, job: ProvisioningJob) -> bool:
        """Whether it is new; False, and nothing changed: one of that id is there."""
        try:
            await self._collection.insert_one(document_of(job, _IDENTITY))
        except DuplicateKeyError:
            return False
        return True

    async def get(self, job_id: str) -> ProvisioningJob | None:
        """The job of that id."""
        document = await self._collection.find_one({"_id": job_id})
        return None if document is None else _noun(document)

    async def known(self, job_ids: Iterable[str]) -> set[str]:
        """Those of the ids that have a document, in one query."""
        cursor = self._collection.find({"_id": {"$in": list(job_ids)}}, {"_id": 1})
        return {document["_id"] async for document in cursor}

    async def claim(self, job: ProvisioningJob, now: int, until: int) -> ProvisioningJob | None:
        """The job, which nobody else works on before `until`.

        None: somebody else was faster, it is not due, or another job of the tenant has its turn.
        """
        if not is_claimable(job, now):
            return None
        fence = await self._take_turn(job)
        if fence is None:
            return None
        mine = claimed(job, fence, until, now).model_copy(update={"version": job.version + 1})
        return mine if await self._replace(mine, {"version": job.version}) else None

    async def renew(self, job: ProvisioningJob, until: int) -> bool:
        """Claim it for longer. False: the claim was lost."""
        condition = {"_id": job.job_id, "fence": job.fence, "claimed_until": {"$gt": 0}}
        change = {"$max": {"claimed_until": until}}
        return (await self._collection.update_one(condition, change)).matched_count == 1

    async def save(self, job: ProvisioningJob) -> ProvisioningJob | None:
        """Store how the claimed job stands now, as its next version. None, and nothing changed: the claim was lost."""
        saved = job.model_copy(update={"version": job.version + 1})
        return saved if await self._replace(saved, {"version": job.version, "fence": job.fence}) else None

    async def replace(self, job: ProvisioningJob) -> ProvisioningJob | None:
        """Store a job that nobody works on as its next version. None, and nothing changed: it has changed since."""
        replaced = job.model_copy(update={"version": job.version + 1})
        return replaced if await self._replace(replaced, {"version": job.version}) else None

    async def end_turn(self, job: ProvisioningJob) -> None:
        """Another job of the tenant may have its turn, if it was this one's."""
        await self._turns.update_one({"_id": job.tenant_id, "job_id": job.job_id}, {"$unset": {"job_id": ""}})

    async def due(self, now: int, limit: int) -> list[str]:
        """At most `limit` jobs that have nobody: no message came for them, or who had claimed them is dead."""
        overdue = now - JOB_SECONDS * NANOSECONDS_PER_SECOND
        condition: Document = {
            "status": {"$in": list(UNFINISHED)},
            "next_try_at": {"$lte": overdue},
            "created_at": {"$lte": overdue},
            "claimed_until": {"$lte": now},
            "swept_at": {"$lte": now - SWEPT_SECONDS * NANOSECONDS_PER_SECOND},
        }
        cursor = self._collection.find(condition, {"_id": 1}).sort("created_at", 1).limit(limit)
        return [document["_id"] async for document in cursor]

    async def swept(self, job_ids: Iterable[str], now: int) -> None:
        """A message was sent for them: they are not due again for `SWEPT_SECONDS`."""
        for job_id in job_ids:
            await self._collection.update_one({"_id": job_id}, {"$set": {"swept_at": now}})

    async def page(self, status: JobStatus | None, after: Cursor | None, limit: int) -> list[ProvisioningJob]:
        """At most `limit` jobs, newest first, behind `after`."""
        condition: Document = {} if status is None else {"status": status}
        found = await newest_first(self._collection, condition, after, limit, at="created_at", identity="_id")
        return [_noun(document) for document in found]

    async def _replace(self, job: ProvisioningJob, guard: Document) -> bool:
        document = document_of(job, _IDENTITY)
        return (await self._collection.replace_one({"_id": document["_id"], **guard}, document)).matched_count == 1

    async def _take_turn(self, job: ProvisioningJob) -> int | None:
        """The number of this claim; None while it is the turn of another job that is not over."""
        turn = await self._turns.find_one({"_id": job.tenant_id})
        if turn is None:
            try:
                await self._turns.insert_one({"_id": job.tenant_id, "job_id": job.job_id, "fence": 1})
            except DuplicateKeyError:
                return None
            return 1
        holder = turn.get("job_id")
        if holder not in (None, job.job_id):
            other = await self.get(holder)
            if other is not None and not other.is_over:
                return None
        seen, fence = {"_id": job.tenant_id, "fence": turn["fence"]}, turn["fence"] + 1
        taken = await self._turns.update_one(seen, {"$set": {"job_id": job.job_id, "fence": fence}})
        return fence if taken.matched_count == 1 else None


def _noun(document: Document) -> ProvisioningJob:
    return noun_of(ProvisioningJob, _IDENTITY, document)
