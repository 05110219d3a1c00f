"""The ops port: /metrics, /healthz, /readyz, and (in a local profile) the commands of the CLI. Never the public port."""

import hmac
import json
import logging
from collections.abc import AsyncIterator, Mapping

from quart import Quart, Response, request

from ops.processes.commands.port import EXIT_UNAVAILABLE, Command, CommandFailed
from ops.processes.platform import Platform
from ops.runtime.health import Health
from ops.runtime.metrics import Metrics
from storage.log.port import LogUnavailable
from storage.mongo.connect import StoreUnavailable

_log = logging.getLogger(__name__)


def build_ops_app(health: Health, metrics: Metrics) -> Quart:
    """An app that answers `/healthz` while the loop turns, `/readyz` by the checks, `/metrics` in text format."""
    app = Quart("omniaxs-ops")

    @app.get("/healthz")
    async def healthz() -> Response:
        return _json({"status": "ok"})

    @app.get("/readyz")
    async def readyz() -> Response:
        problems = await health.problems()
        return _json({"ready": not problems, "problems": problems}, 503 if problems else 200)

    @app.get("/metrics")
    async def metrics_text() -> Response:
        return Response(metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")

    return app


def add_commands(app: Quart, platform: Platform, commands: Mapping[str, Command], token: str) -> None:
    """Also run CLI commands: `POST /commands/NAME` with the token answers one JSON line an event.

    The last line is `{"done": true}` or `{"failed": text, "exit_code": n}`.
    """

    @app.post("/commands/<name>")
    async def run(name: str) -> Response:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return _json({"failed": "the token is not that of this process"}, 401)
        command = commands.get(name)
        if command is None:
            return _json({"failed": f"no such command: {name}"}, 404)
        arguments = await request.get_json(force=True)
        response = Response(_lines(command(platform, arguments)), content_type="application/x-ndjson")
        response.timeout = None
        return response


async def _lines(events: AsyncIterator[dict[str, object]]) -> AsyncIterator[bytes]:
    try:
        async for event in events:
            yield json.dumps({"event": event}).encode() + b"\n"
    except CommandFailed as failure:
        yield json.dumps({"failed": str(failure), "exit_code": failure.exit_code}).encode() + b"\n"
    except (LogUnavailable, StoreUnavailable) as failure:
        yield json.dumps({"failed": str(failure), "exit_code": EXIT_UNAVAILABLE}).encode() + b"\n"
    else:
        yield b'{"done":true}\n'


def _json(body: Mapping[str, object], status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json")
