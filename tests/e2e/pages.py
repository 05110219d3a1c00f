"""The documents as their reader meets them: blocks to paste, and a folder in which they work as they stand."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.conftest import LocalUp

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
SHOWN = re.compile(r"\]\((examples/[^)]+)\)\):\n```\w+\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")
STALE = re.compile(
    r'(^409 |Refused: |"code": ?")(risk\.conversion_unavailable|market\.stale_quote)', re.MULTILINE | re.IGNORECASE
)

# Subscriptions of the pages run until they are interrupted; here they end after some messages.
COMMAND = """#!/bin/sh
case "$*" in
  ws*--count*) ;;
  ws*orders*) set -- "$@" --count "${MESSAGES:-1}" ;;
  ws*) set -- "$@" --count "${MESSAGES:-5}" ;;
esac
exec %s -m ops.cli "$@"
"""


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: str
    heading: str
    language: str
    text: str

    @property
    def place(self) -> tuple[str, str]:
        """Where a reader finds it."""
        return self.page, self.heading

    @property
    def commands(self) -> list[str]:
        """Its lines without comments, of which each is a command of its own."""
        lines = (line.split("  #")[0].strip() for line in self.text.splitlines())
        return [line for line in lines if line]


def text_of(page: str) -> str:
    """A page as it stands."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str = "sh") -> list[Block]:
    """The blocks of a page in that language, in their order."""
    return [block for block in _fenced(page) if block.language == language]


def under(page: str, *headings: str) -> str:
    """The shell blocks under these headings, one after the other."""
    return "".join(block.text for block in blocks(page) if block.heading in headings)


def anchors(page: str) -> set[str]:
    """What a link to a heading of the page ends with."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _fenced(page: str) -> Iterator[Block]:
    heading, language, lines = "", None, []
    for line in text_of(page).splitlines():
        if line.startswith("```") and language is None:
            language, lines = line[3:], []
        elif line.startswith("```"):
            yield Block(page, heading, language or "", "".join(f"{one}\n" for one in lines))
            language = None
        elif language is not None:
            lines.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("# ")


class Folder:
    """A folder like a checkout with `make up` running in it: what a reader pastes there works without a change."""

    def __init__(self, up: LocalUp) -> None:
        self.up, self.path = up, up.processes.folder
        commands = self.path / ".venv" / "bin"
        commands.mkdir(parents=True)
        for name, text in (
            ("python", f'#!/bin/sh\nexec {sys.executable} "$@"\n'),
            ("omniaxs", COMMAND % sys.executable),
        ):
            (commands / name).write_text(text)
            (commands / name).chmod(0o755)
        self.compiling: subprocess.Popen[str] | None = None
        self._started: list[subprocess.Popen[str]] = []
        (self.path / "docs").symlink_to(ROOT / "docs")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("OMNIAXS_")}
        self.environment["PATH"] = f"{commands}:{self.environment['PATH']}"

    def close(self) -> None:
        """End what was started and is still running."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()

    def start(self, script: str, **environment: str) -> subprocess.Popen[str]:
        """Paste into a shell that ends with the first command that fails."""
        process = subprocess.Popen(
            ["env", "--default-signal=INT", "sh", "-ec", script],  # a shell in the background starts us with it ignored
            cwd=self.path,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def paste(self, script: str, seconds: float = 300, **environment: str) -> str:
        """What the commands print; they all succeed. Pasted again, also where the shell itself succeeded, while a machine without a
        processor to spare lets quotes go stale.
        """
        code, printed = self.end(self.start(script, **environment), seconds)
        for _ in range(3):
            if not STALE.search(printed):
                break
            time.sleep(2)
            code, printed = self.end(self.start(script, **environment), seconds)
        assert code == 0, f"{script}\nended with {code}:\n{printed}"
        return printed

    def end(self, process: subprocess.Popen[str], seconds: float = 300) -> tuple[int, str]:
        """Exit code and all that was printed."""
        try:
            printed, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return process.returncode, printed

    def stop(self, process: subprocess.Popen[str]) -> str:
        """End a command that goes on until it is interrupted; what it has printed."""
        os.killpg(process.pid, signal.SIGINT)
        return self.end(process)[1]

    @property
    def key(self) -> dict[str, str]:
        """The variables that the examples take."""
        demo = self.up.line["demo"]
        return {
            "OMNIAXS_URL": self.up.line["http"],
            "OMNIAXS_API_KEY": demo["api_key"],
            "OMNIAXS_API_SECRET": demo["api_secret"],
        }
