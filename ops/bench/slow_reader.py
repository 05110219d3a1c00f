"""One reader that stops reading among many: what the others feel.

Each contender is measured twice in a round, first without and then with the stuck reader, whose small receive buffer is
full before the second measurement begins. It is authenticated and subscribed as the others and never reads.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ops.bench.connecting import connected
from ops.bench.contender import Load, Make, Running, started
from ops.bench.cpu import cpu_seconds
from ops.bench.fanout_contenders import contenders
from ops.bench.paired import ratio
from ops.bench.report import Cell, Report
from ops.bench.scale import Scale
from ops.bench.timed_readers import Percentiles, TimedReaders, percentiles

LOAD = Load(burst=2, every=40)
SIZE = 4_000
"""200 KB/s a client: the stuck one is slow within 2 s."""
FILLING = 3.5
"""Times the warm-up: two seconds in a full run."""
STUCK_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Felt:
    """By the readers that read: how old messages are, how many came a second, and the server's CPU microseconds for each."""

    ages: Percentiles
    rate: float
    microseconds: float


def benchmark(scale: Scale) -> Iterable[Report]:
    """One table."""
    found, notes = contenders(peers=scale.peers)
    outcomes: dict[str, list[tuple[Felt, Felt]]] = {name: [] for name in found}
    for _ in range(scale.rounds):
        for name, measured in outcomes.items():
            measured.append(measure(found[name], scale))
    yield _report(outcomes, scale, notes)


def measure(make: Make, scale: Scale) -> tuple[Felt, Felt]:
    """One contender, started for this round alone: without the stuck reader, and with it."""
    with started(make, SIZE) as server:
        others = TimedReaders(server.port, scale.readers - 1, server.greet)
        stuck = connected(server.port, STUCK_BYTES)
        try:
            server.send(LOAD)
            others.read(scale.warm_up)
            without = _felt(server, others, scale)
            server.greet(stuck)
            others.read(FILLING * scale.warm_up)
            return without, _felt(server, others, scale)
        finally:
            others.close()
            stuck.close()


def _felt(server: Running, others: TimedReaders, scale: Scale) -> Felt:
    before = cpu_seconds(server.pid)
    ages = percentiles(others.read(scale.seconds))
    used = cpu_seconds(server.pid) - before
    return Felt(ages, ages.messages / scale.seconds, used * 1e6 / ages.messages)


def _report(outcomes: Mapping[str, Sequence[tuple[Felt, Felt]]], scale: Scale, notes: list[str]) -> Report:
    rows = []
    for name, rounds in outcomes.items():
        without, with_one = ([pair[which] for pair in rounds] for which in (0, 1))
        rows += [_row(name, "none", without, without), _row(name, "one", with_one, without)]
    method = (
        f"{scale.readers - 1} readers in one process, {LOAD.burst} messages of {SIZE} bytes every {LOAD.every} ms; medians of "
        f"{scale.rounds} rounds of {scale.seconds:g} s, the second after {FILLING * scale.warm_up:g} s of filling the stuck one's "
        "buffers; an age holds its wait for the others that the same process reads first; CPU of the sending process"
    )
    columns = (
        "contender", "stuck reader", "others' p50 ms", "others' p99 ms", "messages a second", "CPU us a message",
        "CPU / without",
    )  # fmt: skip
    return Report("one-stuck-reader", method, columns, rows, notes, keys=2)


def _row(name: str, stuck: str, felt: Sequence[Felt], without: Sequence[Felt]) -> dict[str, Cell]:
    costs = [one.microseconds for one in felt]
    return {
        "contender": name,
        "stuck reader": stuck,
        "others' p50 ms": median(one.ages.p50 for one in felt),
        "others' p99 ms": median(one.ages.p99 for one in felt),
        "messages a second": round(median(one.rate for one in felt)),
        "CPU us a message": median(costs),
        "CPU / without": ratio(costs, [one.microseconds for one in without]),
    }
