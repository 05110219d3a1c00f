"""The command line as scripts rely on it: every command that was promised, its options, and `--json` everywhere."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from ops.cli.main import build
from ops.cli.streams import RoleChoice

PROMISED = {
    "up": {"--json", "--port", "--ops-port", "--seed", "--feed"},
    "gateway": {"--port", "--ops-port"},
    "streams": {"--role", "--ops-port"},
    "workers": {"--ops-port"},
    "feed synthetic": set(),
    "feed replay": {"--format", "--columns", "--symbol", "--speed", "--loop", "--run", "--session"},
    "bars build": {"--format", "--columns", "--timeframe", "--session", "--output"},
    "topics apply": set(),
    "topics tail": set(),
    "db migrate": set(),
    "db check": set(),
    "db rebuild": set(),
    "markets load": set(),
    "admin create": set(),
    "settings": set(),
    "halt set": set(),
    "halt list": set(),
    "halt lift": set(),
    "accounts open": set(),
    "connectors fault": set(),
    "keys create": set(),
    "keys rotate": set(),
    "sign": {"--curl", "--url", "--api-key", "--api-secret"},
    "ws": {"--url", "--api-key", "--api-secret"},
    "orders place": {"--url", "--api-key", "--api-secret"},
    "doctor": set(),
    "audit verify": set(),
    "dead-letters list": set(),
    "dead-letters replay": set(),
}
WITHOUT_OUTPUT = {"gateway", "streams", "workers"}
"""They run until they are stopped, and what they say is their log."""
ALWAYS_JSON = {"sign"}


def leaves(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every command below, by the words that call it."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
    for word, one in (inner or {}).items():
        yield from leaves(one, f"{name} {word}".strip())


COMMANDS = dict(leaves(typer.main.get_command(build([]))))


def options(name: str) -> set[str]:
    return {option for parameter in COMMANDS[name].params for option in parameter.opts}


@pytest.mark.parametrize("name", PROMISED)
def test_what_was_promised_is_there(name: str) -> None:
    assert name in COMMANDS
    assert options(name) >= PROMISED[name]


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - WITHOUT_OUTPUT - ALWAYS_JSON))
def test_every_command_speaks_json(name: str) -> None:
    assert "--json" in options(name)


def test_a_stream_process_plays_one_of_four_roles() -> None:
    assert {role.value for role in RoleChoice} == {"market", "orders", "venues", "projection"}
    [role] = [parameter for parameter in COMMANDS["streams"].params if parameter.name == "role"]
    assert role.required
