"""aiokafka's flood while a broker is down becomes a line now and then."""

import logging

from ops.runtime.clock import ManualClock
from ops.runtime.noise import KafkaNoiseFilter


def _record(name, line, text, *arguments, exc_info=None):
    return logging.LogRecord(name, logging.ERROR, "client.py", line, text, arguments, exc_info)


def test_the_same_line_passes_once_in_an_interval_and_counts_what_it_held_back():
    clock = ManualClock()
    noise = KafkaNoiseFilter(clock, interval_seconds=30)
    assert noise.filter(_record("aiokafka", 7, "Unable connect to node with id %s: %s", 1, "refused"))
    for _ in range(500):
        clock.advance(0.01)
        assert not noise.filter(_record("aiokafka", 7, "Unable connect to node with id %s: %s", 1, "refused"))
    clock.advance(25.1)
    again = _record("aiokafka", 7, "Unable connect to node with id %s: %s", 1, "refused")
    assert noise.filter(again)
    assert again.getMessage() == "Unable connect to node with id 1: refused (and 500 more like it since)"
    clock.advance(30)
    quiet = _record("aiokafka", 7, "Unable connect to node with id %s: %s", 1, "100% refused")
    assert noise.filter(quiet)
    assert quiet.getMessage() == "Unable connect to node with id 1: 100% refused"


def test_other_lines_other_loggers_and_tracebacks_pass():
    noise = KafkaNoiseFilter(ManualClock())
    assert noise.filter(_record("aiokafka", 7, "one"))
    assert noise.filter(_record("aiokafka", 8, "another line"))
    assert noise.filter(_record("aiokafka.consumer.fetcher", 7, "another module"))
    for _ in range(3):
        assert noise.filter(_record("gateway.live", 7, "ours"))
        assert noise.filter(_record("aiokafka", 7, "one", exc_info=(ValueError, ValueError("x"), None)))
