"""Every benchmark runs, small and without the peers that are not Python. No figure is asserted: machines differ."""

import json
from collections.abc import Callable, Iterable

import pytest
from rich.console import Console

from ops.bench import (
    bars,
    connections,
    decisions,
    fanout,
    flood,
    halts,
    latency,
    login_timing,
    orders,
    recovery,
    rest,
    slow_reader,
    streams,
)
from ops.bench.report import Report
from ops.bench.scale import Scale
from storage.models.controls import HALT_SCOPES

TINY = Scale(
    rounds=1,
    seconds=0.2,
    clients=(3, 5),
    readers=3,
    connections=10,
    trades=3_000,
    records=1_000,
    peers=False,
    warm_up=0.2,
)


@pytest.mark.parametrize("benchmark", [rest.benchmark, latency.benchmark, connections.benchmark, slow_reader.benchmark])
def test_a_table_with_ours_in_it(benchmark: Callable[[Scale], Iterable[Report]], tmp_path) -> None:
    reports = list(benchmark(TINY))

    assert reports
    for report in reports:
        assert any(str(row["contender"]).startswith("ours") for row in report.rows)
        assert all(row.get(column) is not None for row in report.rows for column in report.columns)
        report.show(Console(quiet=True))
        assert json.loads(report.write(tmp_path).read_text())["rows"] == list(report.rows)


def test_the_fan_out_has_a_row_for_each_number_of_clients_and_contender() -> None:
    steady, bursts = fanout.benchmark(TINY)

    assert (steady.name, bursts.name) == ("fan-out-steady", "fan-out-bursts")
    assert [row["clients"] for row in steady.rows] == [3, 3, 5, 5]
    assert all(row["messages a second"] for row in (*steady.rows, *bursts.rows))


def test_thousands_of_clients_are_connected_to_a_contender_of_their_own() -> None:
    scale = Scale(rounds=3, seconds=1.0)

    assert fanout.started_together(scale) == [([50, 200, 1_000], 3), ([5_000], 2)]
    assert fanout.load_for("steady", 200) == fanout.LOADS["steady"]
    assert (fanout.load_for("steady", 5_000).every, fanout.load_for("bursts", 5_000).every) == (250, 1_000)


def test_decisions() -> None:
    (decided,) = decisions.benchmark(TINY)

    assert [row["open orders"] for row in decided.rows] == [held for held in decisions.OPEN_ORDERS for _ in range(2)]
    assert all(row["decisions a CPU second"] for row in decided.rows)


def test_a_partition_is_recovered_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HUB_TEST_KAFKA", "OMNIAXS_LOG_URL"):
        monkeypatch.delenv(name, raising=False)
    (recovered,) = recovery.benchmark(TINY)

    assert [(row["log"], row["records"]) for row in recovered.rows] == [
        ("memory", 10),
        ("memory", 100),
        ("memory", 1_000),
    ]


@pytest.mark.kafka
@pytest.mark.mongo
def test_a_partition_is_recovered_through_the_real_services(kafka_address: str, mongo_url: str) -> None:
    (recovered,) = recovery.benchmark(TINY, bars.Services(kafka_address, mongo_url))

    assert [row["log"] for row in recovered.rows] == ["memory", "Kafka"] * 3
    assert all(row["seconds"] and row["CPU / memory"] for row in recovered.rows)


@pytest.mark.long
@pytest.mark.kafka
@pytest.mark.mongo
def test_streams_share_their_partitions(kafka_address: str, mongo_url: str) -> None:
    (report,) = streams.benchmark(TINY, bars.Services(kafka_address, mongo_url))

    assert [(row["partitions"], row["processes"]) for row in report.rows] == [(1, 1), (8, 2)]
    assert all(row["CPU us a trade"] and row["trades a second"] for row in report.rows)


def test_orders_of_the_local_profile_beside_the_naive_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HUB_TEST_KAFKA", "OMNIAXS_LOG_URL"):
        monkeypatch.delenv(name, raising=False)
    for _ in range(3):  # quotes may go stale where there is no processor to spare
        answers, reads = orders.benchmark(TINY)
        if not any(row["not accepted"] for row in answers.rows):
            break

    assert [row["contender"] for row in answers.rows] == [
        name for name in (orders.LOCAL, orders.NAIVE) for _ in orders.RATES[orders.LOCAL]
    ]
    assert all(row["answer p50 ms"] and row["not accepted"] == 0 for row in answers.rows)
    assert [row["contender"] for row in reads.rows] == [orders.LOCAL for _ in orders.RATES[orders.LOCAL]]


def test_a_flood_beside_orders_of_the_local_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HUB_TEST_KAFKA", "OMNIAXS_LOG_URL"):
        monkeypatch.delenv(name, raising=False)
    floods = (flood.FLOODS[0], flood.FLOODS[-1])
    for _ in range(3):
        (report,) = flood.benchmark(TINY, floods, ["uvicorn for REST"])
        if not report.rows[0]["orders not accepted"]:
            break

    assert [row["flood"] for row in report.rows] == [
        flood.QUIET.name,
        *(one.name for one in floods),
        flood.QUIET_AGAIN.name,
    ]
    assert all(row.get(column) is not None for row in report.rows for column in report.columns)
    assert [row["refused as"] for row in report.rows] == [
        "-",
        "auth.credentials_missing",
        "auth.credentials_missing",
        "-",
    ]
    assert report.rows[0]["orders not accepted"] == 0


@pytest.mark.long
@pytest.mark.kafka
@pytest.mark.mongo
@pytest.mark.timeout(300)
def test_orders_refuse_while_halted_over_the_real_services(kafka_address: str, mongo_url: str) -> None:
    (report,) = halts.benchmark(TINY, bars.Services(kafka_address, mongo_url))

    assert [row["scope"] for row in report.rows] == list(HALT_SCOPES)
    assert all(row["first refusal ms"] is not None and row["accepted after"] == 0 for row in report.rows)


@pytest.mark.kafka
@pytest.mark.mongo
def test_bars_through_the_real_services(kafka_address: str, mongo_url: str) -> None:
    (report,) = bars.benchmark(TINY, bars.Services(kafka_address, mongo_url))

    assert [row["contender"] for row in report.rows] == [bars.BARE, bars.PLAIN, bars.OURS]
    assert all(row["trades a CPU second"] for row in report.rows)


def test_bars_are_left_out_in_words_without_services() -> None:
    assert bars.services_of({"OMNIAXS_LOG_URL": "memory://", "OMNIAXS_STORE_URL": "mongomock://"}) is None


def test_the_settings_name_the_services_before_those_of_the_tests() -> None:
    named = {"OMNIAXS_LOG_URL": "kafka://a:1", "OMNIAXS_STORE_URL": "mongodb://b"}

    assert bars.services_of({**named, "HUB_TEST_KAFKA": "c:1", "HUB_TEST_MONGO": "d"}) == bars.Services(
        "a:1", "mongodb://b"
    )
    assert bars.services_of({"HUB_TEST_KAFKA": "c:1", "HUB_TEST_MONGO": "d"}) == bars.Services("c:1", "d")


def test_refused_logins_take_turns_and_get_the_answer_that_is_measured() -> None:
    (report,) = login_timing.benchmark(TINY, "mongomock://")

    assert [row["contender"] for row in report.rows][:2] == [login_timing.BASE, login_timing.AGAIN]
    assert len(report.rows) == 5
    assert all(float(row["ms"]) > 0 and float(row["CPU ms"]) > 0 for row in report.rows)
    assert report.rows[0]["apart ms"] == 0
