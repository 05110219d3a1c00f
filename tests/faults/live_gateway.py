"""A gateway's WebSocket as a process of its own, for tests that kill it. Arguments: broker, prefix. Prints `ready PORT`."""

import asyncio
import logging
import signal
import socket
import sys
from types import MappingProxyType, SimpleNamespace
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart

from gateway.callers import Caller, SignedRequest
from gateway.live.hub import LiveHub
from gateway.live.register import register_live
from gateway.live.sockets import LiveSockets
from gateway.live.transport import configure_server
from ops.runtime.clock import SystemClock
from ops.runtime.errors import HubError
from ops.runtime.languages import load_languages
from storage.log.kafka import KafkaLog
from storage.models.tenants import ALL_SCOPES
from storage.topics import TRADES, Topics

PARTITIONS = {TRADES: 4}
LOG_ID = "00000000-0000-7000-8000-000000000001"


class EveryKey:
    """Takes every key."""

    async def authenticate(self, request: SignedRequest) -> Caller:
        return Caller(request.headers["x-pm-api-key"], "ten_1", None, frozenset(ALL_SCOPES), "en-US")

    def refusal(self, key_id: str) -> HubError | None:
        return None


class NoSeeds:
    """A store without quotes."""

    async def all(self) -> list[Any]:
        return []


async def main(broker: str, prefix: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    clock, topics = SystemClock(), Topics(PARTITIONS, prefix=prefix)
    log = KafkaLog(broker, topics)
    await log.start()
    log_ids = {spec.name: LOG_ID for spec in topics}
    hub = LiveHub(log, topics, log_ids=log_ids, latest_quotes=NoSeeds(), quote_group="latest-quotes", clock=clock)
    await hub.start()
    reference: Any = SimpleNamespace(instruments=MappingProxyType({}))
    sockets = LiveSockets(
        hub, EveryKey(), reference=lambda: reference, languages=load_languages(), clock=clock, metrics=None
    )
    sockets.start()
    app = Quart(__name__)
    register_live(app, sockets, lambda scope: scope["client"][0])
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    configure_server(config, hub.limits)
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]
    sys.stdout.write(f"ready {port}\n")
    sys.stdout.flush()
    await serving
    await sockets.stop()
    await hub.stop()
    await log.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    asyncio.run(main(*sys.argv[1:3]))
