"""Commands that documents name within a sentence are commands: blocks are run (tests/e2e/test_docs.py), these are resolved."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from ops.cli.main import build

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(str(page.relative_to(ROOT)) for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`((?:\.venv/bin/)?(?:omniaxs|make|python -m ops\.bench)(?: [^`]+)?)`")
COMMAND: Any = get_command(build([]))
TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)


def spans(page: str) -> list[str]:
    """The commands in the sentences of a page."""
    text = FENCE.sub("", (ROOT / page).read_text())
    return [" ".join(span.split()) for span in SPAN.findall(text)]


def alternatives(span: str) -> Iterator[list[str]]:
    """The words of each command that `a|b` and `a, b` within one span stand for; `[...]` is optional."""
    words = shlex.split(span.replace("[", " ").replace("]", " ").replace("...", ""), comments=True)
    places = [number for number, word in enumerate(words[:3]) if "|" in word and not word.startswith("-")]
    for choice in words[places[0]].split("|") if places else [""]:
        yield [choice if places and number == places[0] else word for number, word in enumerate(words)]


def problem_of(words: list[str]) -> str | None:
    """Why these words are no command of ours; options and their names count, values do not."""
    command, left = COMMAND, words[1:]
    while left and (inner := getattr(command, "commands", None)) is not None:
        if left[0] not in inner:
            return f"{left[0]} is no command below {command.name}"
        command, left = inner[left[0]], left[1:]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
    unknown = [word.partition("=")[0] for word in left if word.startswith("--") and word.partition("=")[0] not in known]
    return f"{command.name} has no {', '.join(unknown)}" if unknown else None


@pytest.mark.parametrize("page", PAGES)
def test_a_command_in_a_sentence_is_one(page: str) -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))
    wrong = []
    for span in spans(page):
        for words in alternatives(span.removeprefix(".venv/bin/")):
            if words[0] == "omniaxs" and (problem := problem_of(words)):
                wrong.append(f"{span}: {problem}")
            elif words[0] == "make" and len(words) > 1 and words[1] not in targets:
                wrong.append(f"{span}: the Makefile has no {words[1]}")
    assert wrong == []


def test_there_are_such_commands_and_a_wrong_one_is_seen() -> None:
    assert sum(len(spans(page)) for page in PAGES) > 50
    assert problem_of(["omniaxs", "orders", "plaice"]) == "plaice is no command below orders"
    assert problem_of(["omniaxs", "feed", "replay", "FILE", "--spede"]) == "replay has no --spede"
    assert problem_of(["omniaxs", "feed", "replay", "FILE", "--speed", "max"]) is None
