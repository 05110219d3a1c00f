"""The peer of the REST benchmark: unsigned FastAPI routes on uvicorn that return the same bytes. Arguments:
PORT SERVER QUOTES_FILE ORDER_FILE"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from ops.processes.garbage import freeze_what_stands

_NUMBER = r"^[0-9]+(\.[0-9]+)?$"


class Order(BaseModel):
    """The shape of an order, without the rules between its fields."""

    model_config = ConfigDict(extra="forbid")

    symbol: str = Field(min_length=1, max_length=128)
    side: Literal["buy", "sell"]
    type: Literal["market", "limit", "stop"]
    quantity: str | None = Field(default=None, pattern=_NUMBER)
    notional: str | None = Field(default=None, pattern=_NUMBER)
    price: str | None = Field(default=None, pattern=_NUMBER)
    stop_price: str | None = Field(default=None, pattern=_NUMBER)
    time_in_force: Literal["DAY", "GTC", "IOC", "FOK"] | None = None
    venue: str | None = Field(default=None, min_length=1, max_length=128)
    reduce_only: bool = False
    post_only: bool = False
    strategy_id: str | None = Field(default=None, min_length=1, max_length=128)
    client_order_id: str | None = Field(default=None, min_length=1, max_length=128)


@asynccontextmanager
async def _settled(_app: FastAPI) -> AsyncIterator[None]:
    """As `serve_on` does it for the others: everything is assembled, nothing is served yet."""
    freeze_what_stands()
    yield


def build(quotes_body: bytes, order_body: bytes) -> FastAPI:
    """An answer for each path. `/v1/orders` reads its body and does not look at it: the least that a route can do;
    `/v1/checked-orders` checks it as FastAPI does.
    """
    app = FastAPI(lifespan=_settled)

    @app.get("/v1/quotes")
    async def quotes() -> Response:
        return Response(quotes_body, media_type="application/json")

    @app.post("/v1/orders")
    async def place(request: Request) -> Response:
        await request.body()
        return Response(order_body, media_type="application/json")

    @app.post("/v1/checked-orders")
    async def place_checked(order: Order) -> Response:
        del order
        return Response(order_body, media_type="application/json")

    return app


if __name__ == "__main__":
    port, server, *files = sys.argv[1:]
    if server != "uvicorn":
        raise SystemExit(f"FastAPI is measured on uvicorn, not on {server}")
    app = build(*(Path(file).read_bytes() for file in files))
    uvicorn.run(app, host="127.0.0.1", port=int(port), access_log=False)
