"""The line that `omniaxs up --json` prints, and the file in which it stands while the process runs."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

UP_FILE = Path(".omniaxs/up.json")


@dataclass(frozen=True, slots=True)
class Demo:
    """The demonstration tenant. `user` and `admin` are `email` and `password` of people who can log in."""

    api_key: str
    api_secret: str
    tenant_id: str
    account_id: str
    user: dict[str, str] | None = None
    admin: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Up:
    """Where a running local profile answers. `ops_token` opens its command port to this user alone."""

    http: str
    ws: str
    ops: str
    inbox: str | None
    demo: Demo
    ops_token: str

    def line(self) -> str:
        """The one JSON line for scripts."""
        return json.dumps(asdict(self), separators=(",", ":"))


def write_up_file(up: Up, path: Path = UP_FILE) -> None:
    """Write the line so that only this user can read it."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(up.line() + "\n")


def read_up_file(path: Path = UP_FILE) -> Up | None:
    """What stands there, or None when no local profile runs from this folder."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Up(**{**fields, "demo": Demo(**fields["demo"])})


def remove_up_file(up: Up, path: Path = UP_FILE) -> None:
    """Remove the file if it is still this process's own."""
    if read_up_file(path) == up:
        path.unlink(missing_ok=True)
