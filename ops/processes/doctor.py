"""Reaches every dependency that the settings name, one after the other, and says in words what it found."""

import asyncio
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ops.runtime.clock import SystemClock
from ops.runtime.metrics import Metrics
from ops.runtime.settings import Settings
from storage.address_countries import open_address_countries
from storage.jobs import open_jobs
from storage.log.connect import open_log
from storage.log.port import LogUnavailable
from storage.log.topics_admin import TopicsRefused, check_topics
from storage.mongo.connect import StoreUnavailable, connect
from storage.mongo.log_identities import LogIdentities
from storage.mongo.migrations import check
from storage.mongo.reference import load_reference
from storage.topics import Topics
from workers.mail.smtp import MailServer

_MAIL_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it is as it must be, and what was found in words."""

    subject: str
    ok: bool
    text: str


async def examine(settings: Settings) -> list[Finding]:
    """All findings; a dependency that cannot be reached does not stop the others from being looked at."""
    return [
        *await _store_and_log(settings),
        await _limits(settings),
        await _jobs(settings),
        await _mail(settings),
        _countries(settings),
    ]


async def _store_and_log(settings: Settings) -> list[Finding]:
    store = connect(settings.store_url, settings.store_database)
    findings = []
    try:
        await store.ping()
        findings.append(Finding("store", ok=True, text=f"{_address(settings.store_url)} answers"))
        if not settings.local_store:
            findings += [
                Finding("store schema", ok=False, text=str(problem)) for problem in await check(store.database)
            ]
            instruments = (await load_reference(store.database)).instruments
            loaded = f"{len(instruments)} instruments" if instruments else "no instruments: run `omniaxs markets load`"
            findings.append(Finding("reference data", ok=bool(instruments), text=loaded))
        findings += await _log(settings, LogIdentities(store.database))
    except StoreUnavailable as error:
        findings.append(Finding("store", ok=False, text=str(error)))
        findings += await _log(settings, None)
    finally:
        store.close()
    return findings


async def _log(settings: Settings, identities: LogIdentities | None) -> list[Finding]:
    if settings.local_log:
        return [Finding("log", ok=True, text="in-process (memory://): every `omniaxs up` starts an empty one")]
    topics = Topics(settings.topic_partitions, settings.topic_retention_ms, settings.topic_prefix)
    log = open_log(settings.log_url, topics, SystemClock(), settings.log_compression)
    try:
        await log.start()
    except LogUnavailable as error:
        return [Finding("log", ok=False, text=str(error))]
    findings = [Finding("log", ok=True, text=f"{_address(settings.log_url)} answers")]
    try:
        problems = await check_topics(log, topics, identities)
        findings += [Finding("topics", ok=False, text=problem) for problem in problems]
    except TopicsRefused as refusal:
        findings.append(Finding("topics", ok=False, text=str(refusal)))
    finally:
        await log.close()
    return findings


async def _limits(settings: Settings) -> Finding:
    if settings.limits_url.startswith("memory://"):
        return Finding("limits", ok=True, text="in-process (memory://): right for one gateway")
    client = Redis.from_url(settings.limits_url, socket_timeout=3, socket_connect_timeout=3)
    try:
        await client.ping()
    except (RedisError, OSError) as error:
        return Finding("limits", ok=False, text=f"{_address(settings.limits_url)} does not answer: {error}")
    finally:
        await client.aclose()
    return Finding("limits", ok=True, text=f"{_address(settings.limits_url)} answers")


def _countries(settings: Settings) -> Finding:
    """Whether the waitlist's fence knows where addresses are."""
    if settings.country_database is None:
        text = "no OMNIAXS_COUNTRY_DATABASE: the waitlist goes by the country that people declare alone"
        return Finding("countries", ok=True, text=text)
    try:
        addresses = open_address_countries(settings.country_database)
    except ValueError as error:
        return Finding("countries", ok=False, text=str(error))
    text = f"{settings.country_database}: {addresses.described()}"
    addresses.close()
    return Finding("countries", ok=True, text=text)


async def _jobs(settings: Settings) -> Finding:
    if settings.local_jobs:
        return Finding("jobs", ok=True, text="in-process (memory://): right for `omniaxs up` alone")
    jobs = open_jobs(settings.jobs_url, Metrics(), settings.topic_prefix)
    try:
        problem = await jobs.problem()
    finally:
        jobs.close()
    address = _address(settings.jobs_url)
    return Finding("jobs", ok=problem is None, text=f"{address}: {problem}" if problem else f"{address} answers")


async def _mail(settings: Settings) -> Finding:
    url = settings.mail_url.get_secret_value()
    if url == "inbox://":
        return Finding("mail", ok=True, text="inbox://: mails are shown on the ops port, and sent to nobody")
    try:
        server = MailServer.parse(url)
        async with asyncio.timeout(_MAIL_SECONDS):
            _, writer = await asyncio.open_connection(server.host, server.port)
            writer.close()
    except ValueError as error:
        return Finding("mail", ok=False, text=f"OMNIAXS_MAIL_URL: {error}")
    except (OSError, TimeoutError) as error:
        return Finding("mail", ok=False, text=f"{_address(url)} cannot be reached: {error or 'no answer'}")
    return Finding("mail", ok=True, text=f"{_address(url)} takes connections")


def _address(url: str) -> str:
    """The URL without user and password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
