"""One partitioner for both log adapters: murmur2 of the key, as Kafka's own clients do, so a key has one partition everywhere."""

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=65_536)
def partition_of_key(key: bytes, partitions: int) -> int:
    """The partition (0 <= p < partitions) of `key`."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
