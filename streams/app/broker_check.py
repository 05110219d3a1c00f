"""What must be true of the broker before a worker starts, refused in one readable line each."""

import asyncio
from collections.abc import Collection

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from storage.log.port import LogUnavailable


async def check_topics(address: str, topics: Collection[str], seconds: float = 10.0) -> None:
    """Raise `LogUnavailable` unless the broker at `address` answers within `seconds` and has all of `topics`."""
    client = AIOKafkaAdminClient(bootstrap_servers=address)
    try:
        async with asyncio.timeout(seconds):
            await client.start()
            found = set(await client.list_topics())
    except (KafkaError, TimeoutError, OSError) as error:
        raise LogUnavailable(f"Kafka at {address} cannot be reached: {error or type(error).__name__}") from error
    finally:
        await client.close()
    missing = sorted(set(topics) - found)
    if missing:
        raise LogUnavailable(f"Kafka at {address} has no topic {', '.join(missing)}: run `omniaxs topics apply`")
