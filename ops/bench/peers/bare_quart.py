"""The naive way in the REST benchmark: bare Quart routes that return the same bytes to anyone. Arguments:
PORT SERVER QUOTES_FILE ORDER_FILE"""

import sys
from pathlib import Path

import uvloop
from quart import Quart, Response, request

from ops.bench.peers.rest_server import serve_on


def build(quotes_body: bytes, order_body: bytes) -> Quart:
    """Two routes, one answer each. A body that was sent is read and not looked at."""
    app = Quart("bare")

    @app.get("/v1/quotes")
    async def quotes() -> Response:
        return Response(quotes_body, content_type="application/json")

    @app.post("/v1/orders")
    async def place() -> Response:
        await request.get_data()
        return Response(order_body, content_type="application/json")

    return app


if __name__ == "__main__":
    port, server, *files = sys.argv[1:]
    uvloop.run(serve_on(server, build(*(Path(file).read_bytes() for file in files)), int(port), "ready"))
