"""The commands that the documents tell a reader to paste do what they say."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OMNIAXS = f"{shlex.quote(sys.executable)} -m ops.cli"


def _commands(document: str, heading: str = "") -> list[str]:
    """The lines of the shell blocks of a document (under a heading), without comments."""
    text = (ROOT / document).read_text()
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0] if heading else text
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith(".venv/bin/")]


def _here(command: str) -> str:
    """The same command with this interpreter; a subscription ends after a few messages."""
    command = re.sub(r"(?<![\w/])\.venv/bin/python", shlex.quote(sys.executable), command)
    command = re.sub(r"(?<![\w/])\.venv/bin/omniaxs", OMNIAXS, command)
    command = command.replace("docs/strategies", str(ROOT / "docs/strategies")).replace("--seconds 20", "--seconds 8")
    return command + f" --count {MESSAGES['orders' in command]}" if " ws " in command else command


MESSAGES = {False: 5, True: 1}
README = _commands("README.md", "First order, first subscription")
TRADING = _commands("docs/trading.md")


def test_the_readme_has_requests_orders_and_subscriptions() -> None:
    assert sum(" sign --curl " in command for command in README) >= 5
    assert sum(" ws " in command for command in README) >= 2
    assert sum(" orders place " in command for command in README) >= 2
    assert sum("docs/strategies/" in command for command in TRADING) == 2


def _pasted(local_up, command: str) -> str:
    """What the command prints, pasted into a shell in the folder of a running hub."""
    done = subprocess.run(
        ["sh", "-c", _here(command)],
        cwd=local_up.processes.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.parametrize("command", README + TRADING)
def test_a_pasted_command_works(local_up, command: str) -> None:
    printed = _pasted(local_up, command)
    if " sign " in command:
        assert json.loads(printed)["success"] is True
    elif " ws " in command:
        assert len(printed.splitlines()) >= MESSAGES["orders" in command]
    elif " orders place " in command:
        assert "order_id: ord_" in printed
    elif "market_maker" in command:
        assert "done: " in printed


@pytest.mark.kafka
@pytest.mark.mongo
def test_the_setup_commands_of_the_operator_page_work(cluster) -> None:
    section = (ROOT / "docs/operating.md").read_text().split("## Set-up")[1].split("```")[1]
    commands = [line.split("#")[0].split() for line in section.splitlines() if line.startswith("omniaxs")]
    assert len(commands) == 4
    for command in commands:
        done = cluster.run(*command[1:])
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def test_the_way_from_registration_to_the_first_order_can_be_pasted(local_up) -> None:
    text = (ROOT / "docs/identity.md").read_text()
    sections = text.split("\n## From registration to a signed request\n")[1].split("\n## What holds")[0]
    script = "\n".join(re.findall(r"```sh\n(.*?)```", sections, re.DOTALL))
    script = script.replace("http://127.0.0.1:8080", local_up.line["http"])
    script = _here(script.replace("http://127.0.0.1:8081/inbox", local_up.line["inbox"]))
    done = subprocess.run(
        ["sh", "-ec", script],
        cwd=local_up.processes.folder,
        env={**os.environ, "ADMIN_PASSWORD": local_up.line["demo"]["admin"]["password"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.replace("}{", "}\n{").replace("}order_id", "}\norder_id").splitlines()
    answers = [json.loads(line) for line in lines if line.startswith("{")]
    assert [answer["success"] for answer in answers] == [True] * 7
    assert [answer["data"].get("status") for answer in answers] == [
        "pending_verification", "active", "active", None, "revoked", "approved", None,
    ]  # fmt: skip
    assert [binding["binding_status"] for binding in answers[-1]["data"]["items"]] == ["active"]
    assert any(line.startswith("order_id: ord_") for line in lines)
