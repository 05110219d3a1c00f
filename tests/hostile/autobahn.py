"""Runs Autobahn's WebSocket cases (kosoku) against an echo server and reads what became of each."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.bench.contender import process_of, python
from tests.hostile.echo_server import PATH

ROOT: Final = Path(__file__).resolve().parents[2]
SECTIONS: Final = {
    "1": "framing",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragmentation",
    "6": "UTF-8",
    "7": "closing",
    "9": "large messages",
    "10": "fragments that arrive together",
}
LARGE: Final = ("9.*",)
"""Left out of the 247: up to 16 MiB a message, which measures speed as much as conformance."""
COMPRESSION: Final = ("12.*", "13.*")
"""Cases of permessage-deflate, which the gateway declines (docs/decisions/0033)."""
_BEST_FIRST: Final = (
    "OK", "INFORMATIONAL", "NON-STRICT", "UNIMPLEMENTED", "UNCLEAN", "WRONG CODE", "FAILED BY CLIENT", "FAILED", "ERROR",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the suite said of one case: of the messages, and of how the connection was closed."""

    behaviour: str
    closing: str

    @property
    def rank(self) -> tuple[int, int]:
        """Lower is better."""
        return _BEST_FIRST.index(self.behaviour), _BEST_FIRST.index(self.closing)

    @property
    def failed(self) -> bool:
        """Whether the protocol forbids it."""
        return "FAILED" in {self.behaviour, self.closing} or "ERROR" in {self.behaviour, self.closing}


Verdicts = Mapping[str, Verdict]


@contextmanager
def echoing(kind: str) -> Iterator[str]:
    """The address of an echo server of `kind` (see `echo_server`), running."""
    command = python("tests.hostile.echo_server", kind)
    with process_of(command, "port", {"PYTHONPATH": str(ROOT)}) as (_, line):
        yield f"127.0.0.1:{line.split()[1]}{PATH}"


def run(
    address: str, folder: Path, *, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> tuple[Verdicts, int]:
    """The verdicts by case, and the exit code of the runner (1: a case failed)."""
    chosen = [text for case in include for text in ("--include", case)]
    chosen += [text for case in exclude for text in ("--exclude", case)]
    runner = Path(sys.executable).with_name("kosoku")
    done = subprocess.run(
        [str(runner), address, *chosen, "--parallelism", "8", "--outdir", str(folder)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    index = folder / "index.json"
    assert index.exists(), done.stdout + done.stderr
    [cases] = json.loads(index.read_text()).values()
    return {case: Verdict(one["behavior"], one["behaviorClose"]) for case, one in cases.items()}, done.returncode


def table(verdicts: Mapping[str, Verdicts]) -> str:
    """Sections down, contenders across: how many cases ended how."""
    lines = []
    for section, title in SECTIONS.items():
        cells = []
        for name, found in verdicts.items():
            ended = Counter(one.behaviour for case, one in found.items() if case.split(".")[0] == section)
            cells.append(f"{name}: " + (", ".join(f"{count} {what}" for what, count in sorted(ended.items())) or "-"))
        lines.append(f"{section:>2} {title:32} " + " | ".join(cells))
    return "\n".join(lines)
