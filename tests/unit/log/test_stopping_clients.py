"""A Kafka consumer that misses that it is to stop is asked again."""

import asyncio

from storage.log.kafka_clients import stop


class Deaf:
    """Takes the first cancel of what it waits for as something else, as aiokafka's fetcher may."""

    def __init__(self) -> None:
        self.cancels = 0
        self.ended = False

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        while self.cancels < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancels += 1
        self.ended = True


async def test_one_that_misses_a_cancel_is_asked_again():
    client = Deaf()
    await asyncio.wait_for(stop(client, again_seconds=0.001), 10)
    assert client.ended
    assert client.cancels == 2


async def test_one_that_stops_is_not_cancelled():
    client = Deaf()
    client.cancels = 2
    await stop(client)
    assert client.ended
    assert client.cancels == 2
