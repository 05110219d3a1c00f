"""A platform of a benchmark's own on real services: set up, with accounts that may trade, and dropped again at the end."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient

from ops.bench.order_load import Trader
from ops.processes.commands.port import EXIT_TEMPORARY, CommandFailed
from ops.processes.commands.registry import COMMANDS
from ops.processes.platform import Platform, opened_platform
from ops.runtime.settings import Settings
from storage.models.tenants import ALL_SCOPES
from storage.reference_data.builtin import load_builtin

PLENTY: Final = {
    "OMNIAXS_ORDERS_PER_SECOND": "1000000",
    "OMNIAXS_ORDERS_PER_DAY": "100000000",
    "OMNIAXS_LOG_LEVEL": "error",
}
START_SECONDS: Final = 180.0
ORDERS_PER_SECOND: Final = 10_000
_AGAIN_SECONDS: Final = 0.2


async def command(platform: Platform, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The last event of a command."""
    last: dict[str, Any] = {}
    async for event in COMMANDS[name](platform, dict(arguments)):
        last = event
    return last


@contextmanager
def started(
    folder: Path, name: str, arguments: tuple[str, ...], variables: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """An `omniaxs` process that sees none of our own settings; killed at the end."""
    outside = {key: value for key, value in os.environ.items() if not key.startswith("OMNIAXS_")}
    with (folder / f"{name}.log").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "ops.cli", *arguments],
            cwd=folder,
            env={**outside, **PLENTY, **variables},
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


async def set_up(settings: Settings) -> None:
    """Indexes, topics and the built-in instruments."""
    async with opened_platform(settings) as platform:
        for name in ("db.migrate", "topics.apply"):
            await command(platform, name, {})
        builtin = load_builtin()
        instruments = [one.model_dump(mode="json") for one in builtin.instruments.values()]
        calendars = [one.model_dump(mode="json") for one in builtin.calendars.values()]
        await command(platform, "markets.load", {"instruments": instruments, "calendars": calendars})


async def open_traders(settings: Settings, count: int) -> tuple[Trader, ...]:
    """Accounts with money and a key each. The order core must be starting or running."""
    async with opened_platform(settings) as platform, asyncio.timeout(START_SECONDS):
        return tuple([await _trader(platform, number) for number in range(count)])


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
            limits = {"orders_per_second": ORDERS_PER_SECOND}
            await command(platform, "accounts.limits", {"account_id": account_id, "limits": limits})
        except CommandFailed:
            await asyncio.sleep(_AGAIN_SECONDS)
        else:
            return Trader(account_id, key["tenant_id"], key["key_id"], key["api_secret"])


async def forget(settings: Settings) -> None:
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
