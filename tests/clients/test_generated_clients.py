"""Clients that generators make of the original contract go the main paths against a running platform, unchanged."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.http.contract import load_contract, operations_of
from tests.clients.generating import Walk, openapi_generator, openapi_python_client, openapi_typescript
from tests.e2e.conftest import NO_AUTH_LIMITS, Processes

WALK_SECONDS = 90
OPERATIONS = operations_of(load_contract())
MAIN_PATHS = {
    "submitWaitlist": {200, 403, 422},
    "registerUser": {200, 409, 422},
    "verifyUserEmail": {200, 422},
    "loginUser": {200, 401, 403},
    "verifyUserLoginOtp": {200},
    "refreshUserToken": {200, 401},
    "getUserProfile": {200, 401},
    "createUserApiKey": {200, 422},
    "listUserApiKeys": {200},
    "revokeUserApiKey": {200, 404},
    "loginAdmin": {200},
    "verifyAdminLoginOtp": {200},
    "adminListUsers": {200},
    "adminObservabilitySummary": {200},
    "submitAccessApplication": {200, 422},
    "listAccessApplications": {200},
    "getAccessApplication": {200, 404},
    "listAccessBindings": {200},
    "adminListAccessApplications": {200},
    "adminRejectAccessApplication": {200},
    "adminApproveAccessApplication": {200, 409},
    "adminGetProvisioningJob": {200},
    "getSystemStatus": {200},
    "listMarkets": {200},
    "getQuotes": {200, 401},
    "getBars": {200},
    "getCalendar": {200},
    "placeOrder": {200, 409},
    "placeBatchOrders": {200},
    "amendOrder": {200, 404},
    "listOrders": {200},
    "cancelOrders": {200},
    "getPositions": {200},
    "getAccountOverview": {200},
}
"""What every walk meets, by operation."""


@pytest.fixture(scope="module")
def starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Processes, subprocess.Popen[str]]]:
    """A local profile that starts while a client is generated."""
    processes = Processes(tmp_path_factory.mktemp("up"), NO_AUTH_LIMITS)
    yield processes, processes.start("up", "--json", "--port", "0", "--ops-port", "0", "--seed", "7")
    processes.stop()


@pytest.fixture(scope="module")
def hub_of(starting: tuple[Processes, subprocess.Popen[str]]) -> Callable[[], str]:
    """Where the started platform is, as the walks read it."""
    processes, up = starting
    lines: list[str] = []

    def hub() -> str:
        if not lines:
            lines.append(up.stdout.readline() if up.stdout else "")
        if not lines[0]:
            pytest.fail(f"`omniaxs up --json` printed nothing:\n{processes.logs()}")
        line = json.loads(lines[0])
        admin = line["demo"]["admin"]
        return json.dumps(
            {
                "http": line["http"],
                "inbox": line["inbox"],
                "admin_email": admin["email"],
                "admin_password": admin["password"],
            }
        )

    return hub


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "generate",
    [
        openapi_python_client,
        pytest.param(openapi_generator, marks=pytest.mark.long),
        pytest.param(openapi_typescript, marks=pytest.mark.long),
    ],
)
def test_a_generated_client_goes_the_main_paths(
    generate: Callable[[Path], Walk], starting, hub_of: Callable[[], str], tmp_path: Path
) -> None:
    walk = generate(tmp_path)
    done = subprocess.run(
        walk.command, cwd=walk.folder, env={**os.environ, **walk.environment, "HUB": hub_of()}, capture_output=True,
        text=True, check=False, timeout=WALK_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr}"
    met: dict[str, set[int]] = {}
    for line in done.stdout.splitlines():
        method, path, status = json.loads(line)
        met.setdefault(operation_of(method, path), set()).add(status)
    assert {name: statuses & met.get(name, set()) for name, statuses in MAIN_PATHS.items()} == MAIN_PATHS
    met["placeOrder"].discard(503)  # an outcome that was not known in time: the walks go on trying
    assert {status for statuses in met.values() for status in statuses} <= {200, 401, 403, 404, 409, 422}


def operation_of(method: str, path: str) -> str:
    """The contract's operation of a request; a fixed path comes before one with parameters."""
    fitting = [
        one for one in OPERATIONS if one.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one.path), path)
    ]
    assert fitting, (method, path)
    return min(fitting, key=lambda one: one.path.count("{")).operation_id
