"""What the time of a refused login tells: an unknown address, a wrong password and an unverified account beside each other.

In one process, from the request's body to the answer, through the edge that the gateway has: no network and no other work hides
a difference here. Two contenders send the same thing (unknown addresses): what lies between those two is noise.
"""

import asyncio
import json
import os
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, stdev
from typing import Any, Final, NamedTuple

from gateway.http.edge import Endpoint
from ops.bench.login_gateway import KNOWN, UNVERIFIED, login_endpoint
from ops.bench.report import Cell, Report
from ops.bench.scale import Scale
from ops.runtime.clock import SystemClock
from storage.mongo.connect import connect

Kind = str
BASE: Final = "unknown address"
AGAIN: Final = "unknown address, again"
_FULL: Final = (8, 25)
_QUICK: Final = (3, 4)
_PASSWORD: Final = "not the password of anybody"  # noqa: S105


class Taken(NamedTuple):
    """Milliseconds of a login: by the clock, and of CPU in all threads of this process."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Contender:
    """What is sent, and the answer that must come: its status and code."""

    kind: Kind
    email: Callable[[object], str]
    password: str
    answer: tuple[int, str]


def benchmark(scale: Scale, mongo_url: str | None = None) -> Iterable[Report]:
    """One table, over the store of OMNIAXS_STORE_URL or HUB_TEST_MONGO, in memory without one."""
    url = mongo_url or os.environ.get("OMNIAXS_STORE_URL") or os.environ.get("HUB_TEST_MONGO") or "mongomock://"
    rounds, times = _FULL if scale.rounds > 1 else _QUICK
    yield _report(asyncio.run(measured(url, rounds, times)), url.partition("://")[0], rounds, times)


def contenders(password: str) -> Sequence[Contender]:
    """Who takes turns; `password` is the right one of everybody who is registered."""
    wrong = (401, "auth.credentials_invalid")
    return (
        Contender(BASE, "nobody{}@bench.example".format, _PASSWORD, wrong),
        Contender(AGAIN, "noone{}@bench.example".format, _PASSWORD, wrong),
        Contender("wrong password", KNOWN.format, _PASSWORD, wrong),
        Contender("unverified, wrong password", UNVERIFIED.format, _PASSWORD, wrong),
        Contender(
            "unverified, right password",
            UNVERIFIED.format,
            password,
            (403, "auth.email_not_verified"),
        ),
    )


async def measured(url: str, rounds: int, times: int) -> list[dict[Kind, Taken]]:
    """What each contender took in each round."""
    store = connect(url, f"bench_{secrets.token_hex(6)}")
    try:
        endpoint, password, drain = await login_endpoint(store, SystemClock(), people=times)
        await _round(endpoint, contenders(password), 4, drain)  # warm-up
        taken = [await _round(endpoint, contenders(password), times, drain) for _ in range(rounds)]
        await store.client.drop_database(store.database.name)
    finally:
        store.close()
    return taken


async def _round(
    endpoint: Endpoint, taking_turns: Sequence[Contender], times: int, drain: Callable[[], Awaitable[None]]
) -> dict[Kind, Taken]:
    """Each contender `times` times, in an order that is drawn anew for each turn."""
    taken: dict[Kind, list[Taken]] = {contender.kind: [] for contender in taking_turns}
    for number in range(times):
        for contender in random.sample(taking_turns, len(taking_turns)):
            taken[contender.kind].append(await _once(endpoint, contender, number))
            await drain()
    return {
        kind: Taken(median(one.wall for one in values), median(one.cpu for one in values))
        for kind, values in taken.items()
    }


async def _once(endpoint: Endpoint, contender: Contender, number: int) -> Taken:
    """One login. Raises `RuntimeError` when another answer came than the one that is measured."""
    body = json.dumps({"email": contender.email(number), "password": contender.password}).encode()

    async def read_body() -> bytes:
        return body

    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "raw_path": b"/public/v1/auth/login", "query_string": b"", "http_version": "1.1",
        "client": ("192.0.2.1", 1), "headers": [(b"content-type", b"application/json")],
    }  # fmt: skip
    began, used = time.perf_counter_ns(), time.process_time_ns()
    answer = await endpoint(scope, read_body)
    taken = Taken((time.perf_counter_ns() - began) / 1e6, (time.process_time_ns() - used) / 1e6)
    told = (answer.status, json.loads(answer.body)["error"]["code"])
    if told != contender.answer:
        raise RuntimeError(f"{contender.kind}: {told} instead of {contender.answer}")
    return taken


def _report(measured: Sequence[Mapping[Kind, Taken]], store: str, rounds: int, times: int) -> Report:
    noise = _worst([one[AGAIN].wall - one[BASE].wall for one in measured])
    rows: list[dict[str, Cell]] = []
    for kind in measured[0]:
        apart = [one[kind].wall - one[BASE].wall for one in measured]
        rows.append(
            {
                "contender": kind,
                "ms": median(one[kind].wall for one in measured),
                "spread ms": stdev(one[kind].wall for one in measured),
                "apart ms": median(apart),
                "worst ms": _worst(apart),
                "noise ms": noise,
                "within": "yes" if abs(median(apart)) <= noise else "NO",
                "CPU ms": median(one[kind].cpu for one in measured),
                "CPU apart ms": median(one[kind].cpu - one[BASE].cpu for one in measured),
            }
        )
    method = (
        f"{rounds} rounds of {times} logins each, one at a time, in an order drawn anew for each turn, what follows an answer "
        f"done before the next; store {store}; per round the median of each contender. `spread`: standard deviation of those; "
        "`apart`: from the first contender in the same round, median and worst of the rounds; `noise`: what the worst round "
        f"shows between two contenders that are the same ({BASE}); `within`: `apart` is not above it"
    )
    columns = (
        "contender", "ms", "spread ms", "apart ms", "worst ms", "noise ms", "within", "CPU ms", "CPU apart ms",
    )  # fmt: skip
    return Report("login-timing", method, columns, rows)


def _worst(differences: Sequence[float]) -> float:
    return max(abs(difference) for difference in differences)
