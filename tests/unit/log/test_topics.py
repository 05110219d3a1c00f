"""The table of topics and what settings may change in it."""

import pytest

from storage.topics import (
    BARS,
    DEAD_LETTERS,
    FOREVER,
    ORDER_COMMANDS,
    ORDER_EVENTS,
    QUOTE_STATES,
    QUOTES,
    TRADES,
    Topics,
)


def test_only_quote_states_are_compacted_and_everything_is_kept_for_ever():
    topics = Topics()
    assert [spec.name for spec in topics if spec.compacted] == [QUOTE_STATES]
    assert all(spec.retention_ms == FOREVER for spec in topics)


def test_partitions_and_retention_are_overridden_by_name():
    topics = Topics({TRADES: 16}, {BARS: 60_000})
    assert (topics[TRADES].partitions, topics[BARS].partitions) == (16, 8)
    assert (topics[TRADES].retention_ms, topics[BARS].retention_ms) == (FOREVER, 60_000)


@pytest.mark.parametrize(
    ("partitions", "retention", "says"),
    [
        ({"tradse": 3}, {}, "no such topic: tradse; there are quotes, "),
        ({}, {"orders": 3}, "no such topic: orders"),
        ({TRADES: 0}, {}, "topic trades needs at least 1 partition, not 0"),
        ({}, {ORDER_EVENTS: 86_400_000}, "topic order-events must be kept for ever"),
        ({}, {TRADES: 0}, "topic trades: retention is in ms, or -1 for ever, not 0"),
        ({ORDER_COMMANDS: 4}, {}, f"equally many partitions: .*'{ORDER_EVENTS}': 8"),
        ({QUOTES: 4}, {}, "equally many partitions"),
    ],
)
def test_what_cannot_be_is_refused_in_words(partitions, retention, says):
    with pytest.raises(ValueError, match=says):
        Topics(partitions, retention)


def test_names_on_a_shared_broker_carry_the_prefix():
    topics = Topics(prefix="blue-")
    assert topics.on_broker(TRADES) == "blue-trades"
    assert Topics().on_broker(TRADES) == TRADES


def test_a_dead_letter_of_the_largest_message_fits():
    topics = Topics()
    largest = max(spec.message_bytes for spec in topics if spec.name != DEAD_LETTERS)
    assert topics[DEAD_LETTERS].message_bytes > 2 * largest
