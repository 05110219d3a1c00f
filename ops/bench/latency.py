"""Log append -> socket: how old a message is when its reader has it, at a fixed rate that keeps nobody busy.

Ours twice: the whole local profile (log, processors, gateway and feed in one process and one loop), and the hub alone as
in the fan-out. The time of the append stands inside each message; the reader is another process on the same machine.
"""

import json
from collections.abc import Iterable, Mapping
from statistics import median

from ops.bench.connecting import Greeting
from ops.bench.contender import Contender, Load, Make, python, started
from ops.bench.fanout_contenders import OURS, PATH, contenders, subscribing
from ops.bench.report import Cell, Report
from ops.bench.scale import Scale
from ops.bench.signing import signed
from ops.bench.timed_readers import Percentiles, TimedReaders, percentiles

LOAD = Load(burst=2, every=1)


def benchmark(scale: Scale) -> Iterable[Report]:
    """One table."""
    found, notes = contenders(peers=scale.peers)
    makers: dict[str, Make] = {"ours, local profile": local_profile, "ours, hub alone": found.pop(OURS), **found}
    measured: dict[str, list[Percentiles]] = {name: [] for name in makers}
    for _ in range(scale.rounds):
        for name, make in makers.items():
            measured[name].append(measure(make, scale))
    yield _report(measured, scale, notes)


def measure(make: Make, scale: Scale) -> Percentiles:
    """One contender with one reader."""
    with started(make) as server:
        server.send(LOAD)
        reader = TimedReaders(server.port, 1, server.greet)
        try:
            reader.read(scale.warm_up)
            return percentiles(reader.read(scale.seconds))
        finally:
            reader.close()


def local_profile(port: int, _size: int) -> Contender:
    """What `omniaxs up` runs, with a feed of quotes and trades of 20 symbols; its messages are as long as they are."""
    command = python("ops.bench.peers.ours_local", port)
    return Contender(command, _as_demo, frame_bytes=0, ready_line="api_secret")


def _as_demo(said: str) -> Greeting:
    key = json.loads(said)["demo"]
    headers = signed(key["api_key"], key["api_secret"], PATH)
    auth: dict[str, object] = {
        "api_key": headers["X-PM-API-KEY"],
        "timestamp": headers["X-PM-TIMESTAMP"],
        "signature": headers["X-PM-SIGNATURE"],
    }
    return subscribing(auth, "quotes.*", "trades.*")


def _report(measured: Mapping[str, list[Percentiles]], scale: Scale, notes: list[str]) -> Report:
    rows: list[dict[str, Cell]] = [
        {
            "contender": name,
            "p50 ms": median(one.p50 for one in rounds),
            "p99 ms": median(one.p99 for one in rounds),
            "most ms": max(one.most for one in rounds),
            "messages a second": round(median(one.messages for one in rounds) / scale.seconds),
        }
        for name, rounds in measured.items()
    ]
    method = (
        f"one reader, {LOAD.burst} messages every {LOAD.every} ms, from the append (peers: from making the message) to the "
        f"return of the reader's recv; medians of {scale.rounds} rounds of {scale.seconds:g} s, `most` over all of them"
    )
    columns = ("contender", "p50 ms", "p99 ms", "most ms", "messages a second")
    return Report("append-to-socket", method, columns, rows, notes)
