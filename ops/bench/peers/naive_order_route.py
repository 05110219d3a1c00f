"""The naive way in the benchmark of orders: a Quart route that checks the same signature, inserts the order and answers.

Prints `ready` once it serves. Arguments: PORT STORE_URL DATABASE KEY_ID SECRET
"""

import hmac
import json
import sys
from typing import Final

import uvloop
from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, Response, request

from gateway.callers import SignedRequest
from gateway.http.signing import signature_of, string_to_sign
from ops.processes.garbage import freeze_what_stands
from ops.runtime.identifiers import SystemIdentifiers
from storage.mongo.connect import Store, connect

_KEEP_ALIVE_SECONDS: Final = 600.0
_REQUESTS_OF_A_CONNECTION: Final = 1_000_000
"""A connection rests while others are measured, and is kept as ours keeps it."""


def build(store: Store, key_id: str, secret: bytes) -> Quart:
    """One route."""
    app = Quart("naive")
    identifiers = SystemIdentifiers()

    @app.post("/v1/orders")
    async def place() -> Response:
        body = await request.body
        headers = request.headers
        asked = SignedRequest("POST", request.path, "", headers["Idempotency-Key"], body, {}, "")
        wanted = signature_of(secret, string_to_sign(asked, headers["X-PM-TIMESTAMP"]))
        known = headers["X-PM-API-KEY"] == key_id
        if not (known and hmac.compare_digest(wanted, headers["X-PM-SIGNATURE"])):
            return Response("{}", status=401, content_type="application/json")
        order = {**json.loads(body), "_id": identifiers.new("ord"), "state": "accepted"}
        await store.database["orders"].insert_one(order)
        return Response(json.dumps({"data": order}), content_type="application/json")

    @app.before_serving
    async def start() -> None:
        freeze_what_stands()
        print("ready", flush=True)

    return app


async def main(port: str, url: str, database: str, key_id: str, secret: str) -> None:
    """Serve until killed."""
    store = connect(url, database)
    await store.ping()
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = _KEEP_ALIVE_SECONDS
    config.keep_alive_max_requests = _REQUESTS_OF_A_CONNECTION
    await serve(build(store, key_id, secret.encode()), config)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:6]))
