"""Owners as processes over real Kafka and MongoDB, killed and paused while they write: one record a command, one truth.

A small sample by default; `FAULTS=all` more of it. `OWNER_SEED` chooses who is killed when.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.faults.owners.house import PARTITIONS, Found, House, Process, check, check_claims, longest_pause
from tests.faults.report import reported

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.mongo, pytest.mark.timeout(900)]
ALL = os.environ.get("FAULTS") == "all"
KILLS, PAUSES = (20, 6) if ALL else (3, 1)
SEED = int(os.environ.get("OWNER_SEED", "1"))


@pytest.fixture
async def house(kafka_address: str, mongo_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with House(kafka_address, mongo_url, tmp_path) as made:
        yield made


@asynccontextmanager
async def under_load(house: House, chosen: random.Random) -> AsyncIterator[None]:
    stop = asyncio.Event()
    loading = asyncio.create_task(house.load(stop, chosen))
    try:
        yield
    finally:
        stop.set()
        await loading


def show(capsys: pytest.CaptureFixture[str], title: str, house: House, found: Found, **more: object) -> None:
    claiming = sorted(seconds for process in house.processes for seconds in process.claiming_seconds())
    figures = {
        "commands": found.commands,
        "valid": len(found.events),
        "claims": sum(map(len, found.claims.values())),
        "ignored records": found.ignored,
        "claimed and read up within": f"{claiming[len(claiming) // 2]:.2f} s (half of them), {claiming[-1]:.2f} s (all)",
        "longest pause of a partition": f"{longest_pause(found):.1f} s",
        **more,
    }
    with capsys.disabled():
        sys.stdout.write(f"\n{title}\n" + "".join(f"  {name:32} {value}\n" for name, value in figures.items()))


async def test_owners_that_are_killed_under_load_lose_and_double_nothing(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = random.Random(SEED)  # noqa: S311
    for _ in range(3):
        await house.start()
    await house.until("all partitions are owned", house.all_owned)
    taken_over = []
    with reported("owners", SEED) as injected:
        async with under_load(house, chosen):
            for _ in range(KILLS):
                await asyncio.sleep(chosen.uniform(0.2, 2.0))
                victim = chosen.choice([process for process in house.processes if process.lives and process.owns])
                injected.add("SIGKILL owner", victim.name)
                victim.process.kill()
                await victim.process.wait()
                victim.owns = {}
                taken_over.append(await house.until("the others own them all", house.all_owned))
                await house.start()
        await house.until_all_decided()
        await house.stop_all()
        found = await house.read()
        check(house, found)
        check_claims(house, found)
    show(
        capsys, f"{KILLS} owners killed (seed {SEED})", house, found,
        **{"taken over within": f"{max(taken_over):.1f} s (session 6 s), mean {sum(taken_over) / len(taken_over):.1f} s"},
    )  # fmt: skip


async def test_an_owner_that_wakes_up_after_its_session_says_nothing_that_counts(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = random.Random(SEED)  # noqa: S311
    for _ in range(2):
        await house.start()
    await house.until("all partitions are owned", lambda: house.all_owned() and all(p.owns for p in house.processes))
    paused_at: list[tuple[Process, dict[int, int]]] = []
    with reported("paused owners", SEED) as injected:
        async with under_load(house, chosen):
            for _ in range(PAUSES):
                await asyncio.sleep(chosen.uniform(0.5, 2.0))
                one = injected.add("SIGSTOP owner beyond its session")
                paused_at.append(await _pause(house, chosen))
                one.target = paused_at[-1][0].name
                await house.until("both own some", lambda: all(p.owns for p in house.processes) and house.all_owned())
        await house.until_all_decided()
        await house.stop_all()
        found = await house.read()
        check(house, found)
        check_claims(house, found)
        for process, owned in paused_at:
            for partition, epoch in owned.items():
                _nothing_counts_after_the_next_claim(found, partition, epoch)
                assert any(partition in {heard.get("revoked"), heard.get("asked")} for heard in process.said)
    late = sum(_appended_late(found, partition, epoch) for _, owned in paused_at for partition, epoch in owned.items())
    show(capsys, f"{PAUSES} owners paused and woken (seed {SEED})", house, found, **{"appended by a loser": late})


async def _pause(house: House, chosen: random.Random) -> tuple[Process, dict[int, int]]:
    """Stop one in the middle of writing until the other owns everything, then let it go on."""
    sleeper = chosen.choice([process for process in house.processes if process.owns])
    [other] = [process for process in house.processes if process is not sleeper]
    sleeper.process.send_signal(signal.SIGSTOP)
    owned, sleeper.paused = dict(sleeper.owns), True
    await house.until("the other owns them all", lambda: sorted(other.owns) == list(PARTITIONS))
    await asyncio.sleep(chosen.uniform(0.0, 1.0))
    sleeper.process.send_signal(signal.SIGCONT)
    sleeper.paused = False
    await house.until("the sleeper has heard", lambda: not set(owned.items()) & set(sleeper.owns.items()))
    return sleeper, owned


def _nothing_counts_after_the_next_claim(found: Found, partition: int, epoch: int) -> None:
    later = [claim.offset for claim in found.claims[partition] if claim.offset > epoch]
    assert later, f"nobody took {partition} over from {epoch}"
    assert not [
        record.offset
        for record in found.valid[partition]
        if record.offset > later[0] and dict(record.headers)["epoch"] == b"%d" % epoch
    ]


def _appended_late(found: Found, partition: int, epoch: int) -> int:
    """Records of the loser that came onto the log after the claim of its successor."""
    following = min(claim.offset for claim in found.claims[partition] if claim.offset > epoch)
    return sum(
        record.offset > following and (("epoch", b"%d" % epoch) in record.headers)
        for record in found.records[partition]
    )
