"""The peer of the REST benchmark: an unsigned FastAPI route on uvicorn that returns the same bytes. Arguments: PORT BODY_FILE"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import Response


def build(body: bytes) -> FastAPI:
    """One route, one answer."""
    app = FastAPI()

    @app.get("/v1/quotes")
    async def quotes() -> Response:
        return Response(body, media_type="application/json")

    return app


if __name__ == "__main__":
    uvicorn.run(build(Path(sys.argv[2]).read_bytes()), host="127.0.0.1", port=int(sys.argv[1]), access_log=False)
