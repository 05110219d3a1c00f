"""How many threads the database driver may have in a process."""

import os
import subprocess
import sys

import pytest

from storage.mongo import DRIVER_THREADS

SHOW = "import storage.mongo.connect, motor.frameworks.asyncio as framework; print(framework.max_workers)"


@pytest.mark.parametrize(("given", "expected"), [({}, DRIVER_THREADS), ({"MOTOR_MAX_WORKERS": "3"}, 3)])
def test_as_many_on_every_machine_unless_the_environment_says_so(given: dict[str, str], expected: int) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MOTOR_MAX_WORKERS"} | given
    shown = subprocess.run([sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True)
    assert int(shown.stdout) == expected


STARTED = """
import asyncio, threading
from storage.mongo.connect import connect

async def threads(url: str) -> int:
    store = connect(url, "a")
    await store.start_threads()
    await store.start_threads()
    return sum(thread.name.startswith("ThreadPoolExecutor") for thread in threading.enumerate())

print(asyncio.run(threads("mongomock://")), asyncio.run(threads("mongodb://127.0.0.1:1/")))
"""


def test_all_of_them_begin_at_once_and_none_for_the_in_memory_store() -> None:
    shown = subprocess.run([sys.executable, "-c", STARTED], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["0", str(int(os.environ.get("MOTOR_MAX_WORKERS", DRIVER_THREADS)))]
