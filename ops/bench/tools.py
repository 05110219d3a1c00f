"""Peers that are not Python: installed once, by their own package clients, into a cache folder outside the checkout."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

CACHE = Path(tempfile.gettempdir()) / "omniaxs-bench-peers"


class PeerMissing(Exception):
    """A peer cannot be had on this machine; the text says what is missing."""


def node_with_ws() -> dict[str, str]:
    """Environment in which node finds the package `ws`. Raises `PeerMissing`."""
    folder = CACHE / "node"
    if not (folder / "node_modules" / "ws").is_dir():
        _need("npm", "node")
        folder.mkdir(parents=True, exist_ok=True)
        _run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "ws@8"])
    return {"NODE_PATH": str(folder / "node_modules")}


def bun() -> Path:
    """The bun program, from npm. Raises `PeerMissing`."""
    folder = CACHE / "bun"
    program = folder / "node_modules" / "bun" / "bin" / "bun.exe"
    if not program.exists():
        _need("npm", "node")
        folder.mkdir(parents=True, exist_ok=True)
        _run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "bun@1"])
    return program


def nats_server() -> Path:
    """The nats-server program, built by go. Raises `PeerMissing`."""
    program = CACHE / "go" / "nats-server"
    if not program.exists():
        _need("go")
        program.parent.mkdir(parents=True, exist_ok=True)
        _run(["go", "install", "github.com/nats-io/nats-server/v2@v2.11.4"], GOBIN=str(program.parent))
    return program


def _need(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise PeerMissing(f"{', '.join(missing)} is not installed")


def _run(command: list[str], **environment: str) -> None:
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerMissing(f"{' '.join(command[:3])} failed: {done.stderr.strip().splitlines()[-1:]}")
