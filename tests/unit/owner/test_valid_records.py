"""What counts in a partition with owners, for a reader that begins anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.log.memory import MemoryLog
from storage.log.memory_partition import MemoryRecord
from storage.log.port import Message
from storage.log.valid_records import ValidRecords, judge_from, newest_claim
from storage.models.ownership import (
    BEGINNING,
    Anchor,
    ClaimHistory,
    Floor,
    PartitionReport,
    cause_of,
    claim_headers,
    decided_at_of,
    epoch_of,
    is_claim,
    not_applied,
    record_headers,
)
from storage.topics import ORDER_EVENTS, Topics


def _record(offset: int, epoch: int | None) -> MemoryRecord:
    """A claim where `epoch` is None."""
    headers = claim_headers("id") if epoch is None else record_headers(epoch, 7, 9, (("schema", b"x.1"),))
    return MemoryRecord(ORDER_EVENTS, 0, offset, 0, b"k", b"", headers)


def _partition(epochs: list[int | None]) -> list[MemoryRecord]:
    return [_record(offset, epoch) for offset, epoch in enumerate(epochs)]


def _offsets(records: list[MemoryRecord]) -> list[int]:
    return [record.offset for record in records]


def test_a_record_counts_under_the_newest_claim_before_it_alone() -> None:
    judge = ValidRecords()
    assert _offsets(judge.take(_partition([None, 0, 0, None, 0, 3, 0, 3, None, 3, 8]))) == [1, 2, 5, 7, 10]
    assert judge.claims == [0, 3, 8]
    assert judge.anchor == Anchor(10, 8)


def test_what_carries_no_epoch_or_a_false_one_never_counts() -> None:
    judge = ValidRecords()
    bare = MemoryRecord(ORDER_EVENTS, 0, 1, 0, b"k", b"", ())
    odd = MemoryRecord(ORDER_EVENTS, 0, 2, 0, b"k", b"", (("epoch", b"zero"),))
    assert judge.take([_record(0, None), bare, odd, _record(3, 0)]) == [_record(3, 0)]


def test_before_any_claim_nothing_counts() -> None:
    assert ValidRecords().take(_partition([0, -1 + 1, 5])) == []


def test_what_comes_again_is_left_out() -> None:
    judge = ValidRecords()
    records = _partition([None, 0, 0])
    assert _offsets(judge.take(records[:2])) == [1]
    assert _offsets(judge.take(records)) == [2]


@st.composite
def _partitions(draw: st.DrawFn) -> list[int | None]:
    epochs: list[int | None] = []
    for _ in range(draw(st.integers(0, 30))):
        claims = [offset for offset, epoch in enumerate(epochs) if epoch is None]
        epochs.append(draw(st.sampled_from([None, *claims])))
    return epochs


@given(epochs=_partitions(), data=st.data())
def test_readers_that_begin_anywhere_with_any_true_anchor_agree(epochs: list[int | None], data: st.DataObject) -> None:
    records = _partition(epochs)
    whole = ValidRecords()
    every = _offsets(whole.take(records))
    start = data.draw(st.integers(0, len(records)))
    upto = data.draw(st.integers(-1, start - 1))
    noted = ValidRecords()
    noted.take(records[: upto + 1])
    anchor = noted.anchor if upto >= 0 else BEGINNING
    middle = ValidRecords(anchor)
    seen = [offset for offset in _offsets(middle.take(records[upto + 1 :])) if offset >= start]
    assert seen == [offset for offset in every if offset >= start]

    read = data.draw(st.integers(-1, len(records) - 1))
    floor_upto = data.draw(st.integers(-1, read))
    floored = ValidRecords()
    floored.take(records[: floor_upto + 1])
    floor = Floor(0, floored.anchor.upto, floored.anchor.claim)
    history = ClaimHistory(0).extended(read, [claim for claim in whole.claims if claim <= read], floor)
    chosen = history.anchor_before(start, floor)
    assert chosen.upto < max(start, 0) or chosen == BEGINNING
    truth = ValidRecords()
    truth.take(records[: chosen.upto + 1])
    assert chosen.claim == truth.anchor.claim


async def test_a_judge_is_made_ready_from_an_anchor_and_the_newest_claim_looked_up() -> None:
    log = MemoryLog(Topics({ORDER_EVENTS: 1, "order-commands": 1}))
    writer = await log.writer(ORDER_EVENTS, 0)
    records = _partition([None, 0, None, 0, 2])
    await writer.append([Message(record.key, record.value, record.headers) for record in records])
    judge = await judge_from(log, ORDER_EVENTS, 0, 3, BEGINNING)
    assert judge.anchor == Anchor(2, 2)
    assert (await judge_from(log, ORDER_EVENTS, 0, 3, Anchor(2, 2))).anchor == Anchor(2, 2)
    assert await newest_claim(log, ORDER_EVENTS, 0, BEGINNING) == 2
    assert await newest_claim(log, ORDER_EVENTS, 0, Anchor(4, 2)) == 2
    with pytest.raises(ValueError, match="an anchor at 3 does not help a reader that starts at 3"):
        await judge_from(log, ORDER_EVENTS, 0, 3, Anchor(3, 2))


def test_headers_say_what_a_reader_needs() -> None:
    headers = record_headers(12, 34, 56, (("schema", b"order-record.1"),))
    assert (epoch_of(headers), cause_of(headers), decided_at_of(headers)) == (12, 34, 56)
    assert not is_claim(headers)
    assert cause_of(record_headers(12, None, 56, ())) is None
    assert is_claim(claim_headers("id"))
    assert epoch_of(claim_headers("id")) is None


def test_a_change_of_controls_is_applied_where_the_holder_of_the_newest_claim_says_so() -> None:
    reports = [PartitionReport(0, 10, 5), PartitionReport(1, 20, 4), PartitionReport(2, 7, 9), PartitionReport(3, 1, 6)]
    newest = {0: 10, 1: 20, 2: 30, 3: 1, 4: 2}
    assert not_applied(5, newest, reports) == [1, 2, 4]  # too old a version, a superseded holder, nobody
