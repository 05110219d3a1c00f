"""The yardstick of the bars benchmark: aiokafka's `getmany`, which only counts. Arguments: BROKER TOPIC TOTAL"""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer

from ops.bench.meter import Meter


async def main(broker: str, topic: str, total: int) -> None:
    """Read `total` records from the beginning."""
    meter = Meter(total)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker, auto_offset_reset="earliest")
    await consumer.start()
    while not meter.done.is_set():
        for records in (await consumer.getmany(timeout_ms=1_000, max_records=1_000)).values():
            meter.count(len(records))
    await consumer.stop()
    meter.say()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
