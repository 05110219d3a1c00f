"""Whether toxiproxy is here: absent it is skipped on a laptop and fails in CI, as every service does."""

import os
import subprocess
from pathlib import Path

import pytest

from ops.bench.ports import free_port


@pytest.fixture
def toxiproxy(shared_data: Path, tmp_path: Path) -> None:
    """That its program is installed."""
    script, place = shared_data.parent / "services" / "toxiproxy.sh", tmp_path / "toxiproxy-there"
    done = subprocess.run(
        ["bash", script, "start", place, str(free_port())], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        subprocess.run(["bash", script, "stop", place], check=True)
    elif os.environ.get("CI"):
        pytest.fail(f"CI must run with toxiproxy: {done.stderr}")
    else:
        pytest.skip(f"toxiproxy is not here: {done.stderr.strip()}")
