"""What `omniaxs topics apply` does, on either adapter: makes what is missing, checks counts, gives each log its identity.

A log's identity (a UUID) tells a client that resumes whether its positions were counted in this log or in an earlier
one of the same name. It is renewed before its topic is made, so that a crash in between cannot leave an old one.
"""

from collections.abc import Mapping
from typing import Protocol

from ops.runtime.identifiers import Identifiers, SystemIdentifiers
from storage.log.port import ExistingTopic, Log, TopicReport
from storage.topics import Topics, TopicSpec


class LogIdentityStore(Protocol):
    """Where the identity of each topic's log is kept."""

    async def get_all(self) -> dict[str, str]:
        """Topic -> identity."""
        ...

    async def put_if_absent(self, topic: str, log_id: str) -> str:
        """Note `log_id` unless one is noted; the one that stands."""
        ...

    async def replace(self, topic: str, log_id: str) -> None:
        """Note `log_id`, whatever was noted."""
        ...


class TopicsRefused(Exception):
    """A topic cannot be made to fit; the text is one readable line."""


async def apply_topics(
    log: Log, topics: Topics, identities: LogIdentityStore, identifiers: Identifiers | None = None
) -> list[TopicReport]:
    """Create the missing topics, set retention and compaction of the others, and see to it that each has an identity.

    Raises `TopicsRefused`, before anything is changed, when a topic has another number of partitions than it should,
    and `LogUnavailable`. Doing it again changes nothing.
    """
    ids = identifiers or SystemIdentifiers()
    admin = log.admin()
    found = await admin.existing()
    _refuse_wrong_counts(topics, found)
    missing = [spec.name for spec in topics if spec.name not in found]
    for name in missing:
        await identities.replace(name, ids.event_id())
    await admin.create(missing)
    _refuse_wrong_counts(topics, await admin.existing() if missing else found)  # somebody else may have been quicker
    for name, topic in found.items():
        await identities.put_if_absent(name, ids.event_id())
        if topic.differences:
            await admin.update(name)
    return [TopicReport(spec.name, spec.partitions, _action(found.get(spec.name))) for spec in topics]


async def check_topics(log: Log, topics: Topics, identities: LogIdentityStore | None = None) -> list[str]:
    """Every problem in one readable line each; changes nothing. Without `identities` they are not looked at."""
    found = await log.admin().existing()
    known = await identities.get_all() if identities is not None else {}
    problems = _wrong_counts(topics, found)
    for spec in topics:
        topic = found.get(spec.name)
        if topic is None:
            problems.append(f"topic {spec.name} is missing: run `omniaxs topics apply`")
            continue
        problems += [f"topic {spec.name}: {text}: run `omniaxs topics apply`" for text in topic.differences]
        if identities is not None and spec.name not in known:
            problems.append(f"topic {spec.name} has no log identity: run `omniaxs topics apply`")
    return problems


def _refuse_wrong_counts(topics: Topics, found: Mapping[str, ExistingTopic]) -> None:
    if wrong := _wrong_counts(topics, found):
        raise TopicsRefused("; ".join(wrong))


def _wrong_counts(topics: Topics, found: Mapping[str, ExistingTopic]) -> list[str]:
    return [
        _refusal(spec, found[spec.name].partitions)
        for spec in topics
        if spec.name in found and found[spec.name].partitions != spec.partitions
    ]


def _refusal(spec: TopicSpec, partitions: int) -> str:
    why = (
        f"it is keyed by {spec.key}, and growing it would move keys to other partitions"
        if partitions < spec.partitions
        else "a topic cannot be shrunk"
    )
    return (
        f"topic {spec.name} has {partitions} partitions, not {spec.partitions}: {why}; "
        f"set its partition count to {partitions}"
    )


def _action(topic: ExistingTopic | None) -> str:
    if topic is None:
        return "created"
    return "updated" if topic.differences else "unchanged"
