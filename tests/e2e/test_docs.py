"""The documents do what they say: each command is pasted, each program run, each link followed."""

import hashlib
import hmac
import json
import os
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import click
import httpx
import pytest
from typer.main import get_command

from gateway.live.protocol import read_operation, read_payload
from ops.bench.ports import free_port
from ops.cli.main import build
from tests.e2e.pages import LINK, PAGES, ROOT, SHOWN, STALE, Folder, anchors, blocks, text_of, under
from tests.e2e.test_identity_path import _until_ready as until_ready
from tests.e2e.trouble import Cutter, busy, lost, troubled, unknown

pytestmark = pytest.mark.timeout(400)
README = "README.md"
ON_SERVICES = "On real services"
TUTORIAL, API, WEBSOCKET = "docs/tutorial.md", "docs/api.md", "docs/websocket.md"
TRADING, IDENTITY, OPERATING, KEYS = "docs/trading.md", "docs/identity.md", "docs/operating.md", "docs/keys.md"
SET_UP = "Set-up, once and after each upgrade"
OPERATED = ("Tenants, keys, accounts", "People and admins", "Stopping trading", "Secrets")
PAGES_OF_SCRIPTS = (TUTORIAL, API, WEBSOCKET, IDENTITY)
NOT_RUN = {
    (
        README,
        "Two commands",
    ): "`make up` is the set-up of `make test`, then `omniaxs up`, which runs in every test here",
    (TUTORIAL, "1. Start"): "the same",
}
EXAMPLES = {
    "curl": "sh docs/examples/curl/rest.sh",
    "python": ".venv/bin/python docs/examples/python/rest.py",
    "javascript": "node docs/examples/javascript/rest.mjs",
    "go": "./rest-go",
}
STREAMS = {
    "python": ".venv/bin/python docs/examples/python/stream.py",
    "javascript": "node --experimental-websocket docs/examples/javascript/stream.mjs",
}
ENDLESS = ("gateway", "streams", "workers", "feed")
NEEDED = ("curl", "openssl", "node", "go")
VECTORS = json.loads(blocks("docs/signing.md", "json")[0].text)
ONE_BY_ONE = [
    *(block.place for page in (README, TRADING) for block in blocks(page) if block.heading != ON_SERVICES),
    *((OPERATING, heading) for heading in OPERATED),
    (KEYS, "Rotating"),
]
"""Where each command stands for itself, so that each of them is looked at."""


@pytest.fixture(scope="module")
def folder(local_up) -> Iterator[Folder]:
    """A reader's folder, with everything that the examples need. The one in Go is compiled meanwhile, once: the first time on a
    machine that takes a processor 40 s.
    """
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI must have {missing}")
    folder = Folder(local_up)
    if shutil.which("go"):
        folder.compiling = folder.start("nice -n 19 go build -o rest-go docs/examples/go/rest.go")
    yield folder
    folder.close()


@pytest.fixture
def languages(folder: Folder) -> dict[str, str]:
    """How the REST example of each language is run; those that are not on this machine are left out."""
    if folder.compiling is not None:
        code, printed = folder.end(folder.compiling, seconds=300)
        assert code == 0, printed
        folder.compiling = None
    needed = {"curl": "openssl", "python": "sh", "javascript": "node", "go": "go"}
    return {name: command for name, command in EXAMPLES.items() if shutil.which(needed[name])}


def test_every_block_of_commands_is_run_or_says_why_not() -> None:
    run = {block.place for page in PAGES_OF_SCRIPTS for block in blocks(page)} - NOT_RUN.keys()
    run |= {*ONE_BY_ONE, (OPERATING, SET_UP), (README, ON_SERVICES)} - NOT_RUN.keys()
    assert {block.place for page in PAGES for block in blocks(page)} == run | NOT_RUN.keys()
    assert all(text_of(page).count("```") % 2 == 0 for page in PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target, anchor in LINK.findall(text_of(page)):
        if "://" in target:
            continue
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), f"{page} links to {target}, which is not there"
        if anchor:
            assert anchor in anchors(str(path.resolve().relative_to(ROOT))), f"{page} links to {target}{anchor}"


@pytest.mark.parametrize("page", [API, WEBSOCKET])
def test_what_is_shown_of_an_example_stands_in_it(page: str) -> None:
    shown = SHOWN.findall(text_of(page))
    assert len(shown) >= 5
    for example, part in shown:
        assert part in (ROOT / "docs" / example).read_text(), f"{page} shows of {example} what is not in it:\n{part}"


def test_messages_that_are_shown_are_taken() -> None:
    shown = "".join(block.text for block in blocks(WEBSOCKET, "json")).replace(",\n", ",")
    requests = [line for line in shown.splitlines() if line.startswith('{"op"')]
    assert len(requests) == 6
    for request in requests:
        read_payload(read_operation(request))


@pytest.mark.parametrize(("page", "heading"), [place for place in dict.fromkeys(ONE_BY_ONE) if place not in NOT_RUN])
def test_commands_that_are_pasted_one_by_one_work(folder: Folder, page: str, heading: str) -> None:
    """Each command alone; where it says `ten_...` it gets the id of that kind that was printed last."""
    seen: dict[str, str] = {}
    for command in _commands(page, heading):
        filled = command.replace("--seconds 20", "--seconds 8").replace("PASSWORD=...", "PASSWORD='correct horse'")
        for kind, name in seen.items():
            filled = filled.replace(f"{kind}_...", name)
        printed = folder.paste(filled)
        _is_what_was_asked_for(command, printed)
        seen |= {name[:3]: name for name in re.findall(r"\b[a-z]{3}_[0-9A-Za-z]{10,}", printed)}


def _is_what_was_asked_for(command: str, printed: str) -> None:
    if " sign " in command:
        assert json.loads(printed)["success"] is True
    elif " ws " in command:
        assert len(printed.splitlines()) >= (1 if "orders" in command else 5)
    elif " orders place " in command:
        assert "order_id: ord_" in printed
    elif "market_maker" in command:
        assert "done: " in printed


def _commands(page: str, heading: str) -> list[str]:
    return [command for block in blocks(page) if block.heading == heading for command in block.commands]


def test_the_tutorial_can_be_pasted_from_its_beginning_to_its_end(folder: Folder) -> None:
    assert [heading[:2] for heading in dict.fromkeys(_sections())] == ["1.", "2.", "3.", "4.", "5.", "6.", "7."]
    watching, first = [block for block in blocks(TUTORIAL) if block.heading.startswith("3.")]
    watcher = folder.start(watching.text, MESSAGES="1000")
    folder.paste(under(TUTORIAL, *_sections("2.")) + first.text + under(TUTORIAL, *_sections("4.")))
    refused, said = folder.end(folder.start(under(TUTORIAL, *_sections("5."))))
    assert refused == 1
    assert said.startswith("409 ")
    last = folder.paste(under(TUTORIAL, *_sections("6.", "7.")))
    assert "canceled" in last.rpartition("deadline")[2]
    seen = folder.stop(watcher)
    for event in ("OrderAccepted", "OrderFilled", "OrderAmended", "OrderCanceled", "OrderDenied"):
        assert event in seen


def _sections(*numbers: str) -> list[str]:
    return [block.heading for block in blocks(TUTORIAL) if block.heading.startswith(numbers or "")]


def test_the_way_from_registration_to_the_first_order_can_be_pasted(folder: Folder) -> None:
    up = folder.up.line
    script = "".join(block.text for block in blocks(IDENTITY)).replace("http://127.0.0.1:8080", up["http"])
    script = script.replace("http://127.0.0.1:8081/inbox", up["inbox"])
    printed = folder.paste(script, ADMIN_PASSWORD=up["demo"]["admin"]["password"])
    lines = printed.replace("}{", "}\n{").replace("}order_id", "}\norder_id").splitlines()
    answers = [json.loads(line) for line in lines if line.startswith("{")]
    assert [answer["success"] for answer in answers] == [True] * 7
    assert [answer["data"].get("status") for answer in answers] == [
        "pending_verification", "active", "active", None, "revoked", "approved", None,
    ]  # fmt: skip
    assert [binding["binding_status"] for binding in answers[-1]["data"]["items"]] == ["active"]
    assert any(line.startswith("order_id: ord_") for line in lines)


def test_the_examples_sign_as_the_vectors_say(folder: Folder, languages: dict[str, str]) -> None:
    names = ("secret", "timestamp", "method", "target", "idempotency_key", "body")
    told = [{**vector, "target": "?".join(filter(None, (vector["path"], vector["query"])))} for vector in VECTORS]
    asked = [shlex.join(["sign", *(vector[name] for name in names)]) for vector in told]
    signed = folder.paste("\n".join(f"{command} {words}" for command in languages.values() for words in asked))
    assert len(VECTORS) == 8
    assert signed.split() == [vector["signature"] for vector in VECTORS] * len(languages)


def test_the_api_guide_can_be_pasted(folder: Folder, languages: dict[str, str]) -> None:
    if len(languages) < len(EXAMPLES):
        pytest.skip(f"this machine has only {list(languages)}")
    printed = folder.paste("".join(block.text for block in blocks(API)))
    walked = re.findall(r"^(quote|limit|order|markets|refused): (.*)$", printed, re.MULTILINE)
    assert [words for name, words in walked if name == "refused"] == ["request.invalid reduce_onIy"] * 4
    assert len({words for name, words in walked if name == "markets"}) == 1
    assert [words.partition(" ")[2] for name, words in walked if name == "order"] == ["told at once"] * 4
    assert printed.count('{"success":true') == 4
    assert printed.endswith(VECTORS[0]["signature"] + "\n")


def test_the_examples_write_once_whatever_happens_to_the_answer(folder: Folder, languages: dict[str, str]) -> None:
    """The first read is refused for a second; the order's answer is lost, then unknown, and then there is one order."""
    for _ in range(3):
        plans = {name: {"GET /v1/quotes": [busy], "POST /v1/orders": [lost, unknown]} for name in languages}
        before = _orders(folder)
        ended = _run_troubled(folder, languages, plans)
        if not any(STALE.search(printed) for _, printed in ended.values()):
            break
    assert plans == {name: {"GET /v1/quotes": [], "POST /v1/orders": []} for name in languages}
    assert _orders(folder) == before + len(languages)
    for name, (code, printed) in ended.items():
        assert code == 0, f"{name}: {printed}"
        assert re.search(r"^order: ord_\S+ told again$", printed, re.MULTILINE), f"{name}: {printed}"


def _run_troubled(
    folder: Folder, languages: dict[str, str], plans: dict[str, dict[str, list[Any]]]
) -> dict[str, tuple[int, str]]:
    with ExitStack() as stack:
        urls = {name: stack.enter_context(troubled(folder.key["OMNIAXS_URL"], plans[name])) for name in languages}
        running = {
            name: folder.start(command, **{**folder.key, "OMNIAXS_URL": urls[name]})
            for name, command in languages.items()
        }
        return {name: folder.end(process) for name, process in running.items()}


def _orders(folder: Folder) -> int:
    listed = folder.paste(".venv/bin/omniaxs orders list --json --limit 200 --symbol ETHUSDT.BINANCE")
    return len(json.loads(listed)["items"])


def test_the_websocket_guide_can_be_pasted(folder: Folder) -> None:
    printed = folder.paste("".join(block.text for block in blocks(WEBSOCKET)))
    assert printed.count("subscribed: trades.* from a snapshot\n") == 2
    assert len(re.findall(r"^update: trades\.\S+ trades-\d+ \d+$", printed, re.MULTILINE)) >= 2 * 20


def test_the_streams_of_the_examples_go_on_without_a_hole(folder: Folder) -> None:
    """A connection breaks within the snapshot, and two later ones within a frame: everything comes, in order, once."""
    here = {name: command for name, command in STREAMS.items() if shutil.which(command.split()[0]) or name == "python"}
    with ExitStack() as stack:
        running = {}
        for name, command in here.items():
            cutter = stack.enter_context(Cutter(folder.key["OMNIAXS_URL"], [5_000, 20_000, 8_000]).running())
            environment = {**folder.key, "OMNIAXS_URL": cutter.url}
            running[name] = folder.start(f"{command} --count 130 'trades.*'", **environment)
        ended = {name: folder.end(process) for name, process in running.items()}
    for name, (code, printed) in ended.items():
        assert code == 0, f"{name}: {printed}"
        again, _, whole = printed.rpartition("from a snapshot\n")
        assert again.count("from a snapshot\n") == 1, (
            f"{name}: a snapshot that broke was not asked for again:\n{printed}"
        )
        assert whole.count("subscribed: trades.* recovered\n") == 2, f"{name}: {printed}"
        assert whole.count("connection: ") == 2
        _is_dense(re.findall(r"^(?:snapshot|update): \S+ (\S+) (\d+)$", whole, re.MULTILINE))


def _is_dense(came: list[tuple[str, str]]) -> None:
    """Per shard each seq once, in order, none left out."""
    assert len({shard for shard, _ in came}) > 1
    for shard in {shard for shard, _ in came}:
        seqs = [int(seq) for name, seq in came if name == shard]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), shard


def test_the_python_of_the_pages_is_right(folder: Folder) -> None:
    """Parts of a program: what stands before and after them is here."""
    signing = {"secret": "pms_1"}
    exec(blocks("docs/signing.md", "python")[0].text, signing)  # noqa: S102
    lines = "\n".join(
        (signing["timestamp"], "GET", "/v1/quotes", "symbols=AAPL.US", "", hashlib.sha256(b"").hexdigest())
    )
    assert signing["signature"] == hmac.new(b"pms_1", lines.encode(), hashlib.sha256).hexdigest()

    receiving: dict = {}
    exec(blocks("docs/alerts.md", "python")[0].text, receiving)  # noqa: S102
    stamp = str(time.time_ns() // 1_000_000)
    lines = "\n".join((stamp, "POST", "/alerts", "", "dlv_1", hashlib.sha256(b"{}").hexdigest()))
    headers = {"x-pm-timestamp": stamp, "idempotency-key": "dlv_1"}
    headers["x-pm-signature"] = hmac.new(b"hook", lines.encode(), hashlib.sha256).hexdigest()
    assert receiving["verified"]("hook", "/alerts", "", headers, b"{}")
    assert not receiving["verified"]("hook", "/alerts", "", headers, b"{ }")

    encrypting = {"published": httpx.get(folder.key["OMNIAXS_URL"] + "/public/v1/keys").json()["data"]}
    code, _, last = blocks(KEYS, "python")[0].text.rstrip().rpartition("\n")
    exec(code, encrypting)  # noqa: S102
    assert eval(last, encrypting).count(".") == 4  # noqa: S307


@pytest.mark.kafka
@pytest.mark.mongo
def test_the_setup_commands_of_the_operator_page_work(cluster) -> None:
    commands = _commands(OPERATING, SET_UP)
    assert len(commands) == 4
    for command in commands:
        done = cluster.run(*command.split()[1:])
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def _on_services() -> Iterator[list[str]]:
    """The words of each command of the README's way onto real services, without `omniaxs` and settings."""
    for line in _commands(README, ON_SERVICES):
        for part in line.split(" && "):
            words = [word for word in shlex.split(part) if not re.match(r"OMNIAXS_\w+=", word)]
            if words != ["export"]:
                assert words[0] == "omniaxs", part
                yield words[1:]


def test_the_way_onto_real_services_is_made_of_commands() -> None:
    """That they do what they should is seen where they are pasted, and by the tests that start such processes."""
    for words in _on_services():
        command, left = get_command(build(words)), words
        while isinstance(command, click.Group):
            name, command, left = command.resolve_command(click.Context(command), left)
            assert command is not None, f"{name} of {words} is no command"
        command.make_context(None, list(left))


@pytest.mark.kafka
@pytest.mark.mongo
@pytest.mark.redis
def test_the_way_onto_real_services_can_be_pasted(cluster, redis_url: str) -> None:
    """Set-up again, as after an upgrade; each process as in a terminal of its own; then a key and its account."""
    cluster.environment |= {"OMNIAXS_LIMITS_URL": redis_url, "OMNIAXS_JOBS_URL": redis_url}
    ports: list[int] = []
    seen: dict[str, str] = {}
    for words in _on_services():
        if words[0] in ENDLESS:
            ports.append(free_port())
            cluster.start(*words, OMNIAXS_OPS_PORT=str(ports[-1]))
            continue
        for port in ports:
            until_ready(port, cluster)
        done = cluster.run(*(seen.get(word, word) for word in words))
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        seen |= {f"{found[:3]}_...": found for found in re.findall(r"\b[a-z]{3}_[0-9A-Za-z]{10,}", done.stdout)}
    assert len(ports) == 7
