"""The wall clock of one process, stepped while it runs: libfaketime stands before the C library and adds what a file says.

It moves what a process reads of the time of day; its monotonic clock, the timers of the kernel, the broker's and the
store's clocks stay as they are, as they do when one machine's clock is set.
"""

from importlib.util import find_spec
from pathlib import Path

from tests.faults.order_road.fleet import Member

STEPPED_ROLES = ("gateway", "orders", "venues", "projection")
CACHED_SECONDS = 1
"""How long a process goes on with what it has read in the file."""


class Clocks:
    """One file a process in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        package = find_spec("libfaketime")
        assert package is not None, "libfaketime is not installed"
        assert package.origin is not None
        self._library = Path(package.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"

    def of(self, member: Member) -> dict[str, str]:
        """The environment in which a process can be stepped; empty for roles that are not."""
        if member.role not in STEPPED_ROLES:
            return {}
        self.step(member.name, 0.0)
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._folder / member.name),
            "FAKETIME_CACHE_DURATION": str(CACHED_SECONDS),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",
        }

    def step(self, name: str, seconds: float) -> None:
        """Let the process be so far ahead (or behind) of the machine, from now on."""
        written = self._folder / f"{name}.new"
        written.write_text(f"{seconds:+.3f}\n")
        written.replace(self._folder / name)
