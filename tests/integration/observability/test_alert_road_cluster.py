"""A stream process is killed -> Prometheus' rule -> Alertmanager -> the platform's webhook -> an alert and a mail; then it is back."""

import secrets
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from ops.bench.ports import free_port
from tests.e2e.conftest import Processes
from tests.e2e.people_path import Hub, Person
from tests.integration.observability.prometheus import Alertmanager, Prometheus, eventually, programs

pytestmark = [
    pytest.mark.long,
    pytest.mark.kafka,
    pytest.mark.mongo,
    pytest.mark.redis,
    pytest.mark.timeout(300),
]
TOKEN = "what only Alertmanager and the gateway know"
ADMIN = ("root@example.com", "correct horse battery staple")
ON_CALL = "on.call@example.com"
KILLED = "streams-projection"
COMMANDS = {"gateway": ("gateway",), "workers": ("workers",), KILLED: ("streams", "--role", "projection")}

_READY = {"gateway": "readyz", "workers": "readyz"}


@dataclass
class Cluster:
    """A gateway, a worker and one stream process, on real services."""

    processes: Processes
    port: int = field(default_factory=free_port)
    ops: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in COMMANDS})
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        variables = {"OMNIAXS_PORT": str(self.port), "OMNIAXS_OPS_PORT": str(self.ops[name])}
        self.running[name] = self.processes.start(*COMMANDS[name], **variables)

    def kill(self, name: str) -> None:
        self.running[name].send_signal(signal.SIGKILL)
        self.running[name].wait(10)

    def answers(self) -> bool:
        """Whether every process does, on its ops port, and the gateway and the worker are ready."""
        return all(
            _status(f"http://127.0.0.1:{port}/{_READY.get(name, 'healthz')}") == 200 for name, port in self.ops.items()
        )

    @property
    def hub(self) -> Hub:
        return Hub(f"http://127.0.0.1:{self.port}", self.mails)

    def mails(self, address: str) -> list[dict[str, str]]:
        shown = httpx.get(f"http://127.0.0.1:{self.ops['workers']}/inbox", timeout=10).json()
        return [mail for mail in shown if mail["to"] == address]


@pytest.fixture
def cluster(tmp_path: Path, kafka_address: str, mongo_url: str, redis_url: str) -> Iterator[Cluster]:
    programs()
    name = f"alerts{secrets.token_hex(4)}"
    processes = Processes(
        tmp_path,
        {
            "OMNIAXS_LOG_URL": f"kafka://{kafka_address}",
            "OMNIAXS_STORE_URL": mongo_url,
            "OMNIAXS_STORE_DATABASE": name,
            "OMNIAXS_TOPIC_PREFIX": f"{name}.",
            "OMNIAXS_JOBS_URL": redis_url,
            "OMNIAXS_ALERTMANAGER_TOKEN": TOKEN,
            "OMNIAXS_ALERT_RECIPIENTS": f'["{ON_CALL}"]',
            "OMNIAXS_ADMIN_PASSWORD": ADMIN[1],
        },
    )
    for command in (("db", "migrate"), ("topics", "apply"), ("markets", "load"), ("admin", "create", ADMIN[0])):
        done = processes.run(*command)
        assert done.returncode == 0, done.stderr
    cluster = Cluster(processes)
    for each in COMMANDS:
        cluster.start(each)
    yield cluster
    processes.stop()


@pytest.fixture
def prometheus(cluster: Cluster, tmp_path: Path) -> Iterator[Prometheus]:
    """Scrapes the cluster, and tells its gateway what it finds."""
    eventually(cluster.answers, 90, f"three processes that answer; {cluster.processes.logs()}")
    token = tmp_path / "token"
    token.write_text(TOKEN)
    webhook = f"http://127.0.0.1:{cluster.port}/internal/v1/admin/alerts/alertmanager"
    targets = {name: f"127.0.0.1:{port}" for name, port in cluster.ops.items()}
    alertmanager = Alertmanager(tmp_path / "alertmanager", webhook, token)
    made = Prometheus(tmp_path / "prometheus", targets, alertmanager.address)
    with alertmanager.running(), made.running():
        yield made


def test_a_killed_stream_process_is_an_alert_and_a_mail_until_it_is_back(
    cluster: Cluster, prometheus: Prometheus
) -> None:
    admin = Person(cluster.hub, *ADMIN, "/admin", "super_admin")
    eventually(lambda: prometheus.query('count(up{job="omniaxs"} == 1) == 3'), 20, "three processes that are scraped")
    admin.log_in()

    def told(state: str) -> list[dict[str, str]]:
        data = cluster.hub.data(
            "GET",
            "/internal/v1/admin/alerts?code=process.down",
            token=admin.token,
            headers={"X-PM-ROLE": "super_admin"},
        )
        return [alert for alert in data["items"] if alert["state"] == state]

    assert told("open") == []
    cluster.kill(KILLED)
    [alert] = eventually(lambda: told("open"), 60, f"the alert; {cluster.processes.logs()}")
    assert (alert["severity"], alert["subject"]) == ("critical", f"{KILLED} 127.0.0.1:{cluster.ops[KILLED]}")
    assert alert["runbook"] == "docs/operating.md#alert-process-down"
    assert KILLED in alert["message"]
    eventually(lambda: _about(cluster, alert["alert_id"]) >= 1, 30, "a mail to who is on call")

    cluster.start(KILLED)
    [ended] = eventually(lambda: told("resolved"), 60, "its end")
    assert ended["alert_id"] == alert["alert_id"]
    assert ended["resolved_at"]
    eventually(lambda: _about(cluster, alert["alert_id"]) >= 2, 30, "a mail that it is over")


def _about(cluster: Cluster, alert_id: str) -> int:
    return len([mail for mail in cluster.mails(ON_CALL) if KILLED in mail["text"] or alert_id in mail["text"]])


def _status(url: str) -> int:
    """0: nobody is there yet."""
    try:
        return httpx.get(url, timeout=5).status_code
    except httpx.TransportError:
        return 0
