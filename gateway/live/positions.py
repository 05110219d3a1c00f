"""Where a client stood, and whether the log can still bring it everything since."""

from gateway.live.feeds import Feeds
from gateway.live.interest import LOG_TOPICS, partitions
from gateway.live.subscriptions import Resume
from gateway.live.topics import Topic
from storage.log.port import Log
from storage.topics import Topics


async def recoverable(
    log: Log, feeds: Feeds, topics: Topics, topic: Topic, resume: Resume, *, account: str | None
) -> bool:
    """Whether everything after the positions is there, for every shard of the topic. Shards beside those are ignored.

    Raises `LogUnavailable`.
    """
    for log_topic in LOG_TOPICS[topic.family]:
        missing: dict[int, int] = {}
        for number in partitions(topic, account, log_topic, topics):
            position = resume.positions.get(f"{log_topic}-{number}")
            if position is None:
                return False
            shard = feeds.shard(log_topic, number)
            if shard is None or not shard.remembers(position + 1) or position > shard.position:
                missing[number] = position + 1
        bounds = await log.bounds(log_topic) if missing else {}
        if not all(bounds[number].first <= start <= bounds[number].next for number, start in missing.items()):
            return False
    return True
