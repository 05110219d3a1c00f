"""A soak of half a minute, over the real services: everything runs, the load gets its answers, and nothing is left behind."""

from pathlib import Path

import pytest

from ops.bench.soak.outcome import Outcome
from ops.bench.soak.plan import Addresses, Plan
from ops.bench.soak.run import SAMPLES, soak
from ops.bench.soak.sampling import DESCRIPTORS, LAG, MEMORY, THREADS

PROCESSES = {"gateway-1", "gateway-2", "market", "orders", "venues", "projection", "workers", "feed"}
pytestmark = [pytest.mark.long, pytest.mark.kafka, pytest.mark.mongo, pytest.mark.redis, pytest.mark.timeout(500)]


def test_half_a_minute_under_load(kafka_address: str, mongo_url: str, redis_url: str, tmp_path: Path) -> None:
    said: list[str] = []
    addresses = Addresses(f"kafka://{kafka_address}", mongo_url, redis_url)

    outcome: Outcome = soak(Plan(30, logins=0.2, sample_seconds=3), addresses, tmp_path, said.append)

    assert said == ["8 processes are ready; 0.5 minutes begin"]
    assert not outcome.deaths
    series = outcome.series()
    assert {(process, kind) for process in PROCESSES for kind in (MEMORY, DESCRIPTORS, THREADS)} <= set(series)
    assert {process for process, kind in series if kind == LAG} == {"market", "orders", "venues", "projection"}
    assert len((tmp_path / SAMPLES).read_text().splitlines()) == len(outcome.samples) >= 3
    assert outcome.unexpected() == [], outcome.counts
