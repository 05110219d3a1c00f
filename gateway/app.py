"""Builds the Quart app out of the parts it is given. Building starts nothing and connects to nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from quart import Quart

from gateway import people
from gateway.access import routes as access
from gateway.account import routes as account
from gateway.account.standing import Standing
from gateway.callers import Authenticator, BearerAuthenticator
from gateway.connectors import routes as connectors
from gateway.http.answers import Answers
from gateway.http.body import BODY_BYTES, BODY_SECONDS
from gateway.http.contract import load_additions, load_contract
from gateway.http.cors import CrossOrigin
from gateway.http.edge import Edge
from gateway.http.exchange import Exchanges
from gateway.http.failures import register_failures
from gateway.http.idempotency import IdempotencyBook
from gateway.http.limits import Limiter
from gateway.http.measures import RequestMeasures
from gateway.http.openapi import build_document
from gateway.http.page_tokens import PageTokens
from gateway.http.routes import FixedFirst, Routes
from gateway.identity import platform_keys
from gateway.market import routes as market
from gateway.market.bars import BarDocuments
from gateway.market.ports import ReferenceSource
from gateway.market.quotes import LatestQuoteSource
from gateway.people import PeopleParts
from gateway.quote_board import QuoteBoard
from gateway.system import routes as system
from gateway.system.probe import StatusProbe
from gateway.trading import read_routes as trading_reads
from gateway.trading import routes as trading
from gateway.trading.parts import TradingParts
from ops.runtime.clock import Clock
from ops.runtime.identifiers import Identifiers
from ops.runtime.languages import load_languages
from ops.runtime.settings import Settings
from storage.signing_keys import SigningKeys

BUILT: Final = (
    market.BUILT
    | system.BUILT
    | trading.BUILT
    | trading_reads.BUILT
    | account.BUILT
    | access.BUILT
    | platform_keys.BUILT
    | connectors.BUILT
    | people.BUILT
)


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """What the gateway is made of. `extensions` add routes of their own to the app (the WebSocket does)."""

    settings: Settings
    clock: Clock
    identifiers: Identifiers
    authenticator: Authenticator
    bearers: BearerAuthenticator
    idempotency: IdempotencyBook
    signing_keys: SigningKeys
    limiter: Limiter
    measures: RequestMeasures
    board: QuoteBoard
    latest_quotes: LatestQuoteSource
    bars: BarDocuments
    reference: ReferenceSource
    probe: StatusProbe
    trading: TradingParts
    people: PeopleParts
    extensions: Sequence[Callable[[Quart], None]] = ()


def build_app(parts: GatewayParts) -> Quart:
    """The gateway's ASGI app. Raises `ValueError` when a translation is missing."""
    settings = parts.settings
    app = _bare_app()
    languages = load_languages()
    cross_origin = CrossOrigin(settings.cors_origins)
    answers = Answers(languages, parts.clock, cross_origin, transport_is_secure=settings.mode == "production")
    exchanges = Exchanges(parts.clock, parts.identifiers, settings.trusted_proxy_hops)
    edge = Edge(
        exchanges=exchanges,
        answers=answers,
        authenticator=parts.authenticator,
        bearers=parts.bearers,
        idempotency=parts.idempotency,
        limiter=parts.limiter,
        measures=parts.measures,
        clock=parts.clock,
    )
    register_failures(app, edge, cross_origin)
    routes = Routes(app)
    system.register_system(routes, edge, clock=parts.clock, languages=languages, probe=parts.probe, mode=settings.mode)
    tokens = PageTokens(settings.key_ring.get_secret_value().encode())
    market.register_market(
        routes,
        edge,
        board=parts.board,
        latest_quotes=parts.latest_quotes,
        bars=parts.bars,
        reference=parts.reference,
        tokens=tokens,
    )
    _register_trading(routes, edge, parts, tokens)
    connected = parts.people.administration.connectors
    platform_keys.register_platform_keys(routes, edge, parts.signing_keys, connected.vault)
    connectors.register_connectors(routes, edge, connected, tokens)
    access.register_access(routes, edge, parts.people.access, tokens)
    people.register_people(routes, edge, parts.people, tokens)
    system.register_document(routes, edge, answers, _documented())
    app.asgi_app = FixedFirst(app.asgi_app, routes.fixed, edge)  # type: ignore[method-assign,assignment,arg-type]
    for extend in parts.extensions:
        extend(app)
    return app


@cache
def _documented() -> "system.Documented":
    """The same for every gateway of this version."""
    return system.Documented.of(build_document(load_contract(), load_additions()))


def _register_trading(routes: Routes, edge: Edge, parts: GatewayParts, tokens: PageTokens) -> None:
    own, standing = parts.trading, Standing(parts.trading.accounts, parts.trading.patience)
    trading.register_trading(
        routes,
        edge,
        decisions=own.decisions,
        requests=own.requests,
        answers=own.answers,
        orders=own.orders,
        accounts=own.accounts,
        reference=parts.reference,
        identifiers=parts.identifiers,
        settle_seconds=own.settle_seconds,
    )
    trading_reads.register_trading_reads(
        routes,
        edge,
        standing=standing,
        orders=own.orders,
        fills=own.fills,
        reference=parts.reference,
        tokens=tokens,
    )
    account.register_account(
        routes,
        edge,
        standing=standing,
        positions=own.positions,
        signals=own.signals,
        halts=own.halts,
        board=parts.board,
        reference=parts.reference,
        tokens=tokens,
    )


def _bare_app() -> Quart:
    """Quart without what it would answer by itself: redirects, OPTIONS, static files."""
    app = Quart("gateway", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES
    app.config["BODY_TIMEOUT"] = BODY_SECONDS
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    return app
