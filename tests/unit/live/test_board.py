"""The board behind REST quotes, over records as they stand on the log, malformed ones too."""

from types import SimpleNamespace

import pytest

from gateway.live.board import Board
from storage.topics import QUOTE_STATES, QUOTES, Topics

QUOTE = b'{"symbol":"A.T","ts_in":"2026-01-01T00:00:00Z"}'


class Feeds:
    """One record a topic, whatever the partition."""

    def __init__(self, **values: bytes) -> None:
        self._values = {QUOTES: values.get("quote"), QUOTE_STATES: values.get("state")}

    def shard(self, log_topic: str, _partition: int):
        value = self._values[log_topic]
        if value is None:
            return None
        return SimpleNamespace(addresses={b"A.T": SimpleNamespace(last=SimpleNamespace(value=value, seq=7))})


def board(**values: bytes) -> Board:
    return Board(Feeds(**values), Topics())


def test_a_quote_has_the_offset_the_time_and_the_state_of_its_records() -> None:
    quote = board(quote=QUOTE, state=b'{"feed_state":"closed"}').quote("A.T")
    assert quote is not None
    assert (quote.value, quote.seq, quote.taken_in, quote.feed_state) == (QUOTE, 7, 1_767_225_600_000_000_000, "closed")


@pytest.mark.parametrize("value", [b"not json", b"[]", b'{"symbol":"A.T"}', b'{"ts_in":"yesterday"}', b""])
def test_a_record_that_is_no_quote_is_none(value: bytes) -> None:
    assert board(quote=value).quote("A.T") is None


def test_a_state_that_cannot_be_read_is_not_called_live() -> None:
    quote = board(quote=QUOTE, state=b"broken").quote("A.T")
    assert quote is not None
    assert quote.feed_state == "stale"


def test_a_symbol_without_records_has_no_quote_and_one_without_a_state_is_live() -> None:
    assert board().quote("A.T") is None
    quote = board(quote=QUOTE).quote("A.T")
    assert quote is not None
    assert quote.feed_state == "live"
