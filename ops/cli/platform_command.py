"""Runs a command over log and store: here when they are servers, else inside the `omniaxs up` that holds them."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from ops.processes.commands.port import EXIT_FAILED, EXIT_UNAVAILABLE, CommandFailed
from ops.processes.up_file import UP_FILE, Up, read_up_file
from ops.runtime.logs import configure_logs
from ops.runtime.settings import Settings, load_settings

Event = dict[str, Any]
NO_END = httpx.Timeout(5.0, read=None)  # a tail has no end


def run_command(name: str, arguments: Mapping[str, Any], show: Callable[[Event], None], *, as_json: bool) -> None:
    """Run `name` and hand each of its events to `show` (or print it as one JSON line).

    Raises `CommandFailed`, also when log or store are in-process and no `omniaxs up` runs (exit code 69).
    """
    settings = load_settings()
    output = print_json if as_json else show
    if settings.local_log or settings.local_store:
        _run_in_up(name, arguments, output)
    else:
        configure_logs("warning", "text", "cli")
        asyncio.run(_run_here(settings, name, arguments, output))


def print_json(event: Event) -> None:
    """One event as one line on standard output."""
    print(json.dumps(event, separators=(",", ":")), flush=True)


async def _run_here(
    settings: Settings, name: str, arguments: Mapping[str, Any], output: Callable[[Event], None]
) -> None:
    from ops.processes.commands.registry import COMMANDS  # noqa: PLC0415  (every part of the platform: half a second)
    from ops.processes.platform import opened_platform  # noqa: PLC0415

    async with opened_platform(settings) as platform:
        async for event in COMMANDS[name](platform, arguments):
            output(event)


def _run_in_up(name: str, arguments: Mapping[str, Any], output: Callable[[Event], None]) -> None:
    up = read_up_file()
    if up is None:
        raise CommandFailed(
            f"log and store are in-process (memory://, mongomock://) and no `omniaxs up` runs here ({UP_FILE} is missing): "
            "start `omniaxs up`, or set OMNIAXS_LOG_URL and OMNIAXS_STORE_URL",
            EXIT_UNAVAILABLE,
        )
    try:
        _stream(up, name, arguments, output)
    except httpx.ConnectError:
        raise CommandFailed(
            f"`omniaxs up` does not answer on {up.ops}: is it still running? (remove {UP_FILE} if not)",
            EXIT_UNAVAILABLE,
        ) from None


def _stream(up: Up, name: str, arguments: Mapping[str, Any], output: Callable[[Event], None]) -> None:
    headers = {"Authorization": f"Bearer {up.ops_token}"}
    with httpx.stream(
        "POST", f"{up.ops}/commands/{name}", json=dict(arguments), headers=headers, timeout=NO_END
    ) as answer:
        for line in answer.iter_lines():
            message = json.loads(line)
            if "event" in message:
                output(message["event"])
            elif "failed" in message:
                raise CommandFailed(message["failed"], message.get("exit_code", EXIT_FAILED))
            else:
                return
    raise CommandFailed("`omniaxs up` ended before the command did", EXIT_FAILED)
