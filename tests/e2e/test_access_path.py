"""From an application to trading rights in both profiles; and a rejection, a fallback, failures that are undone and mended."""

import os
import secrets

import httpx
import pytest

from ops.bench.ports import free_port
from tests.e2e.access_path import (
    Back,
    Fault,
    walk_to_a_failure_and_back,
    walk_to_a_rejection,
    walk_to_the_first_order,
    walk_with_a_fallback,
    walk_with_an_unreadable_credential,
)
from tests.e2e.conftest import Processes
from tests.e2e.people_path import Hub, Person, local_hub, stands_nowhere
from tests.e2e.test_identity_path import _until_ready, mail_server

__all__ = ["mail_server"]
WHOLE = os.environ.get("FAULTS") == "all"
ROLES = ("market", "orders", "venues", "projection")


def walk(hub: Hub, super_admin: Person, fault: Fault, *, whole: bool = True) -> None:
    """All ways, one after another; not `whole`: without those in which a job has to be given up first."""
    super_admin.log_in()
    back = Back(hub, super_admin)
    walk_to_the_first_order(hub, back)
    walk_to_a_rejection(hub, back)
    walk_with_a_fallback(hub, back, fault)
    if whole:
        walk_with_an_unreadable_credential(hub, back)
        walk_to_a_failure_and_back(hub, back, fault)


def faults_of(processes: Processes) -> Fault:
    """As an operator sets them."""

    def fault(connector: str, kind: str) -> None:
        done = processes.run("connectors", "fault", connector, kind)
        assert done.returncode == 0, done.stderr

    return fault


@pytest.mark.timeout(240)
def test_institutions_go_their_ways_in_the_local_profile(local_up) -> None:
    hub, super_admin = local_hub(local_up.line, local_up.secrets)
    walk(hub, super_admin, faults_of(local_up.processes))
    stands_nowhere(hub, logs=local_up.processes.logs(), metrics=httpx.get(local_up.line["ops"] + "/metrics").text)


@pytest.mark.long
@pytest.mark.kafka
@pytest.mark.mongo
@pytest.mark.redis
@pytest.mark.timeout(600)
def test_institutions_go_their_ways_over_real_services(cluster, mail_server, redis_url: str) -> None:
    mail_url, boxes = mail_server
    cluster.environment |= {
        "OMNIAXS_MAIL_URL": mail_url,
        "OMNIAXS_JOBS_URL": redis_url,
        "OMNIAXS_LIMITS_URL": redis_url,
        "OMNIAXS_AUTH_REQUESTS_PER_MINUTE": "1000",
    }
    password = f"correct horse {secrets.token_hex(6)}"
    made = cluster.run("admin", "create", "root@example.com", "--json", OMNIAXS_ADMIN_PASSWORD=password)
    assert made.returncode == 0, made.stderr
    port, ops = free_port(), [free_port() for _ in range(2 + len(ROLES))]
    commands = [("streams", "--role", role) for role in ROLES] + [("workers",), ("gateway", "--port", str(port))]
    for command, ops_port in zip(commands, ops, strict=True):
        cluster.start(*command, "--ops-port", str(ops_port))
    cluster.start("feed", "synthetic")
    for ops_port in ops:
        _until_ready(ops_port, cluster)
    hub = Hub(f"http://127.0.0.1:{port}", boxes.to)
    walk(hub, Person(hub, "root@example.com", password, "/admin", "super_admin"), faults_of(cluster), whole=WHOLE)
    verified = cluster.run("audit", "verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
