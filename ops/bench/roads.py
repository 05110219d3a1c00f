"""The order road as it is run: `omniaxs up` alone, or the processes of the cluster profile on real services."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient

from ops.bench.bars import Services
from ops.bench.contender import free_port
from ops.bench.http_load import answer_body
from ops.bench.order_load import SYMBOL, Trader
from ops.bench.signing import signed
from ops.processes.commands.port import EXIT_TEMPORARY, CommandFailed
from ops.processes.commands.registry import COMMANDS
from ops.processes.platform import Platform, opened_platform
from ops.runtime.settings import Settings, load_settings
from storage.models.tenants import ALL_SCOPES
from storage.reference_data.builtin import load_builtin

TRADERS: Final = 4
_PLENTY: Final = {
    "OMNIAXS_ORDERS_PER_SECOND": "1000000",
    "OMNIAXS_ORDERS_PER_DAY": "100000000",
    "OMNIAXS_LOG_LEVEL": "error",
}
_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "gateway": ("gateway",),
    "orders": ("streams", "--role", "orders"),
    "venues": ("streams", "--role", "venues"),
    "projection": ("streams", "--role", "projection"),
    "market": ("streams", "--role", "market"),
}
_ORDERS_PER_SECOND: Final = 10_000
_START_SECONDS: Final = 90.0
_AGAIN_SECONDS: Final = 0.2
_BELOW_THE_MARKET: Final = 0.98


@dataclass(frozen=True, slots=True)
class Road:
    """A running road. `port` is the gateway's; `processes` and `ops` give process ids and metrics ports by role; `settings`
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
def local_road() -> Iterator[Road]:
    """`omniaxs up` with its feed and the demonstration account, as in the README but for the limits of orders."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        arguments = ("up", "--json", "--port", "0", "--ops-port", "0", "--seed", "7")
        process = stack.enter_context(_started(folder, "up", arguments, {}))
        line = (process.stdout.readline() if process.stdout else b"") or b""
        if not line:
            raise RuntimeError(f"`omniaxs up` did not start:\n{_said(folder)}")
        up = json.loads(line)
        demo = up["demo"]
        trader = Trader(demo["account_id"], demo["tenant_id"], demo["api_key"], demo["api_secret"])
        pids, ops = {"up": process.pid}, {"up": _port_of(up["ops"])}
        road = Road(_port_of(up["http"]), pids, ops, (trader,))
        limits = ("accounts", "limits", trader.account_id, "--orders-per-second", str(_ORDERS_PER_SECOND))
        with _started(folder, "limits", limits, {}) as setting:
            setting.wait(_START_SECONDS)
        _await_quotes(road)
        yield road


@contextmanager
def cluster_road(services: Services) -> Iterator[Road]:
    """A process of each role, with topics and a database of its own, which are dropped at the end; the synthetic feed."""
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
        stack.callback(lambda: asyncio.run(_forget(settings)))
        asyncio.run(_set_up(settings))
        port = free_port()
        pids: dict[str, int] = {}
        ops: dict[str, int] = {}
        for role, arguments in _ROLES.items():
            ops[role] = free_port()
            own = {**variables, "OMNIAXS_PORT": str(port), "OMNIAXS_OPS_PORT": str(ops[role])}
            pids[role] = stack.enter_context(_started(folder, role, arguments, own)).pid
        stack.enter_context(_started(folder, "feed", ("feed", "synthetic"), variables))
        try:
            traders = asyncio.run(_traders(settings))
            road = Road(port, pids, ops, traders, settings)
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


async def command(platform: Platform, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The last event of a command."""
    last: dict[str, Any] = {}
    async for event in COMMANDS[name](platform, dict(arguments)):
        last = event
    return last


@contextmanager
def _started(
    folder: Path, name: str, arguments: tuple[str, ...], variables: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """An `omniaxs` process that sees none of our own settings; killed at the end."""
    outside = {key: value for key, value in os.environ.items() if not key.startswith("OMNIAXS_")}
    with (folder / f"{name}.log").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "ops.cli", *arguments],
            cwd=folder,
            env={**outside, **_PLENTY, **variables},
            stdout=subprocess.PIPE if name == "up" else subprocess.DEVNULL,
            stderr=errors,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


async def _set_up(settings: Settings) -> None:
    async with opened_platform(settings) as platform:
        for name in ("db.migrate", "topics.apply"):
            await command(platform, name, {})
        builtin = load_builtin()
        instruments = [one.model_dump(mode="json") for one in builtin.instruments.values()]
        calendars = [one.model_dump(mode="json") for one in builtin.calendars.values()]
        await command(platform, "markets.load", {"instruments": instruments, "calendars": calendars})


async def _traders(settings: Settings) -> tuple[Trader, ...]:
    async with opened_platform(settings) as platform, asyncio.timeout(_START_SECONDS):
        return tuple([await _trader(platform, number) for number in range(TRADERS)])


async def _trader(platform: Platform, number: int) -> Trader:
    """With a key and an open account; processes that are still starting are waited for."""
    wanted = {"tenant_name": f"bench {number}", "scopes": list(ALL_SCOPES)}
    key = await command(platform, "keys.create", wanted)
    while True:
        try:
            opening = {"tenant_id": key["tenant_id"], "deposit": "1000000000"}
            opened = await command(platform, "accounts.open", opening)
        except CommandFailed as failed:
            if failed.exit_code != EXIT_TEMPORARY:
                raise
        else:
            break
    account_id = str(opened["account_id"])
    while True:  # until the read model has the account
        try:
            limits = {"orders_per_second": _ORDERS_PER_SECOND}
            await command(platform, "accounts.limits", {"account_id": account_id, "limits": limits})
        except CommandFailed:
            await asyncio.sleep(_AGAIN_SECONDS)
        else:
            return Trader(account_id, key["tenant_id"], key["key_id"], key["api_secret"])


def _await_quotes(road: Road) -> None:
    until = time.monotonic() + _START_SECONDS
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


async def _forget(settings: Settings) -> None:
    """Drop the topics and the database."""
    async with opened_platform(settings) as platform:
        await platform.store.client.drop_database(platform.store.database.name)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.log_url.removeprefix("kafka://"))
    await admin.start()
    try:
        names = await admin.list_topics()
        await admin.delete_topics([name for name in names if name.startswith(settings.topic_prefix)])
    finally:
        await admin.close()
