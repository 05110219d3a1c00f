"""Risk signals to the active ones: the last state of each, clearing final, what is no signal set aside."""

from collections.abc import Mapping, Sequence
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ops.runtime.clock import ManualClock
from ops.runtime.metrics import Metrics
from storage.log.memory import MemoryLog
from storage.log.memory_partition import MemoryRecord
from storage.models.order_records import OrderRecord
from storage.models.ownership import Anchor
from storage.models.read_models import PLATFORM, SignalDocument
from storage.models.risk_signals import RiskSignal, SignalState, encode_signal
from storage.topics import RISK_SIGNALS, Topics
from streams.market.dead_letter_box import DeadLetterBox
from streams.orders.projection.signals_processor import SignalsProcessor
from streams.risk.signals import signals_of
from tests.unit.orders.projected_partition import life

NOW = ManualClock().now()


class Kept:
    """The signals and anchors of one store, with the guard of the real one."""

    def __init__(self) -> None:
        self.signals: dict[str, SignalDocument] = {}
        self.anchors: dict[int, Anchor] = {}

    async def write(self, signals: Sequence[SignalDocument], /) -> None:
        for signal in signals:
            stored = self.signals.get(signal.signal_id)
            if stored is None or (stored.state, signal.state) == ("raised", "cleared"):
                self.signals[signal.signal_id] = signal

    async def remove_cleared(self, before: int) -> int:
        over = [one.signal_id for one in self.signals.values() if one.state == "cleared" and one.ts < before]
        for name in over:
            del self.signals[name]
        return len(over)

    async def get(self, partition: int) -> Anchor:
        return self.anchors[partition]

    async def put_many(self, anchors: Mapping[int, Anchor], /) -> None:
        self.anchors.update(anchors)

    @property
    def active(self) -> set[str]:
        return {name for name, signal in self.signals.items() if signal.state == "raised"}


def processor(kept: Kept, log: MemoryLog) -> SignalsProcessor:
    metrics = Metrics()
    letters = DeadLetterBox("active-signals", RISK_SIGNALS, log, ManualClock(), metrics)
    return SignalsProcessor(signals=kept, anchors=kept, letters=letters, metrics=metrics)


def record(offset: int, value: bytes, key: bytes = b"acc_1") -> MemoryRecord:
    return MemoryRecord(RISK_SIGNALS, 0, offset, 0, key, value, ())


def signal(name: str, state: SignalState, second: int = 0, key: bytes = b"acc_1") -> bytes:
    ts = f"2024-05-01T10:00:{second:02}Z"
    return encode_signal(RiskSignal(name, "order.rate", "warning", state, {}, ts, account_id=key.decode()))


def told(records: Sequence[OrderRecord]) -> list[RiskSignal]:
    return [one for record in records for one in signals_of(record)]


@given(st.integers(0, 40), st.integers(0, 10**6))
async def test_whatever_comes_again_the_active_signals_are_those_not_cleared(seed: int, chance: int) -> None:
    signals, random, kept = told(life(seed)), Random(chance), Kept()  # noqa: S311
    records = [record(number, msgspec.json.encode(one)) for number, one in enumerate(signals)]
    process = processor(kept, MemoryLog(Topics()))
    await process.assign(0, None)
    at = 0
    while at < len(records):
        step = random.randint(1, 5)
        await process.fold(0, records[at : at + step])
        if random.random() < 0.5:
            await process.flush()
        at = max(0, at + step - random.choice((0, 0, 3)))
    await process.flush()
    cleared = {one.signal_id for one in signals if one.state == "cleared"}
    assert kept.active == {one.signal_id for one in signals} - cleared
    for one in signals:
        if one.signal_id in kept.active:
            assert msgspec.json.decode(kept.signals[one.signal_id].value) == msgspec.to_builtins(one)


async def test_a_signal_keeps_its_owner_its_time_and_its_bytes() -> None:
    kept = Kept()
    process = processor(kept, MemoryLog(Topics()))
    await process.assign(0, None)
    value = signal("s", "raised", 7)
    await process.fold(0, [record(4, value, PLATFORM.encode())])
    await process.flush()
    assert kept.signals["s"] == SignalDocument("s", PLATFORM, "raised", 1_714_557_607 * 10**9, value)
    assert kept.anchors[0] == (4, -1)


async def test_what_is_no_signal_is_set_aside_and_takes_no_other_along() -> None:
    log, kept = MemoryLog(Topics()), Kept()
    process = processor(kept, log)
    await process.assign(0, None)
    bad = [b"{", signal("x", "raised").replace(b"raised", b"odd"), signal("y", "raised")[:-3]]
    await process.fold(0, [record(number, value) for number, value in enumerate(bad)])
    await process.fold(0, [record(3, signal("s", "raised")), record(4, signal("t", "raised"), b"\xff")])
    await process.flush()
    assert kept.active == {"s"}
    assert (await log.bounds("dead-letters"))[0].next == 4


async def test_cleared_signals_are_forgotten_after_a_day_and_active_ones_never() -> None:
    kept = Kept()
    process = processor(kept, MemoryLog(Topics()))
    await process.assign(0, None)
    await process.fold(
        0, [record(0, signal("s", "raised")), record(1, signal("t", "raised")), record(2, signal("t", "cleared"))]
    )
    await process.flush()
    day = 86_400 * 10**9
    await process.tick(1_714_557_600 * 10**9 + day)
    assert set(kept.signals) == {"s", "t"}
    await process.tick(1_714_557_600 * 10**9 + day + 3_601 * 10**9)
    assert set(kept.signals) == {"s"}


async def test_a_revoked_partition_writes_nothing_more() -> None:
    kept = Kept()
    process = processor(kept, MemoryLog(Topics()))
    await process.assign(0, None)
    await process.fold(0, [record(0, signal("s", "raised"))])
    await process.revoke(0)
    await process.flush()
    assert (kept.signals, kept.anchors) == ({}, {})
