"""Log and store go away under running processes and come back: everything goes on, and nobody has to do anything."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from ops.bench.ports import free_port, port_block
from ops.cli.signing import Credentials, signed_headers

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.mongo, pytest.mark.timeout(300)]
STORE_AWAY, LOG_AWAY = (10, 35) if os.environ.get("FAULTS") == "all" else (6, 12)
LONGEST_SECONDS = 90


class Service:
    """A real service of this test's own, by the scripts beside the recorded data."""

    def __init__(self, name: str, scripts: Path, folder: Path) -> None:
        self._script, self._folder = scripts / f"{name}.sh", folder / name
        self.port = port_block(2)  # a broker takes the next one too
        programs = Path(os.environ.get("SERVICES_DIR", str(Path(tempfile.gettempdir()) / "hub-services")))
        self._library = os.environ.get("KAFKA_LIB", str(programs / "kafka"))

    def do(self, verb: str, *arguments: str) -> None:
        done = subprocess.run(
            ["bash", str(self._script), verb, str(self._folder), *arguments],
            env=os.environ | {"KAFKA_LIB": self._library},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        self.do("start", str(self.port))

    def away(self, seconds: float) -> None:
        """Killed, and started again after `seconds`: what is tested is that the outage lasts."""
        self.do("kill9")
        time.sleep(seconds)
        self.start()


@pytest.fixture
def services(kafka_address, mongo_url, shared_data: Path, tmp_path: Path) -> Iterator[tuple[Service, Service]]:
    """A Kafka and a store that this test may kill (the shared ones are only asked for to skip or fail like the others)."""
    del kafka_address, mongo_url
    scripts = shared_data.parent / "services"
    kafka, mongo = Service("kafka", scripts, tmp_path), Service("mongo", scripts, tmp_path)
    mongo.do("install")
    kafka.start()
    mongo.start()
    yield kafka, mongo
    kafka.do("kill9")
    mongo.do("kill9")


def test_processes_go_on_by_themselves_after_an_outage_of_store_and_of_log(services, processes) -> None:
    kafka, mongo = services
    processes.environment = {
        "OMNIAXS_LOG_URL": f"kafka://127.0.0.1:{kafka.port}",
        "OMNIAXS_STORE_URL": f"mongodb://127.0.0.1:{mongo.port}/?directConnection=true",
        "OMNIAXS_OPS_PORT": "0",
    }
    for command in (("db", "migrate"), ("topics", "apply"), ("markets", "load")):
        assert processes.run(*command).returncode == 0
    key = json.loads(processes.run("keys", "create", "--tenant-name", "outage", "--json").stdout)
    port = free_port()
    for command in (("gateway", "--port", str(port)), ("streams", "--role", "market"), ("feed", "synthetic")):
        processes.start(*command)
    served = _Served(port, Credentials("", key["key_id"], key["api_secret"]))
    _until(lambda: served.prints() > 0, processes)

    mongo.away(STORE_AWAY)
    _moves_again(served, processes)
    kafka.away(LOG_AWAY)
    _moves_again(served, processes)


class _Served:
    """What a client sees of one symbol that never closes."""

    def __init__(self, port: int, caller: Credentials) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)
        self._caller = caller

    def prints(self) -> int:
        """How many trades its daily bars hold; 0 while nothing can be read."""
        target = "/v1/bars?symbol=BTCUSDT.BINANCE&timeframe=1d"
        try:
            answer = self._client.get(target, headers=signed_headers(self._caller, "GET", target))
        except httpx.TransportError:
            return 0
        return sum(bar["trades"] for bar in answer.json()["data"]["bars"]) if answer.status_code == 200 else 0

    def feed_state(self) -> str:
        target = "/v1/quotes?symbols=BTCUSDT.BINANCE"
        try:
            answer = self._client.get(target, headers=signed_headers(self._caller, "GET", target))
        except httpx.TransportError:
            return ""
        return str(answer.json()["data"]["quotes"][0]["feed_state"]) if answer.status_code == 200 else ""


def _moves_again(served: _Served, processes) -> None:
    seen: list[int] = []
    _until(lambda: (count := served.prints()) > 0 and not seen.append(count), processes)
    _until(lambda: served.prints() > seen[0] + 20, processes)
    _until(lambda: served.feed_state() == "live", processes)


def _until(holds: Callable[[], bool], processes) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not holds():
        assert time.monotonic() < deadline, processes.logs()[-6_000:]
        time.sleep(0.5)
