"""The naive way of the bars benchmark: a plain Faust agent, one event a record, which decodes nothing and keeps nothing.

Arguments: BROKER TOPIC TOTAL GROUP
"""

import asyncio
import sys
import tempfile
from typing import Any

import faust

from ops.bench.meter import Meter


async def main(broker: str, topic: str, total: int, group: str) -> None:
    """Take `total` records from the beginning."""
    meter = Meter(total)
    with tempfile.TemporaryDirectory() as folder:
        app = faust.App(
            group,
            broker=f"kafka://{broker}",
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            store="memory://",
            autodiscover=False,
            datadir=folder,
        )

        @app.agent(app.topic(topic, value_type=bytes, value_serializer="raw", key_serializer="raw"))
        async def take(stream: Any) -> None:
            async for _ in stream:
                meter.count(1)

        starting = asyncio.create_task(app.start())
        await meter.done.wait()
        meter.say()
        await app.stop()
        await asyncio.wait([starting])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
