"""The order road as it is run: `omniaxs up` alone, or the processes of the cluster profile on real services."""

import asyncio
import json
import secrets
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.bench.bars import Services
from ops.bench.cluster import ORDERS_PER_SECOND, START_SECONDS, forget, open_traders, set_up, started
from ops.bench.http_load import answer_body
from ops.bench.order_load import SYMBOL, Trader
from ops.bench.ports import free_port
from ops.bench.signing import signed
from ops.processes.commands.port import CommandFailed
from ops.processes.platform import Platform, opened_platform
from ops.runtime.settings import Settings, load_settings

TRADERS: Final = 4
_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "gateway": ("gateway",),
    "orders": ("streams", "--role", "orders"),
    "venues": ("streams", "--role", "venues"),
    "projection": ("streams", "--role", "projection"),
    "market": ("streams", "--role", "market"),
}
REST_ALONE: Final = {"OMNIAXS_REST_SERVER": "uvicorn"}
"""Settings of a gateway with a listener for REST of its own."""
AS_USUAL: Final[Mapping[str, str]] = {}
_AGAIN_SECONDS: Final = 0.2
_BELOW_THE_MARKET: Final = 0.98


@dataclass(frozen=True, slots=True)
class Road:
    """A running road. `port` is the gateway's for REST; `processes` and `ops` give process ids and metrics ports by role; `settings`
    reach log and store where those are outside the processes.
    """

    port: int
    processes: Mapping[str, int]
    ops: Mapping[str, int]
    traders: tuple[Trader, ...]
    settings: Settings | None = None

    def price(self) -> str:
        """Of an order that is accepted and not filled: two hundredths below the market."""
        target = f"/v1/quotes?symbols={SYMBOL}"
        path, _, query = target.partition("?")
        headers = signed(self.traders[0].key_id, self.traders[0].secret, path, query)
        lines = [f"GET {target} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {text}" for name, text in headers.items())]
        body = json.loads(answer_body(self.port, ("\r\n".join(lines) + "\r\n\r\n").encode()))
        return f"{float(body['data']['quotes'][0]['last']) * _BELOW_THE_MARKET:.1f}"

    def metrics(self, role: str) -> str:
        """What the role's process exposes at the moment."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ops[role]}/metrics", timeout=5) as answer:
            return str(answer.read().decode())


@contextmanager
def local_road(settings: Mapping[str, str] = AS_USUAL) -> Iterator[Road]:
    """`omniaxs up` with its feed and the demonstration account, as in the README but for the limits of orders and `settings`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        arguments = ("up", "--json", "--port", "0", "--ops-port", "0", "--seed", "7")
        variables = {"OMNIAXS_REST_PORT": "0", **settings}
        process = stack.enter_context(started(folder, "up", arguments, variables))
        line = (process.stdout.readline() if process.stdout else b"") or b""
        if not line:
            raise RuntimeError(f"`omniaxs up` did not start:\n{_said(folder)}")
        up = json.loads(line)
        demo = up["demo"]
        trader = Trader(demo["account_id"], demo["tenant_id"], demo["api_key"], demo["api_secret"])
        pids, ops = {"up": process.pid}, {"up": _port_of(up["ops"])}
        road = Road(_port_of(up["http"]), pids, ops, (trader,))
        limits = ("accounts", "limits", trader.account_id, "--orders-per-second", str(ORDERS_PER_SECOND))
        with started(folder, "limits", limits, {}) as setting:
            setting.wait(START_SECONDS)
        _await_quotes(road)
        yield road


@contextmanager
def cluster_road(services: Services, gateway: Mapping[str, str] = AS_USUAL) -> Iterator[Road]:
    """A process of each role, with topics and a database of its own, which are dropped at the end; the synthetic feed.
    `gateway`: more settings of the gateway.
    """
    name = f"bench{secrets.token_hex(4)}"
    variables = {
        "OMNIAXS_LOG_URL": f"kafka://{services.broker}",
        "OMNIAXS_STORE_URL": services.store_url,
        "OMNIAXS_STORE_DATABASE": name,
        "OMNIAXS_TOPIC_PREFIX": f"{name}.",
    }
    settings = load_settings(variables, env_file=Path("none"))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.callback(lambda: asyncio.run(forget(settings)))
        asyncio.run(set_up(settings))
        port, rest_port = free_port(), free_port()
        pids: dict[str, int] = {}
        ops: dict[str, int] = {}
        for role, arguments in _ROLES.items():
            ops[role] = free_port()
            ports = {"OMNIAXS_PORT": str(port), "OMNIAXS_REST_PORT": str(rest_port), "OMNIAXS_OPS_PORT": str(ops[role])}
            own = {**variables, **ports, **(gateway if role == "gateway" else AS_USUAL)}
            pids[role] = stack.enter_context(started(folder, role, arguments, own)).pid
        stack.enter_context(started(folder, "feed", ("feed", "synthetic"), variables))
        try:
            traders = asyncio.run(open_traders(settings, TRADERS))
            road = Road(rest_port if "OMNIAXS_REST_SERVER" in gateway else port, pids, ops, traders, settings)
            _await_quotes(road)
        except (TimeoutError, CommandFailed) as error:
            raise RuntimeError(f"the cluster profile did not start:\n{_said(folder)}") from error
        yield road


@asynccontextmanager
async def platform_of(road: Road) -> AsyncIterator[Platform]:
    """Log and store of a road, opened in this process. Raises `ValueError` where they live inside another."""
    if road.settings is None:
        raise ValueError("this road's log and store live inside its process")
    async with opened_platform(road.settings) as platform:
        yield platform


def _await_quotes(road: Road) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            road.price()
        except (OSError, LookupError, TypeError, ValueError) as error:
            if time.monotonic() > until:
                raise TimeoutError(f"no quote of {SYMBOL}") from error
            time.sleep(_AGAIN_SECONDS)
        else:
            return


def _port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1].split("/", maxsplit=1)[0])


def _said(folder: Path) -> str:
    return "\n".join(
        f"== {path.name}\n" + "\n".join(path.read_text().splitlines()[-8:]) for path in sorted(folder.glob("*.log"))
    )
