"""The first command of the README as it stands: `make up`, then what it prints to paste, by the installed `omniaxs`."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.pages import STALE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder like a checkout that `make install` has set up: its Makefile, and the environment that these tests run in."""
    shutil.copy2(ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


@pytest.fixture
def up(checkout: Path) -> Iterator["subprocess.Popen[str]"]:
    """`make up` on free ports; what is set up is not set up again."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("OMNIAXS_")}
    process = subprocess.Popen(
        ["env", "--default-signal=INT", "make", "--assume-old", ".venv/.installed", "up"],
        cwd=checkout,
        env={**variables, "OMNIAXS_PORT": "0", "OMNIAXS_OPS_PORT": "0", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_what_make_up_prints_can_be_pasted(up: "subprocess.Popen[str]", checkout: Path) -> None:
    printed = []
    for line in up.stdout or ():
        printed.append(line.strip())
        if line.strip().endswith("orders positions"):
            break
    assert any("OMNIAXS Global Hub is up" in line for line in printed), printed
    placed = _placed(checkout)
    for _ in range(10):  # quotes go stale where there is no processor to spare
        if not STALE.search(placed.stderr):
            break
        time.sleep(2)
        placed = _placed(checkout)
    assert placed.returncode == 0, placed.stderr
    os.killpg(up.pid, signal.SIGINT)
    up.communicate(timeout=30)
    assert up.poll() is not None


def _placed(checkout: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [".venv/bin/omniaxs", "orders", "place", "buy", "BTCUSDT.BINANCE", "0.25", "--json"],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
