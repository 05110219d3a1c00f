"""A whole local profile in a process of its own, as `omniaxs up` starts it, before which hostile clients stand."""

import json
import re
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.bench.http_load import answer_body
from ops.bench.order_load import Trader
from ops.bench.signing import signed
from tests.e2e.conftest import NO_AUTH_LIMITS, Processes
from tests.hostile.raw_http import Answer, exchanged

WIDE = {**NO_AUTH_LIMITS, "OMNIAXS_PUBLIC_REQUESTS_PER_MINUTE": "100000"}
"""All tests call from one address."""
TIME = b"GET /public/v1/time HTTP/1.1\r\nHost: hub\r\n\r\n"


@dataclass(frozen=True)
class Standing:
    """A running local profile: what it printed when it was ready, its process and what it logs."""

    line: dict
    pid: int
    processes: Processes

    @property
    def port(self) -> int:
        """Of REST and WebSocket on hypercorn."""
        return int(self.line["ws"].split(":")[2].partition("/")[0])

    @property
    def rest_port(self) -> int:
        """Of the REST listener, where that is another one."""
        return int(self.line["http"].rsplit(":", 1)[1])

    @property
    def ops_port(self) -> int:
        """Of health and metrics."""
        return int(self.line["ops"].rsplit(":", 1)[1])

    @property
    def trader(self) -> Trader:
        """The demonstration account."""
        demo = self.line["demo"]
        return Trader(demo["account_id"], demo["tenant_id"], demo["api_key"], demo["api_secret"])

    def data(self, path: str) -> dict:
        """The `data` of a signed read."""
        headers = signed(self.trader.key_id, self.trader.secret, path)
        lines = [f"GET {path} HTTP/1.1", "Host: hub", *(f"{name}: {value}" for name, value in headers.items())]
        return json.loads(answer_body(self.port, ("\r\n".join(lines) + "\r\n\r\n").encode()))["data"]

    def sent(self, data: bytes, *, answers: int = 1, seconds: float = 5) -> tuple[list[Answer], bool]:
        """What `data` on a connection of its own to hypercorn is answered with, and whether that then ended it."""
        return exchanged(self.port, data, answers=answers, seconds=seconds)

    def metric(self, name: str) -> float:
        """A gauge without labels, as the ops port shows it at the moment."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ops_port}/metrics", timeout=10) as answer:
            found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
        assert found is not None
        return float(found[1])

    def assert_well(self) -> None:
        """Whoever behaves is served, and nothing has failed within."""
        for port in {self.port, self.rest_port}:
            answers, _ = exchanged(port, TIME, linger=0.001)
            assert [answer.status for answer in answers] == [200]
        assert "Traceback" not in self.processes.logs()


@contextmanager
def started(folder: Path, settings: Mapping[str, str]) -> Iterator[Standing]:
    """`omniaxs up` on free ports, until the end of the block."""
    processes = Processes(folder, {**WIDE, **settings})
    process = processes.start("up", "--json", "--port", "0", "--ops-port", "0", "--seed", "7")
    first = process.stdout.readline() if process.stdout else ""
    try:
        assert first, f"`omniaxs up --json` printed nothing:\n{processes.logs()}"
        yield Standing(json.loads(first), process.pid, processes)
    finally:
        processes.stop()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """With its feed, limits by address that nobody here reaches, and a REST listener of its own on uvicorn."""
    with started(
        tmp_path_factory.mktemp("up"), {"OMNIAXS_REST_SERVER": "uvicorn", "OMNIAXS_REST_PORT": "0"}
    ) as standing:
        yield standing


@pytest.fixture(scope="module")
def up_on_granian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """The same on granian."""
    with started(
        tmp_path_factory.mktemp("up"), {"OMNIAXS_REST_SERVER": "granian", "OMNIAXS_REST_PORT": "0"}
    ) as standing:
        yield standing
