"""The outbox: mails wait in the documents that caused them, and are sent from there by whoever claims them first.

A claim ends by itself, so that what a killed worker held is taken up by another. Every write is guarded by what was read.
"""

from collections.abc import Iterable
from typing import Any, Final

from pymongo import WriteConcern

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.mails import MAIL_COLLECTIONS, Mail, MailState
from storage.mongo.documents import Collection, Database, Document
from storage.mongo.failures import repository

OPEN_STATES: Final = ("pending", "sending")
JOB_SECONDS: Final = 5
"""How long a mail that should be tried is left to its own job before it counts as having none."""
SWEPT_SECONDS: Final = 30
"""How long a job that a sweep has asked for is waited for."""
_LONGEST_ERROR: Final = 500


class NoSuchOutbox(ValueError):
    """An outbox id that does not name a place where mails stand."""

    def __init__(self, outbox_id: str) -> None:
        super().__init__(
            f"{outbox_id!r} is not an outbox id: expected collection:document:number, the collection one of "
            + ", ".join(MAIL_COLLECTIONS)
        )


@repository
class Outbox:
    """The mails of all documents, by outbox id. Times are nanoseconds since the epoch."""

    def __init__(self, database: Database) -> None:
        # A fail-over that undid a claim, or `sent`, would let a second mail go.
        concern = WriteConcern(w="majority")
        self._collections: dict[str, Collection] = {
            name: database.get_collection(name, write_concern=concern) for name in MAIL_COLLECTIONS
        }

    async def get(self, outbox_id: str) -> Mail | None:
        """The mail, in whatever state; None when its document is gone or has a newer mail. Raises `NoSuchOutbox`.

        Once its document has ended (the code was used) the mail has expired too.
        """
        collection, where = self._place(outbox_id)
        document = await collection.find_one(where, {"mail": 1, "ended_at": 1})
        return None if document is None else _mail(document)

    async def claim(self, outbox_id: str, now: int, until: int) -> Mail | None:
        """The mail, which nobody else may send before `until`, with this try counted.

        None: somebody else has it, it waits for its next try, it is finished with, or its time has come.
        """
        mail = await self.get(outbox_id)
        if mail is None or not _may_be_tried(mail, now):
            return None
        seen = {"state": mail.state, "claimed_until": mail.claimed_until, "attempts": mail.attempts}
        changes = {"state": "sending", "claimed_until": until, "attempts": mail.attempts + 1}
        return mail.model_copy(update=changes) if await self._change(mail, seen, changes) else None

    async def renew(self, mail: Mail, until: int) -> Mail | None:
        """The claimed mail with a longer claim; None when the claim was lost."""
        changes = {"claimed_until": until}
        return mail.model_copy(update=changes) if await self._change(mail, _claim(mail), changes) else None

    async def sent(self, mail: Mail, now: int) -> bool:
        """The server has taken it, whoever has claimed it since. False: that was known."""
        return await self._finish(mail, {"state": "sent", "sent_at": now})

    async def failed(self, mail: Mail, next_try_at: int, error: str) -> bool:
        """It may be tried again from `next_try_at` on. False: the claim was lost."""
        changes = {"state": "pending", "claimed_until": 0, "next_try_at": next_try_at, "last_error": _short(error)}
        return await self._change(mail, _claim(mail), changes)

    async def refused(self, mail: Mail, error: str) -> bool:
        """No server will take it: it is given up. False: it was finished with already."""
        return await self._finish(mail, {"state": "refused", "last_error": _short(error)})

    async def expired(self, mail: Mail) -> bool:
        """Its time has come before it was sent. False: it was finished with already."""
        return await self._finish(mail, {"state": "expired"})

    async def due(self, now: int, limit: int) -> list[str]:
        """At most `limit` mails that have nobody: no job came for them, or who had claimed them is dead."""
        found: list[str] = []
        for collection in self._collections.values():
            cursor = collection.find(_unattended(now), {"mail.outbox_id": 1}).limit(limit - len(found))
            found += [document["mail"]["outbox_id"] async for document in cursor]
            if len(found) >= limit:
                break
        return found

    async def swept(self, outbox_ids: Iterable[str], now: int) -> None:
        """A job was asked for them: they are not due again for `SWEPT_SECONDS`."""
        for outbox_id in outbox_ids:
            collection, where = self._place(outbox_id)
            await collection.update_one(where, {"$set": {"mail.swept_at": now}})

    def _place(self, outbox_id: str) -> tuple[Collection, Document]:
        collection, _, rest = outbox_id.partition(":")
        document_id, _, number = rest.rpartition(":")
        if collection not in self._collections or not document_id or not number.isdigit():
            raise NoSuchOutbox(outbox_id)
        return self._collections[collection], {"_id": document_id, "mail.outbox_id": outbox_id}

    async def _change(self, mail: Mail, seen: dict[str, Any], changes: dict[str, Any]) -> bool:
        collection, where = self._place(mail.outbox_id)
        changed = await collection.update_one(where | _within_mail(seen), {"$set": _within_mail(changes)})
        return changed.matched_count == 1

    async def _finish(self, mail: Mail, changes: dict[str, Any]) -> bool:
        """A final state; what was sealed is dropped with it."""
        collection, where = self._place(mail.outbox_id)
        condition = where | {"mail.state": {"$in": list(OPEN_STATES)}}
        change = {"$set": _within_mail(changes | {"claimed_until": 0}), "$unset": {"mail.sealed": ""}}
        return (await collection.update_one(condition, change)).matched_count == 1


def _mail(document: Document) -> Mail:
    mail = Mail.model_validate(document["mail"])
    ended_at = document.get("ended_at")
    return mail if ended_at is None else mail.model_copy(update={"expires_at": min(mail.expires_at, ended_at)})


def _may_be_tried(mail: Mail, now: int) -> bool:
    if mail.state == "pending":
        return mail.next_try_at <= now < mail.expires_at
    return mail.state == "sending" and mail.claimed_until <= now < mail.expires_at


def _claim(mail: Mail) -> dict[str, Any]:
    sending: MailState = "sending"
    return {"state": sending, "claimed_until": mail.claimed_until, "attempts": mail.attempts}


def _unattended(now: int) -> Document:
    overdue, asked = now - JOB_SECONDS * NANOSECONDS_PER_SECOND, now - SWEPT_SECONDS * NANOSECONDS_PER_SECOND
    waits = {
        "mail.state": "pending",
        "mail.next_try_at": {"$lte": overdue},
        "mail.created_at": {"$lte": overdue},
        "mail.swept_at": {"$lte": asked},
    }
    dead = {
        "mail.state": "sending",
        "mail.claimed_until": {"$lte": now},
        "mail.swept_at": {"$lte": overdue},
    }
    return {"$or": [waits, dead]}


def _within_mail(fields: dict[str, Any]) -> Document:
    return {f"mail.{name}": value for name, value in fields.items()}


def _short(error: str) -> str:
    return error[:_LONGEST_ERROR]
