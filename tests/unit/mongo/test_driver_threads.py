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
