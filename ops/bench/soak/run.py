"""`python -m ops.bench soak`: starts everything, keeps the load up, samples, judges, draws, and leaves nothing behind."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ops.bench.cluster import START_SECONDS, forget, open_traders, set_up
from ops.bench.order_load import Trader
from ops.bench.soak.beats import begin_at
from ops.bench.soak.fleet import Fleet, is_ready, running_fleet
from ops.bench.soak.outcome import Outcome, Sample
from ops.bench.soak.people import Logins, Mailboxes, mail_server, register
from ops.bench.soak.plan import Addresses, Plan, settings_of
from ops.bench.soak.sampling import Sampler
from ops.bench.soak.subscribers import OrderWatcher, watch_market
from ops.bench.soak.told import LOAD, LOAD_AVERAGE, MACHINE, Told
from ops.bench.soak.trading import Trading
from ops.runtime.settings import Settings

SAMPLES = "soak-samples.jsonl"
Say = Callable[[str], None]
_LOOK_SECONDS = 0.5
_HTTP_SECONDS = 10.0


@dataclass(slots=True)
class Running:
    """Everything that runs: the fleet, what its load sees, and the samples so far."""

    plan: Plan
    fleet: Fleet
    folder: Path
    say: Say
    told: Told = field(default_factory=Told)
    samples: list[Sample] = field(default_factory=list)


def soak(plan: Plan, addresses: Addresses, folder: Path, say: Say) -> Outcome:
    """Run the plan; SIGINT or SIGTERM ends it early, with what there is by then. Logs and samples go to `folder`.

    Raises `RuntimeError` when the processes do not become ready.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with mail_server() as (mail_url, boxes):
        variables = addresses.variables(mail_url)
        settings = settings_of(variables)
        try:
            asyncio.run(set_up(settings))
            with running_fleet(folder, variables, plan) as fleet:
                running = Running(plan, fleet, folder, say)
                asyncio.run(_run(running, settings, boxes))
        finally:
            asyncio.run(forget(settings))
    return Outcome(plan, running.samples, dict(running.told.total), fleet.deaths)


async def _run(running: Running, settings: Settings, boxes: Mailboxes) -> None:
    plan = running.plan
    traders = await open_traders(settings, plan.traders)
    people = await register(settings)
    await asyncio.to_thread(_until_ready, running.fleet)
    running.say(f"{len(running.fleet.members)} processes are ready; {plan.seconds / 60:g} minutes begin")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=20)
    async with httpx.AsyncClient(timeout=_HTTP_SECONDS, limits=limits) as http:
        logins = Logins(http, running.fleet.gateways, people, boxes, running.told)
        load = asyncio.create_task(_load(running, http, traders, logins))
        watching = asyncio.create_task(_watch(running, stop))
        await asyncio.wait([load, watching], return_when=asyncio.FIRST_COMPLETED)
        for task in (load, watching):
            task.cancel()
        results = await asyncio.gather(load, watching, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _load(running: Running, http: httpx.AsyncClient, traders: tuple[Trader, ...], logins: Logins) -> None:
    """Until cancelled."""
    plan, gateways, told = running.plan, running.fleet.gateways, running.told
    trading = Trading(http, gateways, traders, told)
    async with asyncio.TaskGroup() as group:
        for number, trader in enumerate(traders):
            watcher = OrderWatcher(gateways[number % len(gateways)], trader, trading, told)
            group.create_task(watcher.watch())
        for gateway in gateways:
            for number in range(plan.subscribers):
                group.create_task(watch_market(gateway, traders[number % len(traders)], told))
        beats: list[tuple[float, str, Callable[[int], Awaitable[None]]]] = [
            (plan.orders, "order", trading.order),
            (plan.reads, "read", trading.read),
            (plan.logins, "login", logins.log_in),
        ]
        for rate, name, what in beats:
            group.create_task(begin_at(rate, name, what, told))


async def _watch(running: Running, stop: asyncio.Event) -> None:
    """Look for the dead, and take a sample when one is due, until the time is over or `stop`."""
    plan, fleet = running.plan, running.fleet
    sampler = Sampler(fleet)
    began = time.monotonic()
    due = plan.sample_seconds
    with (running.folder / SAMPLES).open("w") as lines:
        while (at := time.monotonic() - began) < plan.seconds and not stop.is_set():
            for death in fleet.look(at):
                running.say(f"{death.name} died after {at:.0f} s with {death.code}:\n{death.said}")
            if at >= due:
                due += plan.sample_seconds * (1 + int((at - due) / plan.sample_seconds))  # late ones are left out
                figures = await asyncio.to_thread(sampler.sample)
                machine = {LOAD_AVERAGE: os.getloadavg()[0]}
                sample = Sample(at, {**figures, LOAD: running.told.take(), MACHINE: machine})
                running.samples.append(sample)
                lines.write(json.dumps(sample.line()) + "\n")
                lines.flush()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)


def _until_ready(fleet: Fleet) -> None:
    until = time.monotonic() + START_SECONDS
    for member in fleet.members:
        while not is_ready(member):
            if time.monotonic() > until:
                raise RuntimeError(f"{member.name} was not ready within {START_SECONDS:g} s:\n{fleet.said(member)}")
            time.sleep(_LOOK_SECONDS)
