"""The projection: however records are cut into flushes, come again, or are cut off by a kill, the documents are those of a
fold from zero; and those say what the core says.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.processes.trading_parts import SWEEP_SECONDS
from ops.runtime.clock import ManualClock
from ops.runtime.metrics import READ_MODEL_DELAY, Metrics
from storage.log.memory_partition import MemoryRecord
from storage.log.valid_records import ValidRecords
from storage.models.order_answers import answer_of
from storage.models.order_commands import ArmDeadMan, VenueCanceled
from storage.models.order_events import CommandRepeated, DeadManSet, OrderDenied, OrderFilled
from storage.models.order_records import OrderRecord, decode_record, encode_record
from storage.models.order_requests import KEPT_SECONDS
from storage.models.ownership import BEGINNING, Anchor, record_headers
from storage.models.read_models import AccountDocument
from streams.orders.evolve import evolve
from streams.orders.projection.account_fold import SequenceBroken
from streams.orders.projection.orders_processor import OrdersProcessor
from streams.orders.projection.partition import RecordUnreadable
from streams.orders.projection.rebuild import Rebuild
from streams.orders.state import AccountState
from tests.unit.orders.kept_documents import KeptDocuments, Killed, RecordsOf
from tests.unit.orders.projected_partition import OTHER, life, partition
from tests.unit.orders.trading_floor import ACCOUNT, START, Desk

SEEDS = st.integers(0, 40)


def processor(kept: KeptDocuments, records: Sequence[MemoryRecord], metrics: Metrics | None = None) -> OrdersProcessor:
    """A new process."""
    return OrdersProcessor(
        models=kept.models,
        anchors=kept.anchors,
        log=RecordsOf(records),
        clock=ManualClock(START),
        metrics=metrics or Metrics(),
    )


async def run(kept: KeptDocuments, records: Sequence[MemoryRecord], random: Random, committed: int | None) -> int:
    """One process: it takes batches of any size from the committed offset on, flushes now and then, and commits what it has
    flushed, or is killed before it does; what is committed when it ends.
    """
    process = processor(kept, records)
    at = committed or 0
    try:
        await process.assign(0, committed)
        while at < len(records):
            step = random.choice((1, 2, 7, 40, 700))
            await process.fold(0, records[at : at + step])
            at = min(at + step, len(records))
            if random.random() < 0.5 or at == len(records):
                await process.flush()
                if random.random() < 0.8:
                    committed = at
    except Killed:
        return committed or 0
    return len(records)


def at_once(records: Sequence[MemoryRecord]) -> KeptDocuments:
    """Every record in one go, by a rebuild."""
    kept = KeptDocuments()
    clock = ManualClock(START)
    rebuild = Rebuild(models=kept.models, anchors=kept.anchors, log=RecordsOf(records), clock=clock)
    asyncio.run(rebuild.partition(0, BEGINNING, len(records)))
    return kept


def valid(records: Sequence[MemoryRecord]) -> list[OrderRecord]:
    """The records that count."""
    return [decode_record(record.value) for record in ValidRecords().take(records)]


@settings(max_examples=60)
@given(SEEDS, st.integers(0, 10**9), st.integers(0, 12))
def test_kills_anywhere_in_a_flush_leave_what_a_fold_from_zero_gives(seed: int, chance: int, kills: int) -> None:
    records, random, kept = partition(seed), Random(chance), KeptDocuments()  # noqa: S311
    committed: int | None = None
    for _ in range(kills):
        kept.fuse.writes, kept.fuse.part = random.randint(0, 30), random.randint(0, 3)
        committed = asyncio.run(run(kept, records, random, committed))
    kept.fuse.writes = None
    asyncio.run(run(kept, records, random, committed))
    expected = at_once(records)
    assert kept.contents == expected.contents
    assert kept.anchors.stored == expected.anchors.stored == {0: _anchor(records)}


def _anchor(records: Sequence[MemoryRecord]) -> Anchor:
    judge = ValidRecords()
    judge.take(records)
    return judge.anchor


@given(SEEDS)
def test_the_documents_say_what_the_core_says(seed: int) -> None:
    records = partition(seed)
    orders, positions, fills, answers, accounts = at_once(records).contents
    counted = valid(records)
    states = {name: AccountState(name) for name in (ACCOUNT, OTHER)}
    images, denied = {}, {}
    for record in counted:
        evolve(states[record.account_id], record)
        for order in record.orders:
            (denied if order.state == "denied" else images)[record.account_id, order.order_id] = order
    assert orders == {**denied, **images}
    assert positions == {
        (one.account_id, one.symbol): one for state in states.values() for one in state.positions.values()
    }
    events = [(record, event) for record in counted for event in record.events if isinstance(event, OrderFilled)]
    assert len(fills) == len(events)
    for record, event in events:
        fill = fills[record.account_id, event.order_id, event.fill_id]
        assert (fill.price, fill.quantity, fill.fee, fill.ts) == (event.price, event.quantity, event.fee, event.ts)
        assert (fill.seq, fill.realized_pnl, fill.late) == (record.seq, event.realized_pnl, event.late)
        [order] = [one for one in record.orders if one.order_id == event.order_id]
        value = Decimal(fill.price) * Decimal(fill.quantity) * Decimal(order.multiplier)
        assert (Decimal(fill.notional), fill.currency) == (value.quantize(Decimal("1e-8")), order.currency)
    for name, state in states.items():
        last = next(record for record in reversed(counted) if record.account_id == name)
        switches = tuple(state.dead_men[switch] for switch in sorted(state.dead_men))
        assert accounts[name] == AccountDocument(name, state.seq, last.ts, state.account, state.limits, switches)
    assert answers


@given(SEEDS)
def test_every_command_of_a_client_has_its_first_answer(seed: int) -> None:
    first: dict[str, OrderRecord] = {}
    for record in life(seed):
        first.setdefault(record.cause.command_id, record)
    kept = KeptDocuments()
    records = _owned(life(seed))
    asyncio.run(run(kept, records, Random(seed), None))  # noqa: S311
    answers = kept.contents[3]
    for command_id, record in first.items():
        if not command_id.startswith("c"):
            continue  # a venue's report, or the owner's own command
        event = record.events[0]
        if isinstance(event, DeadManSet) and event.name.startswith("ws:"):
            assert command_id not in answers  # a connection's, which a gateway arms
            continue
        repeated = isinstance(event, CommandRepeated)
        told = answers[command_id]
        assert told.answer == (event.answer if repeated else answer_of(record))
        assert (told.seq, told.duplicate, told.account_id) == (record.seq, repeated, ACCOUNT)


def _owned(records: Sequence[OrderRecord]) -> list[MemoryRecord]:
    """Records behind one claim."""
    claim = partition(0)[0]
    return [claim, *(_record(number + 1, record) for number, record in enumerate(records))]


def _record(offset: int, record: OrderRecord) -> MemoryRecord:
    headers = record_headers(0, 0, START, ())
    return MemoryRecord("order-events", 0, offset, 0, record.account_id.encode(), encode_record(record), headers)


async def test_a_process_that_was_superseded_changes_nothing_when_it_wakes_up() -> None:
    records, kept = partition(5), KeptDocuments()
    paused, half = processor(kept, records), len(partition(5)) // 2
    await paused.assign(0, None)
    await paused.fold(0, records[: min(half, 400)])
    await run(kept, records, Random(1), None)  # noqa: S311
    before = [dict(collection) for collection in kept.contents]
    anchor = kept.anchors.stored[0]
    await paused.flush()
    assert kept.contents == before == at_once_contents(records)
    assert kept.anchors.stored[0] == anchor


def at_once_contents(records: Sequence[MemoryRecord]) -> list[dict[object, object]]:
    """In a thread of its own, as a loop runs here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(at_once, records).result().contents


async def test_what_the_group_has_committed_beyond_the_anchor_is_folded_all_the_same() -> None:
    """A store that was put back to an older copy, or emptied, heals by itself."""
    records, kept = partition(6), KeptDocuments()
    process = processor(kept, records)
    await process.assign(0, len(records))
    await process.flush()
    assert kept.contents == at_once_contents(records)


@pytest.mark.parametrize("batch", [1, 100])
async def test_a_denied_order_never_replaces_one(batch: int) -> None:
    """The core has forgotten an order after ten minutes; an id that comes again then, and is denied, leaves it as it was."""
    desk = Desk()
    name = desk.place().orders[0].order_id
    canceled = desk.report(VenueCanceled, name).orders[0]
    desk.advance(700)
    desk.place()
    unfit = msgspec.structs.replace(desk.order(quantity="0.0001"), order_id=name, command_id="again")
    refusal = desk.send(unfit)
    assert isinstance(refusal.events[0], OrderDenied)
    assert refusal.orders[0].order_id == name
    kept, records = KeptDocuments(), _owned(desk.records)
    process = processor(kept, records)
    await process.assign(0, None)
    for start in range(0, len(records), batch):
        await process.fold(0, records[start : start + batch])
        await process.flush()
    assert kept.contents[0][ACCOUNT, name] == canceled


async def test_a_denied_order_is_listed_where_none_was() -> None:
    desk = Desk()
    refusal = desk.place(quantity="0.0000001")
    kept, records = KeptDocuments(), _owned(desk.records)
    await run(kept, records, Random(1), None)  # noqa: S311
    stored = kept.contents[0][ACCOUNT, refusal.orders[0].order_id]
    assert (stored.state, stored.status) == ("denied", "rejected")


async def test_records_without_an_image_of_the_account_move_its_seq() -> None:
    desk = Desk()
    command = desk.order()
    desk.send(command)
    repeated = desk.send(command)
    assert repeated.account is None
    assert not repeated.orders
    kept, records = KeptDocuments(), _owned(desk.records)
    await run(kept, records, Random(1), None)  # noqa: S311
    document = kept.contents[4][ACCOUNT]
    assert document.as_of_seq == repeated.seq
    assert document.account.as_of_seq == repeated.seq - 1


async def test_an_account_that_is_not_open_has_a_seq_and_no_image() -> None:
    desk = Desk(deposit=None)
    desk.place()
    kept, records = KeptDocuments(), _owned(desk.records)
    await run(kept, records, Random(1), None)  # noqa: S311
    assert kept.contents[4][ACCOUNT] == AccountDocument(ACCOUNT, 1, desk.records[0].ts)


async def test_a_missing_record_of_an_account_ends_the_process_before_anything_of_it_is_written() -> None:
    desk = Desk()
    desk.place()
    kept, records = KeptDocuments(), _owned(desk.records)
    process = processor(kept, records)
    await process.assign(0, None)
    await process.fold(0, records[:2])
    await process.flush()
    with pytest.raises(SequenceBroken, match=r"acc_demo.* up to 1, and the next is 3.*rebuild"):
        await process.fold(0, records[3:])


async def test_an_account_whose_first_record_is_missing_ends_the_process_too() -> None:
    records = _owned(Desk().records)
    process = processor(KeptDocuments(), records)
    await process.assign(0, None)
    with pytest.raises(SequenceBroken, match=r"up to 0, and the next is 2"):
        await process.fold(0, [records[0], *records[2:]])


async def test_a_record_that_counts_and_cannot_be_read_ends_the_process_naming_it() -> None:
    records = _owned(Desk().records)
    broken = msgspec.structs.replace(records[1], value=b'{"account_id": 7}')
    process = processor(KeptDocuments(), records)
    await process.assign(0, None)
    with pytest.raises(RecordUnreadable, match=r"order-events-0@1 .*account_id"):
        await process.fold(0, [records[0], broken])


async def test_what_does_not_count_is_never_decoded() -> None:
    records = _owned(Desk().records)
    ghost = MemoryRecord("order-events", 0, 1, 0, b"x", b"no record", record_headers(77, 0, START, ()))
    kept = KeptDocuments()
    process = processor(kept, records)
    await process.assign(0, None)
    await process.fold(0, [records[0], ghost])
    await process.flush()
    assert not any(kept.contents)
    assert kept.anchors.stored[0] == (1, 0)


async def test_answers_outlive_the_requests_of_a_day_and_are_never_written_when_they_are_older() -> None:
    kept, records = KeptDocuments(), _owned(Desk().records)
    process = processor(kept, records)
    await process.assign(0, None)
    await process.fold(0, records)
    await process.flush()
    assert len(kept.contents[3]) == 2
    dropped_late = (KEPT_SECONDS + round(SWEEP_SECONDS) + 60) * 10**9  # by a gateway whose clock is a minute behind
    await process.tick(START + dropped_late)
    assert len(kept.contents[3]) == 2
    await process.tick(START + 25 * 3_600 * 10**9 + 10**9)
    assert not kept.contents[3]
    late = OrdersProcessor(
        models=kept.models,
        anchors=KeptDocuments().anchors,
        log=RecordsOf(records),
        clock=ManualClock(START + 2 * 86_400 * 10**9),
        metrics=Metrics(),
    )
    await late.assign(0, None)
    await late.fold(0, records)
    await late.flush()
    assert not kept.contents[3]


async def test_switches_that_a_gateway_arms_by_itself_leave_no_answers() -> None:
    desk, kept = Desk(), KeptDocuments()
    for number, name in enumerate(("api", "ws:pmk_1:con_1", "ws:pmk_1:con_1")):
        desk.send(ArmDeadMan(command_id=f"arm-{number}", account_id=ACCOUNT, name=name, timeout_ms=5_000))
    records = _owned(desk.records)
    process = processor(kept, records)
    await process.assign(0, None)
    await process.fold(0, records)
    await process.flush()
    assert kept.contents[3].keys() == {"open", "fund", "arm-0"}
    assert [switch.name for switch in kept.contents[4][ACCOUNT].dead_men] == ["api", "ws:pmk_1:con_1"]


async def test_a_revoked_partition_writes_nothing_more() -> None:
    kept, records = KeptDocuments(), _owned(Desk().records)
    process = processor(kept, records)
    await process.assign(0, None)
    await process.fold(0, records)
    await process.revoke(0)
    await process.flush()
    assert not any(kept.contents)
    assert kept.anchors.stored == {}


async def test_the_delay_of_each_record_is_measured_when_it_can_be_read() -> None:
    metrics, kept, records = Metrics(), KeptDocuments(), _owned(Desk().records)
    process = processor(kept, records, metrics)
    await process.assign(0, None)
    await process.fold(0, records)
    count = metrics.registry.get_sample_value
    assert count(f"{READ_MODEL_DELAY.name}_count") == 0
    await process.flush()
    assert count(f"{READ_MODEL_DELAY.name}_count") == 2
