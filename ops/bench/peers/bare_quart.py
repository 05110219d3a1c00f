"""The yardstick of the REST benchmark: a bare Quart route that returns the same bytes to anyone. Arguments: PORT BODY_FILE"""

import sys
from pathlib import Path

import uvloop
from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, Response


def build(body: bytes) -> Quart:
    """One route, one answer."""
    app = Quart("bare")

    @app.get("/v1/quotes")
    async def quotes() -> Response:
        return Response(body, content_type="application/json")

    @app.before_serving
    async def start() -> None:
        print("ready", flush=True)

    return app


if __name__ == "__main__":
    config = Config()
    config.bind = [f"127.0.0.1:{sys.argv[1]}"]
    uvloop.run(serve(build(Path(sys.argv[2]).read_bytes()), config))
