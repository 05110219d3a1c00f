"""One reader that stops reading among many: what the others feel.

Each contender runs twice a round, without and with the stuck reader, whose small receive buffer is full before the
measurement begins. It is authenticated and subscribed as the others and never reads.
"""

from collections.abc import Iterable, Mapping
from statistics import median

from ops.bench.connecting import connected
from ops.bench.contender import Load, Make, started
from ops.bench.fanout_contenders import contenders
from ops.bench.report import Cell, Report
from ops.bench.scale import Scale
from ops.bench.timed_readers import Percentiles, TimedReaders, percentiles

LOAD = Load(burst=2, every=40, size=4_000)  # 200 KB/s a client: the stuck one is slow within 2 s
WARM_UPS = 3
STUCK_BYTES = 4_096


def benchmark(scale: Scale) -> Iterable[Report]:
    """One table."""
    found, notes = contenders(peers=scale.peers, nats=False)
    outcomes: dict[tuple[str, bool], list[Percentiles]] = {
        (name, stuck): [] for name in found for stuck in (False, True)
    }
    readers = scale.clients[0] - 1
    for _ in range(scale.rounds):
        for (name, stuck), measured in outcomes.items():
            measured.append(measure(found[name], readers, scale, stuck=stuck))
    yield _report(outcomes, readers, scale, notes)


def measure(make: Make, readers: int, scale: Scale, *, stuck: bool) -> Percentiles:
    """One contender, started for this measurement alone."""
    with started(make, LOAD) as server:
        others = TimedReaders(server.port, readers, server.greet)
        silent = connected(server.port, STUCK_BYTES)
        try:
            if stuck:
                server.greet(silent)
            others.read(WARM_UPS * scale.warm_up)
            return percentiles(others.read(scale.seconds))
        finally:
            others.close()
            silent.close()


def _report(
    outcomes: Mapping[tuple[str, bool], list[Percentiles]], readers: int, scale: Scale, notes: list[str]
) -> Report:
    rows: list[dict[str, Cell]] = [
        {
            "contender": name,
            "stuck reader": "one" if stuck else "none",
            "others' p50 ms": median(one.p50 for one in rounds),
            "others' p99 ms": median(one.p99 for one in rounds),
            "messages a second": round(median(one.messages for one in rounds) / scale.seconds),
        }
        for (name, stuck), rounds in outcomes.items()
    ]
    method = (
        f"{readers} readers in one process, {LOAD.burst} messages of {LOAD.size} bytes every {LOAD.every} ms; medians of "
        f"{scale.rounds} rounds of {scale.seconds:g} s after {WARM_UPS * scale.warm_up:g} s of filling the stuck one's buffers"
    )
    columns = ("contender", "stuck reader", "others' p50 ms", "others' p99 ms", "messages a second")
    return Report("one-stuck-reader", method, columns, rows, notes)
