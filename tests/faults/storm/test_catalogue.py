"""Every fault of the catalogue finds something to touch, and the faults that the specification names are there."""

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.faults.order_road.fleet import Fleet
from tests.faults.storm.catalogue import CATALOGUE, label
from tests.faults.storm.driver import Driver
from tests.faults.storm.scene import targets_of


def _targets(folder: Path) -> list[str]:
    return targets_of(Fleet(folder, {}), with_disk=True)


def test_every_fault_touches_something(tmp_path: Path) -> None:
    targets = _targets(tmp_path)
    assert [fault.name for fault in CATALOGUE if not any(map(fault.may_touch, targets))] == []
    assert [target for target in targets if not any(fault.may_touch(target) for fault in CATALOGUE)] == []


def test_what_must_be_survived_is_in_the_catalogue(tmp_path: Path) -> None:
    labels = {label(fault, target) for fault in CATALOGUE for target in _targets(tmp_path) if fault.may_touch(target)}
    assert labels >= {
        "SIGKILL gateway", "SIGKILL orders", "SIGKILL market", "SIGKILL projection", "SIGKILL venues", "SIGSTOP orders",
        "SIGKILL kafka", "restart kafka", "gone for 30 s kafka", "disk full kafka", "SIGSTOP kafka",
        "SIGKILL mongo", "SIGKILL redis", "flush redis", "no answer venue", "slow readers gateway", "clock 40 s on orders",
        "cut gateway-kafka", "hang from service orders-kafka", "latency gateway-mongo", "slow link projection-mongo",
        "reset gateway-redis", "slow close market-kafka", "limited data venues-kafka",
    }  # fmt: skip


def _driver(folder: Path, series: int) -> Driver:
    scene: Any = SimpleNamespace(targets=_targets(folder))
    return Driver(scene, CATALOGUE, [], random.Random(7), series)  # noqa: S311


def test_a_long_series_has_every_fault_once_before_any_comes_again(tmp_path: Path) -> None:
    driver = _driver(tmp_path, 240)
    alone = [driver.choose(1)[0][0] for _ in CATALOGUE]
    assert sorted(map(id, alone)) == sorted(map(id, CATALOGUE))
    assert alone != list(CATALOGUE)

    driver = _driver(tmp_path, 240)
    pairs = [driver.choose(2) for _ in range(len(CATALOGUE))]
    assert {id(fault) for pair in pairs for fault, _ in pair} == set(map(id, CATALOGUE))
    assert all(first != second for (_, first), (_, second) in pairs)


def test_a_seed_gives_the_same_faults_again(tmp_path: Path) -> None:
    first, second = _driver(tmp_path, 6), _driver(tmp_path, 6)
    assert [first.choose(2) for _ in range(20)] == [second.choose(2) for _ in range(20)]
