"""Ours in the REST benchmark: the gateway over log and store in memory with one quote, and nothing that publishes.

Prints one JSON line with a key once it serves. Arguments: PORT SERVER
"""

import asyncio
import json
import sys

import uvloop

from ops.bench.market import quote_of
from ops.bench.peers.rest_server import serve_on
from ops.processes.commands.keys import create
from ops.processes.gateway_parts import open_gateway
from ops.processes.lifetime import Background
from ops.processes.local import set_up
from ops.processes.platform import opened_platform
from ops.processes.reference_watch import ReferenceWatch
from ops.runtime.settings import Settings
from storage.jobs import open_jobs
from storage.log.port import Message
from storage.models.market_data import encode
from storage.topics import QUOTES

SYMBOL = "BTCUSDT.BINANCE"
PLENTY = 100_000_000


async def main(port: int, server: str) -> None:
    """Serve until killed."""
    settings = Settings(market_weight_per_minute=PLENTY)
    async with opened_platform(settings) as platform:
        await set_up(platform)
        instrument = (await ReferenceWatch.opened(platform))().instruments[SYMBOL]
        await platform.log.append(QUOTES, Message(SYMBOL.encode(), encode(quote_of(instrument, platform.clock.now()))))
        background = Background(asyncio.Event())
        reference = await ReferenceWatch.opened(platform)
        jobs = open_jobs(settings.jobs_url, platform.metrics)
        gateway = await open_gateway(platform, background, reference, jobs, quote_group="nobody", roles={})
        await gateway.hub.caught_up()
        async for key in create(platform, {"tenant_name": "bench"}):
            line = json.dumps({"api_key": key["key_id"], "api_secret": key["api_secret"]})
        await serve_on(server, gateway.app, port, line)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
