"""Recorded markets through the cluster profile's own processes, read back over signed REST: every expected cell."""

import csv
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import yaml

from ops.bench.ports import free_port
from ops.cli.signing import Credentials, signed_headers
from ops.runtime.timestamps import parse_timestamp
from storage.reference_data.builtin import load_builtin

pytestmark = [pytest.mark.long, pytest.mark.kafka, pytest.mark.mongo, pytest.mark.data, pytest.mark.timeout(400)]

BINANCE = {
    "crypto/binance_spot_btcusdt_20240808": ("BTCUSDT", "BTCUSDT.BINANCE"),
    "crypto/binance_spot_ethusdt_20240808": ("ETHUSDT", "ETHUSDT.BINANCE"),
    "futures/binance_usdm_btcusdt_20240808": ("BTCUSDT", "BTCUSDT-PERP.BINANCE"),
    "futures/binance_coinm_btcusd_perp_20240808": ("BTCUSD_PERP", "BTCUSD-PERP.BINANCE"),
}
REGULAR_HOURS = "XXX-RTH.US"
FOUR_HOURS_MS = 4 * 3_600_000
LONGEST_SECONDS = 120


@dataclass(frozen=True)
class Expected:
    """One expected bar file: how its rows are found on the platform."""

    path: Path
    timeframe: str
    suffix: str
    symbol: str | None
    behind_ms: int = 0

    def rows(self) -> dict[str, list[tuple[Decimal, ...]]]:
        """Platform symbol -> rows of start (ms, UTC), open, high, low, close, volume, notional, trades."""
        rows: dict[str, list[tuple[Decimal, ...]]] = {}
        with self.path.open() as file:
            header, *lines = csv.reader(file)
        named = header[0] != "bar_start_ms"
        for line in lines:
            symbol = f"{line[0]}.{self.suffix}" if named else str(self.symbol)
            cells = [Decimal(cell) for cell in (line[1:] if named else line)]
            rows.setdefault(symbol, []).append((cells[0] + self.behind_ms, *cells[1:]))
        return rows


def expected_files(data: Path) -> Iterator[Expected]:
    names = {name.rpartition("/")[2]: symbol for name, (_, symbol) in BINANCE.items()}
    names |= {"binance_spot_xrpeth_20191011_13": "XRPETH.BINANCE", "taq_xxx_20180102.all": "XXX.US"}
    names["taq_xxx_20180102.rth"] = REGULAR_HOURS
    for path in sorted((data / "expected").glob("*.csv")):
        name, _, timeframe = path.stem.rpartition(".")
        if timeframe == "book_end_top20":
            continue
        behind = FOUR_HOURS_MS if name.startswith("taq_multi") else 0
        yield Expected(path, timeframe, "US" if behind else "BETFAIR", names.get(name), behind)


@pytest.fixture
def served(cluster, shared_data: Path, tmp_path: Path) -> list[httpx.Client]:
    """A market processor, two gateways and the whole recorded data, replayed in one merged command and a second one."""
    builtin = load_builtin()
    regular = builtin.instruments["XXX.US"].model_copy(update={"symbol": REGULAR_HOURS})
    instruments = [item.model_dump(mode="json") for item in (*builtin.instruments.values(), regular)]
    (tmp_path / "instruments.yaml").write_text(yaml.safe_dump({"instruments": instruments}))
    loaded = cluster.run("markets", "load", str(tmp_path / "instruments.yaml"))
    assert loaded.returncode == 0, loaded.stderr

    cluster.start("streams", "--role", "market")
    ports = [_start_gateway(cluster) for _ in range(2)]
    replay = ["feed", "replay"]
    formats, symbols = [], []
    for name, (source, symbol) in BINANCE.items():
        replay.append(str(shared_data / f"{name}.raw.jsonl.gz"))
        formats.append("binance-raw")
        symbols.append(f"{source}={symbol}")
    for name, file_format, mapped in (
        ("crypto/binance_spot_xrpeth_20191011_13.trades.csv.gz", "xrpeth", ["XRPETH=XRPETH.BINANCE"]),
        ("equity/taq_xxx_20180102.trades.csv.gz", "taq", ["XXX=XXX.US"]),
        ("equity/taq_multi_20140917.trades.csv.gz", "taq-multi", [f"{name}={name}.US" for name in ("ETF", "AAA", "BBB")]),
        ("prediction/betfair_1.181223994.ltp.csv.gz", "ltp", _selections(builtin.instruments)),
    ):  # fmt: skip
        replay.append(str(shared_data / name))
        formats.append(file_format)
        symbols += mapped
    for flag, values in (("--format", formats), ("--symbol", symbols)):
        for value in values:
            replay += [flag, value]
    done = cluster.run(*replay, "--json", seconds=200)
    assert done.returncode == 0, done.stderr
    taq = str(shared_data / "equity/taq_xxx_20180102.trades.csv.gz")
    done = cluster.run("feed", "replay", taq, "--format", "taq", "--symbol", f"XXX={REGULAR_HOURS}", "--session", "rth")
    assert done.returncode == 0, done.stderr
    return [httpx.Client(base_url=f"http://127.0.0.1:{port}") for port in ports]


def test_every_expected_bar_and_book_is_served_after_a_merged_replay(cluster, served, shared_data: Path) -> None:
    key = json.loads(cluster.run("keys", "create", "--tenant-name", "e2e", "--json").stdout)
    calls = _Signed(key)
    deadline = time.monotonic() + LONGEST_SECONDS
    for expected in expected_files(shared_data):
        for symbol, rows in expected.rows().items():
            target = f"/v1/bars?symbol={symbol}&timeframe={expected.timeframe}&limit=5000"
            found = calls.until(served[0], target, lambda data, rows=rows: _cells(data["bars"]) == rows, deadline)
            assert _cells(found["bars"]) == rows, (expected.path.name, symbol)
    for name, (_, symbol) in BINANCE.items():
        book = _book(shared_data / "expected" / f"{name.rpartition('/')[2]}.book_end_top20.csv")
        for gateway in served:
            target = f"/v1/quotes?symbols={symbol}&depth=20"
            found = calls.until(gateway, target, lambda data, book=book: _levels(data) == book, deadline)
            assert _levels(found) == book, name
    letters = cluster.run("dead-letters", "list", "--json")
    assert (letters.returncode, letters.stdout) == (0, "")


class _Signed:
    """Signed reads with one key, signatures made by the CLI's own function in this process."""

    def __init__(self, key: dict) -> None:
        self._headers = lambda target: signed_headers(Credentials("", key["key_id"], key["api_secret"]), "GET", target)

    def until(self, client: httpx.Client, target: str, holds, deadline: float) -> dict:
        """The answer's data once `holds`, else the last one at the deadline."""
        while True:
            answer = client.get(target, headers=self._headers(target))
            if answer.status_code == 429:
                time.sleep(float(answer.headers["Retry-After"]))
                continue
            assert answer.status_code == 200, answer.text
            data = answer.json()["data"]
            if holds(data) or time.monotonic() > deadline:
                return data
            time.sleep(0.5)


def _start_gateway(cluster) -> int:
    port = free_port()
    cluster.start("gateway", "--port", str(port), OMNIAXS_MARKET_WEIGHT_PER_MINUTE="100000")
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/public/v1/time")
        except httpx.ConnectError:
            assert time.monotonic() < deadline, cluster.logs()
            time.sleep(0.2)
        else:
            return port


def _selections(instruments) -> list[str]:
    return [f"{symbol.partition('.')[0]}={symbol}" for symbol in instruments if symbol.endswith(".BETFAIR")]


def _cells(bars: list[dict]) -> list[tuple[Decimal, ...]]:
    return [
        (
            Decimal(parse_timestamp(bar["t"]) // 1_000_000),
            *(Decimal(bar[name]) for name in ("o", "h", "l", "c", "v", "notional")),
            Decimal(bar["trades"]),
        )
        for bar in bars
    ]


def _book(path: Path) -> dict[str, list[tuple[Decimal, Decimal]]]:
    book: dict[str, list[tuple[Decimal, Decimal]]] = {"bid": [], "ask": []}
    with path.open() as file:
        for row in csv.DictReader(file):
            book[row["side"]].append((Decimal(row["price"]), Decimal(row["size"])))
    return book


def _levels(data: dict) -> dict[str, list[tuple[Decimal, Decimal]]] | None:
    if not data["quotes"]:
        return None
    [quote] = data["quotes"]
    return {
        side: [(Decimal(price), Decimal(size)) for price, size in quote[field][:20]]
        for side, field in (("bid", "bids"), ("ask", "asks"))
    }
