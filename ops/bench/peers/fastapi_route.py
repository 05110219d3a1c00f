"""The peer of the REST benchmark: unsigned FastAPI routes on uvicorn that return the same bytes. Arguments:
PORT SERVER QUOTES_FILE ORDER_FILE"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response


def build(quotes_body: bytes, order_body: bytes) -> FastAPI:
    """Two routes, one answer each. A body that was sent is read and not looked at: the least that a route can do."""
    app = FastAPI()

    @app.get("/v1/quotes")
    async def quotes() -> Response:
        return Response(quotes_body, media_type="application/json")

    @app.post("/v1/orders")
    async def place(request: Request) -> Response:
        await request.body()
        return Response(order_body, media_type="application/json")

    return app


if __name__ == "__main__":
    port, server, *files = sys.argv[1:]
    if server != "uvicorn":
        raise SystemExit(f"FastAPI is measured on uvicorn, not on {server}")
    app = build(*(Path(file).read_bytes() for file in files))
    uvicorn.run(app, host="127.0.0.1", port=int(port), access_log=False)
