"""A URL chooses the adapter."""

import pytest

from ops.runtime.clock import ManualClock
from storage.log.connect import open_log
from storage.log.kafka import KafkaLog
from storage.log.memory import MemoryLog
from storage.topics import Topics


def test_memory():
    assert isinstance(open_log("memory://", Topics(), ManualClock()), MemoryLog)


def test_kafka_with_one_or_more_brokers_and_nothing_connected_yet():
    log = open_log("kafka://a.example:9092,[::1]:9093", Topics(), ManualClock())
    assert isinstance(log, KafkaLog)
    assert log.bootstrap == "a.example:9092,[::1]:9093"


@pytest.mark.parametrize("url", ["", "memory", "memory://x", "redis://h:1", "kafka:h:1", "KAFKA://h:1"])
def test_another_url_is_refused(url):
    with pytest.raises(ValueError, match="must be memory:// or kafka://host:port"):
        open_log(url, Topics(), ManualClock())


@pytest.mark.parametrize("address", ["", "h", "h:", ":9092", "h:0", "h:65536", "h:9092/x", "h:²"])
def test_an_address_without_host_or_port_is_named(address):
    with pytest.raises(ValueError, match="which is not host:port"):
        open_log(f"kafka://ok:1,{address}", Topics(), ManualClock())
