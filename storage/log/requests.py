"""What both adapters check before they do what they are asked. Pure."""

from collections.abc import Iterable

from storage.log.port import Message
from storage.topics import TopicSpec


def check_size(spec: TopicSpec, message: Message) -> None:
    """Raises `ValueError` for a message that is larger than its topic allows."""
    size = len(message.key) + len(message.value)
    for name, value in message.headers:  # no generator: this runs for every message
        size += len(name) + len(value)
    if size > spec.message_bytes:
        raise ValueError(f"a message of {size:,} bytes is too large: topic {spec.name} takes {spec.message_bytes:,}")


def check_partitions(spec: TopicSpec, partitions: Iterable[int]) -> None:
    """Raises `ValueError` for a partition that the topic does not have."""
    for partition in partitions:
        if not 0 <= partition < spec.partitions:
            raise ValueError(f"topic {spec.name} has partitions 0 to {spec.partitions - 1}, not {partition}")
