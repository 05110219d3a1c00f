"""Registration to revocation in both profiles, and what that leaves behind: no secret in any log, metric, record or document."""

import email
import json
import re
import secrets
import time
from collections.abc import Iterator
from email import policy

import httpx
import pymongo
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from ops.bench.ports import free_port
from tests.e2e.people_path import Hub, Person, local_hub, stands_nowhere, suspend_and_feel, walk_as_admin, walk_as_user

CODE = re.compile(r"(?<!\d)(\d{6})(?!\d)")
GATEWAYS = 2


def test_a_person_and_an_admin_go_their_ways_in_the_local_profile(local_up) -> None:
    hub, super_admin = local_hub(local_up.line, local_up.secrets)
    super_admin.log_in()
    person = walk_as_user(hub)
    suspend_and_feel(hub, super_admin, person)
    walk_as_admin(hub, super_admin, approval=False)
    stands_nowhere(hub, logs=local_up.processes.logs(), metrics=httpx.get(local_up.line["ops"] + "/metrics").text)


class Mailboxes(Message):
    """What the mail server has taken, by recipient."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[dict[str, str]] = []

    def handle_message(self, message: email.message.Message) -> None:
        parsed = email.message_from_bytes(message.as_bytes(), policy=policy.default)
        text = parsed.get_body(("plain",)).get_content()
        code = CODE.search(text)
        self.taken.insert(0, {"to": message["X-RcptTo"], "text": text, "code": code.group(1) if code else ""})

    def to(self, address: str) -> list[dict[str, str]]:
        return [mail for mail in self.taken if mail["to"] == address]


@pytest.fixture
def mail_server() -> Iterator[tuple[str, Mailboxes]]:
    boxes = Mailboxes()
    controller = Controller(boxes, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield f"smtp://127.0.0.1:{controller.port}", boxes
    controller.stop()


@pytest.mark.kafka
@pytest.mark.mongo
@pytest.mark.redis
@pytest.mark.timeout(180)
def test_a_person_and_an_admin_go_their_ways_over_real_services(
    cluster, mail_server, redis_url: str, mongo_url: str
) -> None:
    mail_url, boxes = mail_server
    cluster.environment |= {
        "OMNIAXS_MAIL_URL": mail_url,
        "OMNIAXS_JOBS_URL": redis_url,
        "OMNIAXS_LIMITS_URL": redis_url,
    }
    ports = [free_port() for _ in range(GATEWAYS)]
    ops = [free_port() for _ in range(GATEWAYS + 1)]
    for port, ops_port in zip(ports, ops, strict=False):
        cluster.start("gateway", "--port", str(port), "--ops-port", str(ops_port))
    cluster.start("workers", "--ops-port", str(ops[-1]))
    for role in ("market", "orders"):
        cluster.start("streams", "--role", role)
    cluster.start("feed", "synthetic")
    password = f"correct horse {secrets.token_hex(6)}"
    made = cluster.run("admin", "create", "root@example.com", "--json", OMNIAXS_ADMIN_PASSWORD=password)
    assert made.returncode == 0, made.stderr
    for port in ops:
        _until_ready(port, cluster)
    hub = Hub(f"http://127.0.0.1:{ports[0]}", boxes.to)
    super_admin = Person(hub, "root@example.com", password, "/admin", "super_admin")
    super_admin.log_in()
    person = walk_as_user(hub)
    suspend_and_feel(hub, super_admin, person)
    walk_as_admin(hub, super_admin, approval=True)
    verified = cluster.run("audit", "verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    stands_nowhere(
        hub,
        logs=cluster.logs(),
        metrics="".join(httpx.get(f"http://127.0.0.1:{port}/metrics").text for port in ops),
        records=cluster.run("topics", "tail", "platform-events", "--last", "1000", "--count", "8", "--json").stdout,
        documents=_every_document(mongo_url, cluster.environment["OMNIAXS_STORE_DATABASE"]),
    )


def _every_document(mongo_url: str, database: str) -> str:
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(mongo_url)
    kept = client[database]
    lines = [repr(document) for name in kept.list_collection_names() for document in kept[name].find()]
    client.close()
    return "\n".join(lines)


def _until_ready(ops_port: int, processes) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if httpx.get(f"http://127.0.0.1:{ops_port}/readyz").json()["ready"]:
                return
        except (httpx.HTTPError, json.JSONDecodeError):
            pass
        time.sleep(0.1)
    pytest.fail(f"nobody is ready on {ops_port}:\n{processes.logs()}")
