"""Wires the gateway: keys, limits, the live hub, REST and WebSocket, and what it says of its own health."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import cast

from hypercorn.config import Config
from quart import Quart

from gateway.app import GatewayParts, build_app
from gateway.http.exchange import Exchanges
from gateway.http.idempotency import IdempotencyBook
from gateway.http.keys import KeyCache
from gateway.http.limit_merger import open_limit_merger
from gateway.http.limits import Limiter
from gateway.http.measures import PrometheusMeasures
from gateway.http.sessions import SessionCache
from gateway.identity.sessions.access_tokens import ISSUER, AccessTokens
from gateway.identity_watch import IdentityWatch
from gateway.live.hub import LiveHub
from gateway.live.limits import LiveLimits
from gateway.live.register import register_live
from gateway.live.sockets import LiveSockets
from gateway.live.transport import configure_server
from gateway.people import PeopleParts
from gateway.system.probe import PlatformProbe
from gateway.trading.parts import TradingParts
from ops.processes.checks import QUOTES_BOUND, decisions_check, log_check, store_check
from ops.processes.lifetime import Background
from ops.processes.live_parts import account_snapshots, active_signals, cancel_on_disconnect, order_owners
from ops.processes.people_parts import end_people, people_parts
from ops.processes.platform import Platform
from ops.processes.reference_watch import ReferenceWatch
from ops.processes.serving import PublicSockets, serve_until, tls_files
from ops.processes.trading_parts import open_trading
from ops.runtime.health import Health
from ops.runtime.languages import load_languages
from ops.runtime.settings import Settings
from storage.jobs import DramatiqJobs
from storage.log.port import LogUnavailable
from storage.log.shared_tails import SharedTails
from storage.models.market_data import Timeframe, encode
from storage.models.operations import Role
from storage.models.wire_bars import wire_bar
from storage.mongo.admins import Admins
from storage.mongo.api_keys import ApiKeys
from storage.mongo.bars import Bars
from storage.mongo.heartbeats import Heartbeats
from storage.mongo.idempotency import IdempotencyRecords
from storage.mongo.latest_quotes import LatestQuotes
from storage.mongo.log_identities import LogIdentities
from storage.mongo.sessions import Sessions
from storage.mongo.tenants import Tenants
from storage.mongo.users import Users
from storage.signing_keys import SigningKeys
from storage.topics import ORDER_EVENTS, RISK_SIGNALS


@dataclass(frozen=True, slots=True)
class Gateway:
    """A wired gateway: its app, what is behind it, and whether it is well."""

    app: Quart
    hub: LiveHub
    sockets: LiveSockets
    health: Health
    people: PeopleParts

    async def serve(self, listener: socket.socket, settings: Settings, stop: asyncio.Event) -> None:
        """Serve the app until `stop`, then let running requests end; the server is set up as the WebSocket needs it."""
        await serve_until(
            self.app,
            listener,
            stop,
            drain_seconds=settings.drain_seconds,
            tls=tls_files(settings),
            configure=self._configure,
        )

    async def serve_rest(self, listener: socket.socket, settings: Settings, stop: asyncio.Event) -> None:
        """Serve the app's REST by the server of the settings until `stop`, then let running requests end."""
        server = import_module(
            f"ops.processes.rest_on_{settings.rest_server}"
        )  # the others cost starts that do not ask
        await server.serve_rest_until(
            self.app, listener, stop, drain_seconds=settings.drain_seconds, tls=tls_files(settings)
        )

    def start_serving(
        self, background: Background, sockets: PublicSockets, settings: Settings, stop: asyncio.Event
    ) -> list[asyncio.Task[None]]:
        """Serve on all public sockets until `stop`; the tasks end when the last request has."""
        tasks = [background.start(self.serve(sockets.all, settings, stop), "gateway")]
        if sockets.rest is not None:
            tasks.append(background.start(self.serve_rest(sockets.rest, settings, stop), "REST"))
        return tasks

    async def drain(self, seconds: float) -> None:
        """Not ready from now on; tell WebSocket clients, and see them off."""
        self.health.drain()
        await self.sockets.drain(min(seconds, 2.0))

    def _configure(self, config: Config) -> None:
        """Sizes, no pings beside ours, HTTP/1.1 alone."""
        configure_server(config, self.sockets.limits)


class _NewestBars:
    """The newest bar of each symbol, as JSON, for the first subscriber of a timeframe."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars

    async def newest(self, timeframe: str) -> Mapping[str, bytes]:
        found = await self._bars.newest_of(cast("Timeframe", timeframe))
        return {document.symbol: encode(wire_bar(document)) for document in found}


async def open_gateway(
    platform: Platform,
    background: Background,
    reference: ReferenceWatch,
    jobs: DramatiqJobs,
    *,
    quote_group: str,
    roles: Mapping[str, frozenset[Role]],
) -> Gateway:
    """Everything of a gateway, reading the log, not yet serving. `quote_group` writes the latest quotes; of each component
    (`streams`, `workers`) one process of its `roles` must beat for it to be operational. `jobs` start what answers do not
    wait for.

    Raises `LogUnavailable`, `StoreUnavailable`, and `UnsupportedServer` on another hypercorn than the pinned one.
    """
    # Decisions and `orders.*` read the same records: each of them is fetched once. What is added to a shared tail is read
    # at once, without fetches that come back after a tenth of a second.
    platform = replace(platform, log=SharedTails(platform.log, platform.topics, [ORDER_EVENTS, RISK_SIGNALS]))
    settings, database = platform.settings, platform.store.database
    keys = KeyCache(
        ApiKeys(database), Tenants(database), Users(database), platform.key_ring, platform.clock,
        metrics=platform.metrics, explains=settings.mode != "production",
    )  # fmt: skip
    signing_keys = SigningKeys.parse(settings.signing_keys.get_secret_value())
    access_tokens = AccessTokens(signing_keys, ISSUER)
    sessions = SessionCache(
        access_tokens, sessions=Sessions(database), users=Users(database), admins=Admins(database),
        tenants=Tenants(database), clock=platform.clock, metrics=platform.metrics,
    )  # fmt: skip
    hub = await _hub(platform, quote_group)
    trading = open_trading(platform, background)
    sockets = LiveSockets(
        hub, keys, reference=reference, languages=load_languages(), clock=platform.clock, metrics=platform.metrics,
        cancel_on_disconnect=cancel_on_disconnect(platform, trading.decisions),
    )  # fmt: skip
    limiter = _limiter(platform)
    people = people_parts(
        platform, limiter=limiter, access_tokens=access_tokens, decisions=trading.decisions, jobs=jobs, reference=reference
    )  # fmt: skip
    app = build_app(
        _parts(
            platform, reference, keys=keys, sessions=sessions, signing_keys=signing_keys, hub=hub, limiter=limiter,
            sockets=sockets, roles=roles, jobs=jobs, trading=trading, people=people,
        )
    )  # fmt: skip
    await hub.start()
    background.start(keys.run(), "API keys")
    background.start(sessions.run(), "sessions")
    background.start(IdentityWatch(platform.log, (keys, sessions), sockets).run(), "identity events")
    merger = open_limit_merger(settings.limits_url, limiter.counts, platform.metrics)
    if merger is not None:
        background.start(merger.run(), "limits")
    background.start(_until_failure(hub), "live hub")
    sockets.start()
    health = _health(platform, hub)
    health.add("decisions", decisions_check(trading.decisions))
    return Gateway(app, hub, sockets, health, people)


def _limiter(platform: Platform) -> Limiter:
    settings = platform.settings
    return Limiter(
        platform.clock,
        market_per_minute=settings.market_weight_per_minute,
        public_per_minute=settings.public_requests_per_minute,
        account_per_minute=settings.account_reads_per_minute,
        orders_per_second=settings.orders_per_second,
        orders_per_day=settings.orders_per_day,
        cancels_per_second=settings.cancels_per_second,
        auth_per_minute=settings.auth_requests_per_minute,
        auth_attempts_per_minute=settings.auth_attempts_per_minute,
        wrong_passwords=settings.wrong_passwords,
        user_per_minute=settings.user_requests_per_minute,
        admin_per_minute=settings.admin_requests_per_minute,
    )


async def _hub(platform: Platform, quote_group: str) -> LiveHub:
    database = platform.store.database
    return LiveHub(
        platform.log,
        platform.topics,
        log_ids=await LogIdentities(database).get_all(),
        latest_quotes=LatestQuotes(database),
        quote_group=quote_group,
        clock=platform.clock,
        limits=_limits(platform.settings),
        newest_bars=_NewestBars(Bars(database)),
        order_owners=order_owners(platform),
        accounts=account_snapshots(platform),
        signals=active_signals(platform),
        metrics=platform.metrics,
    )


def _parts(
    platform: Platform,
    reference: ReferenceWatch,
    *,
    keys: KeyCache,
    sessions: SessionCache,
    signing_keys: SigningKeys,
    hub: LiveHub,
    limiter: Limiter,
    sockets: LiveSockets,
    roles: Mapping[str, frozenset[Role]],
    jobs: DramatiqJobs,
    trading: TradingParts,
    people: PeopleParts,
) -> GatewayParts:
    settings, database = platform.settings, platform.store.database
    exchanges = Exchanges(platform.clock, platform.identifiers, settings.trusted_proxy_hops)
    probe = PlatformProbe(
        clock=platform.clock,
        heartbeats=Heartbeats(database),
        checks={
            "gateway": _well,
            "database": store_check(platform),
            "log": log_check(platform),
            "jobs": jobs.problem,
        },
        roles=roles,
        board=hub,
        reference=reference,
    )
    return GatewayParts(
        settings=settings,
        clock=platform.clock,
        identifiers=platform.identifiers,
        authenticator=keys,
        bearers=sessions,
        idempotency=IdempotencyBook(
            IdempotencyRecords(database), platform.key_ring, platform.identifiers, platform.clock
        ),
        signing_keys=signing_keys,
        limiter=limiter,
        measures=PrometheusMeasures(platform.metrics),
        board=hub,
        latest_quotes=LatestQuotes(database),
        bars=Bars(database),
        reference=reference,
        probe=probe,
        trading=trading,
        people=people,
        extensions=(lambda app: register_live(app, sockets, exchanges.address),),
    )


async def close_gateway(gateway: Gateway) -> None:
    """Finish what answers did not wait for, stop looking after sockets and reading the log."""
    await end_people(gateway.people)
    await gateway.sockets.stop()
    await gateway.hub.stop()


def _limits(settings: Settings) -> LiveLimits:
    return LiveLimits(
        message_bytes=settings.websocket_message_bytes,
        topics=settings.websocket_topics,
        messages_per_second=settings.websocket_messages_per_second,
        buffered_bytes=settings.websocket_buffer_bytes,
        lossless_bytes=settings.websocket_lossless_bytes,
        connections_per_key=settings.connections_per_key,
    )


def _health(platform: Platform, hub: LiveHub) -> Health:
    health = Health()
    health.add("store", store_check(platform))
    health.add("log", log_check(platform))

    async def hub_has_caught_up() -> str | None:
        return None if hub.ready else "has not yet read the quotes that were on the log at its start"

    async def hub_is_near() -> str | None:
        try:
            behind = await hub.behind()
        except LogUnavailable as error:
            return str(error)
        return f"{behind} quotes behind" if behind > QUOTES_BOUND else None

    health.add("live hub", hub_has_caught_up)
    health.add("live quotes", hub_is_near)
    return health


async def _well() -> str | None:
    return None


async def _until_failure(hub: LiveHub) -> None:
    """Raise what ended a feed of the hub: the process cannot serve without it."""
    if hub.failure is not None:
        await asyncio.shield(hub.failure)
