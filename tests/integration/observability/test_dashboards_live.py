"""Every expression of every dashboard and rule, asked of a real Prometheus that scrapes a running local profile."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ops.cli.signing import Credentials
from tests.e2e.conftest import Processes
from tests.e2e.people_path import Hub, Person
from tests.integration.observability.prometheus import Prometheus, eventually, expressions, programs
from tests.integration.observability.traffic import Client
from tests.unit.observability.test_dashboards_and_rules import DASHBOARDS, alerts, metrics_in

pytestmark = pytest.mark.timeout(240)
ROUNDS = 12
SERIES_SECONDS = 30
ZERO = " or on () vector(0)"


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that scrapes `omniaxs up` while clients are at work."""
    programs()
    processes = Processes(tmp_path_factory.mktemp("up"), {"OMNIAXS_AUTH_REQUESTS_PER_MINUTE": "1000"})
    started = processes.start("up", "--json", "--port", "0", "--ops-port", "0", "--seed", "7")
    first = started.stdout.readline() if started.stdout else ""
    try:
        assert first, processes.logs()
        up = json.loads(first)
        with Prometheus(tmp_path_factory.mktemp("prometheus"), {"up": up["ops"]}).running() as prometheus:
            eventually(lambda: prometheus.query("omniaxs_process_ready == 1"), 20, "a process that is ready")
            work(processes, up)
            yield prometheus
    finally:
        processes.stop()


def work(processes: Processes, up: dict) -> None:
    """Everything that clients and operators do, some of it before and some after Prometheus has seen it begin."""
    demo = up["demo"]
    client = Client(Credentials(up["http"], demo["api_key"], demo["api_secret"]))
    hub = Hub(up["http"], lambda address: [mail for mail in httpx.get(up["inbox"]).json() if mail["to"] == address])
    with client.listening():
        for _ in range(ROUNDS):
            client.round()
        mails = len(hub.mails(demo["user"]["email"]))
        Person(hub, demo["user"]["email"], demo["user"]["password"], codes=mails).log_in()
        for fault in ("refuse", "none"):
            done = processes.run("connectors", "fault", "sim-a", fault)
            assert done.returncode == 0, done.stderr
            client.order(type="market")
        eventually(
            lambda: client.order(type="market").status_code == 200, 15, "an order that the connector takes again"
        )
        for _ in range(ROUNDS):
            client.round()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_expression_of_a_dashboard_returns_series(scraped: Prometheus, path: Path) -> None:
    """Where nothing is the good answer the expression says `or on () vector(0)`; then processes must tell about its metrics at least."""
    told = scraped.known()
    for title, expression in expressions(json.loads(path.read_text())):
        wanted, _, _ = expression.rpartition(ZERO)
        if wanted:
            names = {name.removesuffix("_bucket") for name in metrics_in(wanted)} - {"ALERTS"}
            assert names <= told, f"{title}: nobody tells about {names - told}"
        eventually(lambda: scraped.query(expression), SERIES_SECONDS, f"{title} {expression}")  # noqa: B023


def test_every_rule_is_healthy_and_its_metrics_are_told_about(scraped: Prometheus) -> None:
    def evaluated() -> list[dict] | None:
        rules = scraped.rules()
        return rules if rules and all(rule["health"] == "ok" for rule in rules) else None

    rules = eventually(evaluated, 20, "every rule evaluated without an error")
    assert {rule["name"] for rule in rules} == {alert["alert"] for alert in alerts()}
    names = {name.removesuffix("_bucket") for alert in alerts() for name in metrics_in(alert["expr"])}
    assert names - scraped.known() == {"up"}


def test_a_platform_that_is_well_raises_nothing_critical(scraped: Prometheus) -> None:
    """A scrape that came late on a busy machine may do so for a moment."""
    critical = 'ALERTS{alertstate="firing", severity="critical"}'
    eventually(lambda: not scraped.query(critical), SERIES_SECONDS, "no critical alert")
