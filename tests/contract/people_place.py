"""What a gateway of the tests knows of people: the real repositories over one store, a cheap hasher, mails that are read."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from argon2 import PasswordHasher

from gateway.http.idempotency import IdempotencyBook
from gateway.http.limits import Limiter
from gateway.identity.sessions.access_tokens import ISSUER, AccessTokens
from gateway.market.ports import ReferenceSource
from gateway.people import PeopleParts
from ops.processes.people_parts import people_parts
from ops.processes.platform import Platform
from ops.runtime.clock import Clock
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.metrics import Metrics
from ops.runtime.settings import Settings
from storage.decisions.decisions import Decisions
from storage.jobs import Job
from storage.log.memory import MemoryLog
from storage.mongo.admins import Admins
from storage.mongo.api_keys import ApiKeys
from storage.mongo.audit_events import AuditEvents
from storage.mongo.connect import connect
from storage.mongo.documents import Database
from storage.mongo.idempotency import IdempotencyRecords
from storage.mongo.sessions import Sessions
from storage.mongo.tenants import Tenants
from storage.mongo.users import Users
from storage.sealing import KeyRing
from storage.signing_keys import SigningKeys
from storage.topics import Topics

KEY_RING = KeyRing.parse("test:sixteen characters or more")


@dataclass
class Mailbox:
    """Jobs that are mails: what was asked for, and what stands in it. Nothing is sent."""

    database: Database
    asked: list[str] = field(default_factory=list)

    async def enqueue(self, job: Job, argument: str) -> None:
        if job.name == "send_mail":
            self.asked.append(argument)

    async def mails(self, email: str) -> list[dict[str, Any]]:
        """The mails to an address, newest first, with `secrets`: what stands sealed in them."""
        found = []
        for outbox_id in reversed(self.asked):
            collection, _, rest = outbox_id.partition(":")
            document = await self.database[collection].find_one({"_id": rest.rpartition(":")[0]})
            mail = document["mail"]
            if mail["to"] == email and mail["outbox_id"] == outbox_id:
                sealed = mail.get("sealed")
                opened = json.loads(KEY_RING.open(sealed, outbox_id.encode())) if sealed else {}
                found.append({**mail, "secrets": opened})
        return found

    async def secret(self, email: str, name: str) -> str:
        """The newest `code` or `token` that was mailed to an address."""
        return str(next(mail["secrets"][name] for mail in await self.mails(email) if name in mail["secrets"]))


class PeoplePlace:
    """Everything about people that outlives a request, over a platform's log and store."""

    def __init__(self, platform: Platform, settings: Settings) -> None:
        self.platform = replace(platform, settings=settings, key_ring=KEY_RING)
        database = platform.store.database
        self.mailbox = Mailbox(database)
        self.users, self.admins, self.sessions = Users(database), Admins(database), Sessions(database)
        self.tenants, self.api_keys = Tenants(database), ApiKeys(database)
        self.events = AuditEvents(database, KEY_RING)
        self.signing_keys = SigningKeys.parse("test:sixteen characters or more")
        self.access_tokens = AccessTokens(self.signing_keys, ISSUER)

    def idempotency(self) -> IdempotencyBook:
        """One effect a key."""
        records = IdempotencyRecords(self.platform.store.database)
        return IdempotencyBook(records, KEY_RING, self.platform.identifiers, self.platform.clock)

    def parts(self, limiter: Limiter, decisions: Decisions, reference: ReferenceSource) -> PeopleParts:
        """What the gateway takes."""
        return people_parts(
            self.platform,
            limiter=limiter,
            access_tokens=self.access_tokens,
            decisions=decisions,
            jobs=self.mailbox,
            reference=reference,
            hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1),
        )


def memory_platform(clock: Clock) -> Platform:
    """A platform of its own, in memory."""
    topics, identifiers = Topics(), SystemIdentifiers()
    return Platform(
        settings=Settings(_env_file=None),
        clock=clock,
        identifiers=identifiers,
        metrics=Metrics(),
        topics=topics,
        log=MemoryLog(topics, clock),
        store=connect("mongomock://", identifiers.new("db")),
        key_ring=KEY_RING,
    )
