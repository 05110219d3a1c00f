"""As whom the command line calls, and how its requests are signed."""

import os
from dataclasses import dataclass

import typer

from gateway.callers import SignedRequest
from gateway.http.signing import signature_of, string_to_sign
from ops.processes.commands.port import EXIT_UNAVAILABLE, CommandFailed
from ops.processes.up_file import UP_FILE, read_up_file
from ops.runtime.clock import SystemClock, milliseconds

URL = typer.Option(None, "--url", help="Base URL; else OMNIAXS_URL, else the running `omniaxs up`.")
API_KEY = typer.Option(None, "--api-key", help="Else OMNIAXS_API_KEY, else the demo key.")
API_SECRET = typer.Option(None, "--api-secret", help="Else OMNIAXS_API_SECRET, else the demo secret.")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where to call and as whom."""

    url: str
    api_key: str
    api_secret: str


def credentials(url: str | None, api_key: str | None, api_secret: str | None) -> Credentials:
    """From flags, then the environment, then the running `omniaxs up`. Raises `CommandFailed` (69) when none has them."""
    up = read_up_file()
    found = (
        url or os.environ.get("OMNIAXS_URL") or (up.http if up else None),
        api_key or os.environ.get("OMNIAXS_API_KEY") or (up.demo.api_key if up else None),
        api_secret or os.environ.get("OMNIAXS_API_SECRET") or (up.demo.api_secret if up else None),
    )
    if not all(found):
        raise CommandFailed(
            f"no URL and key: give --url --api-key --api-secret, set OMNIAXS_URL, OMNIAXS_API_KEY and OMNIAXS_API_SECRET, "
            f"or start `omniaxs up` here ({UP_FILE} is missing)",
            EXIT_UNAVAILABLE,
        )
    return Credentials(*(str(value) for value in found))


def signed_headers(
    caller: Credentials, method: str, target: str, idempotency_key: str = "", body: bytes = b""
) -> dict[str, str]:
    """The headers that sign one request now; `target` is the raw path and query."""
    path, _, query = target.partition("?")
    timestamp = str(milliseconds(SystemClock().now()))
    request = SignedRequest(method, path, query, idempotency_key, body, headers={}, client_ip="")
    headers = {
        "X-PM-API-KEY": caller.api_key,
        "X-PM-TIMESTAMP": timestamp,
        "X-PM-SIGNATURE": signature_of(caller.api_secret.encode(), string_to_sign(request, timestamp)),
    }
    return {**headers, "Idempotency-Key": idempotency_key} if idempotency_key else headers
