"""Faults of every kind in one cluster's life, alone and in random pairs, under load: nothing lost, doubled or unanswered.

Six short ones by default; `FAULTS=all` 240, or `STORM_INJECTIONS` of them, with a look at everything after every
`STORM_ROUND`. `STORM_SEED` chooses what happens to whom, in a series as long as the catalogue each of its faults first once;
`STORM_RATE` is how many writes are begun in a second. A broker's disk can be full only where a file system may be mounted; elsewhere
the report says that this was left out.
"""

import os
import random
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.order_road.checks import Told
from tests.faults.report import KINDS, Round, leave_out, reported
from tests.faults.storm.catalogue import CATALOGUE
from tests.faults.storm.driver import Driver
from tests.faults.storm.life import Life, Plan, opened_life

ALL = os.environ.get("FAULTS") == "all"
INJECTIONS = int(os.environ.get("STORM_INJECTIONS", "240" if ALL else "6"))
ROUND = int(os.environ.get("STORM_ROUND", "20" if ALL else "6"))
SEED = int(os.environ.get("STORM_SEED", "1"))
RATE = float(os.environ.get("STORM_RATE", "20" if ALL else "15"))
SMALL = ("gateway", "gateway", "orders", "market", "projection", "venues")
PLAN = Plan(("gateway", "orders", *SMALL) if ALL else SMALL, 12 if ALL else 5, RATE, SEED)
SHORT_SECONDS = 2.0
DISK_BYTES = 1 << 30
pytestmark = [
    pytest.mark.faults,
    pytest.mark.alone,
    pytest.mark.kafka,
    pytest.mark.mongo,
    pytest.mark.redis,
    pytest.mark.timeout(400 + 40 * INJECTIONS),
]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path | None]:
    """A file system for the broker alone; None where none may be mounted, or in a short series."""
    place = tmp_path / "kafka" / "node1"
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    if not ALL:
        yield None
        return
    done = subprocess.run(mount, check=False, capture_output=True, text=True)
    if done.returncode:
        leave_out("disk full kafka", f"no file system may be mounted here ({done.stderr.strip()})")
        yield None
        return
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.usefixtures("kafka_address", "mongo_url", "redis_url", "toxiproxy")
async def test_nothing_is_lost_doubled_or_unanswered_whatever_breaks(shared_data, tmp_path, disk, capsys) -> None:
    chance = random.Random(SEED)  # noqa: S311
    catalogue = CATALOGUE if ALL else tuple(fault.shortened(SHORT_SECONDS) for fault in CATALOGUE if fault.brief)
    scripts = shared_data.parent / "services"
    wrong = []
    async with opened_life(scripts, tmp_path, PLAN, disk) as life:
        driver = Driver(life.scene, catalogue, life.traders, chance, INJECTIONS)
        for number, first in enumerate(range(0, INJECTIONS, ROUND), 1):
            with reported("storm", SEED, number) as found:
                await life.trade(driver, min(ROUND, INJECTIONS - first), found)
                told = await life.look(found)
            with capsys.disabled():
                print(_said(life, told, found))  # noqa: T201
            wrong += found.wrong
            if wrong:
                break
        assert wrong == []


def _said(life: Life, told: Told, found: Round) -> str:
    asked = [one for trader in life.traders for one in trader.asked]
    seconds = sorted(one.seconds for one in asked)
    verdict = ", ".join(f"{kind} {sum(one.kind == kind for one in found.wrong)}" for kind in KINDS)
    faults = (
        f"{one.at[11:19]} {one.fault} ({one.target}, {one.seconds:.1f} s, silence {one.silence} s)"
        for one in found.injections
    )
    return "\n".join(
        [
            f"\nround {found.number}, seed {SEED}: {verdict}",
            *(f"  {fault}" for fault in faults),
            *(f"  {example}" for example in found.examples()),
            f"  writes {len(asked):,}, told unknown first {sum(one.unknown > 0 for one in asked):,}",
            f"  answers p50 {statistics.median(seconds) * 1000:.0f} ms, longest {seconds[-1]:.1f} s",
            f"  log: {told.count:,} records, {told.claims} claims, {told.ignored} of superseded owners",
            f"  trades to their subscriber {life.trades.count:,}, connections {life.trades.connections}",
            f"  ended by themselves and started again: {', '.join(map(str, life.ended)) or 'nobody'}",
        ]
    )
