"""The routes about the platform itself: status, time, errors, and the document of all routes."""

from typing import Final, NamedTuple

import msgspec

from gateway.http.answer import Answer
from gateway.http.answers import JSON, Answers
from gateway.http.calls import PublicCall, SignedCall
from gateway.http.contract import Document
from gateway.http.docs_page import DOCS_POLICY, docs_page
from gateway.http.edge import Edge
from gateway.http.exchange import Exchange
from gateway.http.routes import Routes
from gateway.system.probe import StatusProbe
from gateway.system.status import overall
from ops.runtime.clock import Clock, milliseconds
from ops.runtime.errors import CATALOGUE
from ops.runtime.languages import Languages
from ops.runtime.timestamps import format_timestamp

BUILT: Final = frozenset({"getSystemStatus", "getTime", "listErrors", "getOpenApi", "getDocs"})


def register_system(
    routes: Routes, edge: Edge, *, clock: Clock, languages: Languages, probe: StatusProbe, mode: str
) -> None:
    """Add status (for keys with `market:read`), time and errors (for anyone)."""
    catalogue = _catalogue(languages)

    async def status(call: SignedCall) -> bytes:
        components = await probe.components()
        condition = overall(components)
        return msgspec.json.encode(
            {
                "overall": condition,
                "label": languages.label(f"label.status.{condition}", call.language),
                "mode": mode,
                "components": [{"name": part.name, "status": part.status} for part in components],
                "updated_at": format_timestamp(call.now),
            }
        )

    async def time(_call: PublicCall) -> bytes:
        now = clock.now()
        return msgspec.json.encode({"server_time": milliseconds(now), "ts": format_timestamp(now)})

    async def errors(_call: PublicCall) -> bytes:
        return catalogue

    routes.read("/v1/status", "getSystemStatus", edge.signed("getSystemStatus", "market:read", 1, status))
    routes.read("/public/v1/time", "getTime", edge.public("getTime", time))
    routes.read("/public/v1/errors", "listErrors", edge.public("listErrors", errors))


class Documented(NamedTuple):
    """The contract as it is served."""

    as_json: bytes
    as_page: bytes

    @classmethod
    def of(cls, document: Document) -> "Documented":
        """Both forms of one document."""
        return cls(msgspec.json.encode(document), docs_page(document).encode())


def register_document(routes: Routes, edge: Edge, answers: Answers, documented: Documented) -> None:
    """Add `/openapi.json` and `/docs`."""

    def openapi(exchange: Exchange) -> Answer:
        return answers.raw(exchange, documented.as_json, JSON)

    def docs(exchange: Exchange) -> Answer:
        return answers.raw(exchange, documented.as_page, b"text/html; charset=utf-8", policy=DOCS_POLICY)

    routes.read("/openapi.json", "getOpenApi", edge.page("getOpenApi", openapi))
    routes.read("/docs", "getDocs", edge.page("getDocs", docs))


def _catalogue(languages: Languages) -> bytes:
    items = [
        {
            "code": kind.code,
            "status": kind.status,
            "retryable": kind.retryable,
            "messages": languages.of_code(kind.code),
            "help": kind.help,
        }
        for kind in CATALOGUE.values()
    ]
    return msgspec.json.encode({"items": items, "next_page_token": None})
