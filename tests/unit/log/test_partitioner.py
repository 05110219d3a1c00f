"""The partitioner is Kafka's own: the vectors are those of Apache Kafka's `UtilsTest.testMurmur2`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.partitioner import partition_of_key
from storage.topics import QUOTES, Topics

JAVA_MURMUR2 = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", JAVA_MURMUR2)
@pytest.mark.parametrize("partitions", [1, 3, 8, 100])
def test_the_partition_is_that_of_javas_default_partitioner(key, partitions):
    assert partition_of_key(key, partitions) == (JAVA_MURMUR2[key] & 0x7FFFFFFF) % partitions


@given(key=st.text().map(str.encode), partitions=st.integers(1, 64))
def test_any_key_has_one_partition(key, partitions):
    assert 0 <= partition_of_key(key, partitions) < partitions
    assert partition_of_key(key, partitions) == partition_of_key(bytes(key), partitions)


def test_topics_partition_by_their_own_count():
    assert Topics().partition(QUOTES, b"foobar") == (JAVA_MURMUR2[b"foobar"] & 0x7FFFFFFF) % 8
