"""Makes and looks at our topics on Kafka."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    KafkaError,
    LeaderNotAvailableError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from storage.log.kafka_clients import START_SECONDS, admin_client, unavailable
from storage.log.port import ExistingTopic, LogUnavailable
from storage.topics import Topics, TopicSpec

_REPLICAS: Final = 3
_ACKNOWLEDGED_BY: Final = 2
_SET_ON_THE_TOPIC: Final = 1  # the source that DescribeConfigs gives a setting that is the topic's own
_ROOM_FOR_ONE_BATCH: Final = 64 * 1024  # what the record format adds to a message, and more
_LOOK_AGAIN_SECONDS: Final = 0.1
_EXPECTED: Final = (0, LeaderNotAvailableError.errno, UnknownTopicOrPartitionError.errno)


class KafkaTopicsAdmin:
    """See `storage.log.port.TopicsAdmin`. Replicas: 3 where there are as many brokers, of which 2 must acknowledge."""

    def __init__(self, bootstrap: str, topics: Topics) -> None:
        self._bootstrap, self._topics = bootstrap, topics
        self._ours = {topics.on_broker(spec.name): spec for spec in topics}

    async def existing(self) -> dict[str, ExistingTopic]:
        """See `TopicsAdmin.existing`."""
        async with admin_client(self._bootstrap) as client:
            try:
                counts = await _partition_counts(client, list(self._ours))
                settings = await _settings(client, list(counts))
            except (KafkaError, TimeoutError) as error:
                raise unavailable(self._bootstrap, error) from error
        return {
            self._ours[name].name: ExistingTopic(count, _differences(self._ours[name], settings[name]))
            for name, count in counts.items()
        }

    async def create(self, topics: Sequence[str]) -> None:
        """See `TopicsAdmin.create`. Returns when every partition has a leader."""
        if not topics:
            return
        names = [self._topics.on_broker(topic) for topic in topics]
        async with admin_client(self._bootstrap) as client:
            try:
                brokers = len((await client.describe_cluster())["brokers"])
                replicas = min(_REPLICAS, brokers)
                made = await client.create_topics([_new_topic(name, self._ours[name], replicas) for name in names])
                _check_made(made.topic_errors)
                await _until(lambda: _led(client, names))
            except (KafkaError, TimeoutError) as error:
                raise unavailable(self._bootstrap, error) from error

    async def update(self, topic: str) -> None:
        """See `TopicsAdmin.update`."""
        name = self._topics.on_broker(topic)
        async with admin_client(self._bootstrap) as client:
            try:
                # The request replaces all of a topic's own settings, so those that are not ours are sent along.
                own = (await _settings(client, [name]))[name]
                wanted = {key: value for key, (value, source) in own.items() if source == _SET_ON_THE_TOPIC}
                wanted |= _wanted(self._ours[name])
                for answer in await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, wanted)]):
                    for code, text, *_ in answer.resources:
                        if code:
                            raise LogUnavailable(f"topic {topic} cannot be changed: {for_code(code).__name__}: {text}")

                async def seen() -> bool:
                    return not _differences(self._ours[name], (await _settings(client, [name]))[name])

                await _until(seen)
            except (KafkaError, TimeoutError) as error:
                raise unavailable(self._bootstrap, error) from error


def _wanted(spec: TopicSpec) -> dict[str, str]:
    return {
        "retention.ms": str(spec.retention_ms),
        "cleanup.policy": "compact" if spec.compacted else "delete",
        "max.message.bytes": str(spec.message_bytes + _ROOM_FOR_ONE_BATCH),
    }


def _differences(spec: TopicSpec, settings: Mapping[str, tuple[str, int]]) -> tuple[str, ...]:
    return tuple(
        f"{key} is {settings[key][0]}, not {value}" for key, value in _wanted(spec).items() if settings[key][0] != value
    )


def _new_topic(name: str, spec: TopicSpec, replicas: int) -> NewTopic:
    settings = _wanted(spec)
    if replicas >= _REPLICAS:
        settings["min.insync.replicas"] = str(_ACKNOWLEDGED_BY)
    return NewTopic(name, spec.partitions, replicas, topic_configs=settings)


def _check_made(errors: Sequence[tuple[str, int, str | None]]) -> None:
    for name, code, text in errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise LogUnavailable(f"topic {name} cannot be made: {for_code(code).__name__}: {text}")


async def _partition_counts(client: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    """Of those topics that are there, whether or not they have leaders at the moment."""
    described: list[dict[str, Any]] = await client.describe_topics(names)
    for topic in described:
        if topic["error_code"] not in _EXPECTED:
            raise for_code(topic["error_code"])(f"topic {topic['topic']}")
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in described
        if topic["error_code"] != UnknownTopicOrPartitionError.errno
    }


async def _led(client: AIOKafkaAdminClient, names: list[str]) -> bool:
    """Whether these topics are there and every partition has a leader."""
    described: list[dict[str, Any]] = await client.describe_topics(names)
    partitions = [partition for topic in described for partition in topic["partitions"]]
    return not any(topic["error_code"] for topic in described) and all(
        partition["leader"] >= 0 for partition in partitions
    )


async def _until(seen: Callable[[], Awaitable[bool]]) -> None:
    """A broker learns a little later than the controller what was changed."""
    async with asyncio.timeout(START_SECONDS):
        while not await seen():  # noqa: ASYNC110  (what is waited for happens on the broker)
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def _settings(client: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, tuple[str, int]]]:
    """Topic -> setting -> (value, where it comes from)."""
    if not names:
        return {}
    answers = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {
        name: {key: (value, source) for key, value, _, source, *_ in settings}
        for answer in answers
        for code, _, _, name, settings in answer.resources
        if not code
    }
