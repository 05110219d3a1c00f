"""How faults begin and end: each is a context manager of the scene and the name of what it touches."""

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.faults.order_road.people import command
from tests.faults.storm.ground import link_of
from tests.faults.storm.scene import Scene
from tests.faults.storm.stuck_readers import StuckReaders
from tests.faults.storm.toxiproxy import Stream

Toxic = tuple[str, Stream, dict[str, int]]
_BYTES_LEFT = 16_384


@asynccontextmanager
async def killed(scene: Scene, name: str) -> AsyncIterator[None]:
    """SIGKILL of a process, which is started again."""
    member = scene.member(name)
    await scene.fleet.kill(member)
    try:
        yield
    finally:
        await scene.fleet.launch(member)


@asynccontextmanager
async def stopped(scene: Scene, name: str) -> AsyncIterator[None]:
    """SIGSTOP of a process, then SIGCONT: after 6 s its group has given its partitions to others."""
    member = scene.member(name)
    member.send(signal.SIGSTOP)
    try:
        yield
    finally:
        member.send(signal.SIGCONT)


@asynccontextmanager
async def cut(scene: Scene, name: str) -> AsyncIterator[None]:
    """Connections of a link end, and new ones are refused."""
    link = link_of(*name.split("/"))
    await scene.ground.toxiproxy.cut(link)
    try:
        yield
    finally:
        await scene.ground.toxiproxy.join(link)


def poisoned(*toxics: Toxic) -> Callable[[Scene, str], AbstractAsyncContextManager[None]]:
    """A link with these toxics in it."""

    @asynccontextmanager
    async def within(scene: Scene, name: str) -> AsyncIterator[None]:
        link, toxiproxy = link_of(*name.split("/")), scene.ground.toxiproxy
        async with AsyncExitStack() as stack:
            for toxic, stream, attributes in toxics:
                await toxiproxy.poison(link, toxic, stream, attributes)
                stack.push_async_callback(toxiproxy.heal, link, toxic, stream)
            yield

    return within


@asynccontextmanager
async def service_killed(scene: Scene, name: str) -> AsyncIterator[None]:
    """SIGKILL of a service, which is started again on its data."""
    await scene.service(name).kill()
    try:
        yield
    finally:
        await scene.service(name).start()


@asynccontextmanager
async def service_restarted(scene: Scene, name: str) -> AsyncIterator[None]:
    """A service ends in order and is started again."""
    await scene.service(name).do("stop")
    await scene.service(name).start()
    yield


@asynccontextmanager
async def service_paused(scene: Scene, name: str) -> AsyncIterator[None]:
    """SIGSTOP of a service: it takes connections and answers nothing."""
    scene.service(name).pause()
    try:
        yield
    finally:
        scene.service(name).wake()


@asynccontextmanager
async def disk_full(scene: Scene, name: str) -> AsyncIterator[None]:
    """Nothing more fits on the broker's disk, which is its end; once there is room it is started again."""
    assert scene.disk is not None
    filler = scene.disk / "filler"
    try:
        _fill(scene.disk, filler)
        yield
    finally:
        filler.unlink(missing_ok=True)
        await scene.service(name).kill()  # if it has had nothing to write, and lives
        await scene.service(name).start()


def _fill(disk: Path, filler: Path) -> None:
    """Take what is free; the broker goes on writing meanwhile, so that the last of it is taken in smaller and smaller parts."""
    part, taken = 1 << 40, 0
    with filler.open("wb") as file:
        while part and (free := os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - _BYTES_LEFT) > 0:
            part = min(part, free)
            try:
                os.posix_fallocate(file.fileno(), taken, part)
                taken += part
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                part //= 2


@asynccontextmanager
async def emptied(scene: Scene, name: str) -> AsyncIterator[None]:
    """A Redis that forgets everything."""
    process = await asyncio.create_subprocess_exec(
        "redis-cli", "-p", str(scene.service(name).port), "flushall", stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0
    yield


def stepped(seconds: float) -> Callable[[Scene, str], AbstractAsyncContextManager[None]]:
    """The wall clock of a process is set on (or back), and set right again."""

    @asynccontextmanager
    async def within(scene: Scene, name: str) -> AsyncIterator[None]:
        scene.clocks.step(name, seconds)
        try:
            yield
        finally:
            scene.clocks.step(name, 0.0)

    return within


@asynccontextmanager
async def readers_stuck(scene: Scene, name: str) -> AsyncIterator[None]:
    """Subscribers of everything that read nothing, at one gateway; a third of the others read nothing either."""
    held = scene.followers[::3]
    for follower in held:
        follower.reading.clear()
    try:
        async with StuckReaders(scene.member(name).port, scene.keys):
            yield
    finally:
        for follower in held:
            follower.reading.set()


def venue_faulted(fault: str) -> Callable[[Scene, str], AbstractAsyncContextManager[None]]:
    """A connector of the simulated venue that answers nothing, or refuses everything."""

    @asynccontextmanager
    async def within(scene: Scene, name: str) -> AsyncIterator[None]:
        await command(scene.platform, "connectors.fault", {"connector": name, "fault": fault})
        try:
            yield
        finally:
            await command(scene.platform, "connectors.fault", {"connector": name, "fault": "none"})

    return within
