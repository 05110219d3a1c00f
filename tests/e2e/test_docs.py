"""The commands that the documents tell a reader to paste do what they say."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OMNIAXS = f"{shlex.quote(sys.executable)} -m ops.cli"


def _commands(document: str, heading: str) -> list[str]:
    """The lines of the shell blocks under a heading."""
    text = (ROOT / document).read_text()
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith(".venv/bin/omniaxs")]


def _here(command: str) -> str:
    """The same command with this interpreter; a subscription ends after a few messages."""
    command = command.replace(".venv/bin/omniaxs", OMNIAXS)
    return command + " --count 5" if " ws " in command else command


COMMANDS = _commands("README.md", "First request, first subscription")


def test_the_readme_has_requests_and_subscriptions() -> None:
    assert sum(" sign --curl " in command for command in COMMANDS) >= 5
    assert sum(" ws " in command for command in COMMANDS) >= 2


@pytest.mark.parametrize("command", COMMANDS)
def test_a_pasted_command_of_the_readme_works(local_up, command: str) -> None:
    done = subprocess.run(
        ["sh", "-c", _here(command)],
        cwd=local_up.processes.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if " sign " in command:
        assert json.loads(done.stdout)["success"] is True
    else:
        assert len(done.stdout.splitlines()) >= 5


@pytest.mark.kafka
@pytest.mark.mongo
def test_the_setup_commands_of_the_operator_page_work(cluster) -> None:
    section = (ROOT / "docs/operating.md").read_text().split("## Set-up")[1].split("```")[1]
    commands = [line.split("#")[0].split() for line in section.splitlines() if line.startswith("omniaxs")]
    assert len(commands) == 4
    for command in commands:
        done = cluster.run(*command[1:])
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
