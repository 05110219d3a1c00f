"""`topics apply` on both adapters: makes what is missing, changes what may be changed, refuses the rest."""

import asyncio
import secrets
from uuid import UUID

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from storage.log.kafka import KafkaLog
from storage.log.topics_admin import TopicsRefused, apply_topics, check_topics
from storage.topics import BARS, DEAD_LETTERS, QUOTE_STATES, TRADES, Topics


async def test_what_is_applied_fits_and_applying_it_again_changes_nothing(platform):
    first = dict(platform.identities.held)
    assert set(first) == {spec.name for spec in platform.topics}
    assert len({UUID(log_id) for log_id in first.values()}) == len(first)
    assert await check_topics(platform.log, platform.topics, platform.identities) == []

    reports = await apply_topics(platform.log, platform.topics, platform.identities)
    assert [(report.topic, report.partitions, report.action) for report in reports] == [
        (spec.name, spec.partitions, "unchanged") for spec in platform.topics
    ]
    assert platform.identities.held == first


async def test_an_identity_that_was_not_stored_is_noticed_and_made_good(platform):
    lost = platform.identities.held.pop(TRADES)
    assert await check_topics(platform.log, platform.topics, platform.identities) == [
        "topic trades has no log identity: run `omniaxs topics apply`"
    ]
    await apply_topics(platform.log, platform.topics, platform.identities)
    assert platform.identities.held[TRADES] != lost


class _Admin:
    """The broker's own view of topics, for what the port does not show. A broker learns of changes a little later."""

    def __init__(self, client: AIOKafkaAdminClient) -> None:
        self.client = client

    async def make(self, topic: str, partitions: int) -> None:
        await self.client.create_topics([NewTopic(topic, partitions, 1)])
        await self._until(lambda: self._has(topic))

    async def delete(self, topic: str) -> None:
        await self.client.delete_topics([topic])
        await self._until(lambda: self._has(topic), wanted=False)

    async def change(self, topic: str, settings: dict[str, str]) -> None:
        await self.client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, settings)])

        async def changed():
            return settings.items() <= (await self.settings(topic)).items()

        await self._until(changed)

    async def _has(self, topic: str) -> bool:
        return topic in await self.client.list_topics()

    async def _until(self, seen, *, wanted: bool = True) -> None:
        async with asyncio.timeout(10):
            while await seen() is not wanted:  # noqa: ASYNC110  (happens on the broker)
                await asyncio.sleep(0.02)

    async def settings(self, topic: str) -> dict[str, str]:
        (answer,) = await self.client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return {key: value for key, value, *_ in answer.resources[0][4]}


@pytest.fixture
async def kafka(kafka_address):
    """A broker without our topics, an unconnected log on it, and the broker's own view; cleaned up afterwards."""
    prefix = f"test-{secrets.token_hex(4)}-"
    client = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
    await client.start()
    yield kafka_address, prefix, _Admin(client)
    ours = [name for name in await client.list_topics() if name.startswith(prefix)]
    if ours:
        await client.delete_topics(ours)
    await client.close()


@pytest.mark.kafka
async def test_topics_get_retention_compaction_and_sizes_on_the_broker(kafka, fresh_identities):
    address, prefix, admin = kafka
    topics = Topics({TRADES: 3}, {BARS: 86_400_000}, prefix)
    log = KafkaLog(address, topics)
    missing = await check_topics(log, topics)
    assert missing[0] == "topic quotes is missing: run `omniaxs topics apply`"
    assert len(missing) == len(list(topics))

    reports = await apply_topics(log, topics, fresh_identities)
    assert {report.action for report in reports} == {"created"}
    trades, bars, states = [await admin.settings(prefix + name) for name in (TRADES, BARS, QUOTE_STATES)]
    assert (trades["retention.ms"], trades["cleanup.policy"]) == ("-1", "delete")
    assert (bars["retention.ms"], bars["cleanup.policy"]) == ("86400000", "delete")
    assert states["cleanup.policy"] == "compact"
    assert int((await admin.settings(prefix + DEAD_LETTERS))["max.message.bytes"]) > 3_000_000
    counts = {
        topic["topic"]: len(topic["partitions"]) for topic in await admin.client.describe_topics([prefix + TRADES])
    }
    assert counts == {prefix + TRADES: 3}


@pytest.mark.kafka
async def test_a_changed_retention_is_updated_and_other_settings_of_the_topic_stay(kafka, fresh_identities):
    address, prefix, admin = kafka
    topics = Topics(prefix=prefix)
    await apply_topics(KafkaLog(address, topics), topics, fresh_identities)
    own = {"retention.ms": "5000000", "cleanup.policy": "delete", "segment.bytes": "12345678"}
    await admin.change(prefix + TRADES, own)
    log = KafkaLog(address, topics)
    problems = await check_topics(log, topics, fresh_identities)
    assert problems[0] == "topic trades: retention.ms is 5000000, not -1: run `omniaxs topics apply`"
    assert "topic trades: max.message.bytes is" in problems[1]

    before = dict(fresh_identities.held)
    reports = await apply_topics(log, topics, fresh_identities)
    assert [report.topic for report in reports if report.action == "updated"] == [TRADES]
    settings = await admin.settings(prefix + TRADES)
    assert (settings["retention.ms"], settings["segment.bytes"]) == ("-1", "12345678")
    assert fresh_identities.held == before
    assert await check_topics(log, topics, fresh_identities) == []


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (6, "it is keyed by symbol, and growing it would move keys to other partitions; set its partition count to 4"),
        (2, "a topic cannot be shrunk; set its partition count to 4"),
    ],
)
async def test_another_number_of_partitions_is_refused_before_anything_is_made(kafka, fresh_identities, wanted, why):
    address, prefix, admin = kafka
    await admin.make(prefix + TRADES, 4)
    topics = Topics({TRADES: wanted}, prefix=prefix)
    log = KafkaLog(address, topics)
    says = f"topic trades has 4 partitions, not {wanted}: {why}"
    with pytest.raises(TopicsRefused) as refused:
        await apply_topics(log, topics, fresh_identities)
    assert str(refused.value) == says
    assert says in await check_topics(log, topics)
    assert [name for name in await admin.client.list_topics() if name.startswith(prefix)] == [prefix + TRADES]
    assert fresh_identities.held == {}


@pytest.mark.kafka
async def test_a_topic_that_is_made_anew_gets_another_identity(kafka, fresh_identities):
    address, prefix, admin = kafka
    topics = Topics(prefix=prefix)
    log = KafkaLog(address, topics)
    await apply_topics(log, topics, fresh_identities)
    before = dict(fresh_identities.held)
    await admin.delete(prefix + TRADES)
    reports = await apply_topics(log, topics, fresh_identities)
    assert [report.topic for report in reports if report.action == "created"] == [TRADES]
    assert {name for name, log_id in fresh_identities.held.items() if before[name] != log_id} == {TRADES}
