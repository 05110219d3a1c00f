"""Makes and starts aiokafka's clients the one way that we use them, and turns a failed start into one readable line."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from storage.log.port import LogUnavailable

Compression = Literal["none", "lz4", "zstd"]
START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 2.0
REQUEST_MS: Final = 10_000
# How long the broker holds a fetch that finds nothing. A partition that is added to a tail starts only after the fetch
# that is under way, so this is also the most that `Tail.add` takes where a tail is growing.
FETCH_WAIT_MS: Final = 100
# Of a tail to which nothing is added: each fetch that finds nothing costs a millisecond, here and at the broker.
LONG_FETCH_WAIT_MS: Final = 1_000
_TAKEN_WITHIN_SECONDS: Final = 60.0
BATCH_BYTES: Final = 256 * 1024
LARGEST_REQUEST_BYTES: Final = 16 * 1024 * 1024
_log = logging.getLogger(__name__)


class Startable(Protocol):
    """What producers and consumers have in common."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


async def start(client: Startable, bootstrap: str) -> None:
    """Start a producer or consumer within `START_SECONDS`, or close it again and raise `LogUnavailable`."""
    try:
        async with asyncio.timeout(START_SECONDS):
            await client.start()
        await asyncio.sleep(0)  # a consumer that is stopped before its tasks have run once raises CancelledError
    except (KafkaError, OSError, TimeoutError) as error:
        await client.stop()
        raise unavailable(bootstrap, error) from error
    except asyncio.CancelledError:
        await client.stop()
        raise


async def stop(client: Startable, again_seconds: float = STOP_SECONDS) -> None:
    """Stop a consumer, and ask again each `again_seconds` until it has ended.

    aiokafka's fetcher takes being cancelled for the end of an offset request, when one is under way at that moment, and
    goes on; `stop` then waits for it without end. A cancel of `stop` reaches the fetcher once more.
    """
    stopping = asyncio.ensure_future(client.stop())
    while not (await asyncio.wait({stopping}, timeout=again_seconds))[0]:
        _log.warning("a Kafka consumer has not stopped within %s s: asked again", again_seconds)
        stopping.cancel()
    with suppress(asyncio.CancelledError):
        await stopping


def unavailable(bootstrap: str, error: BaseException) -> LogUnavailable:
    """The error in one line that names the address."""
    what = f"{type(error).__name__}: {error}".replace("\n", " ")
    return LogUnavailable(f"no Kafka broker answers at {bootstrap} ({what}); is it running and the address right?")


def consumer(bootstrap: str, group: str | None = None, wait_ms: int = FETCH_WAIT_MS) -> AIOKafkaConsumer:
    """A consumer that never commits by itself and never moves to another offset by itself."""
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="omniaxs",
        group_id=group,
        auto_offset_reset="none",
        enable_auto_commit=False,
        fetch_max_wait_ms=wait_ms,
        request_timeout_ms=REQUEST_MS,
    )


def fetch_when_taken(reader: AIOKafkaConsumer) -> None:
    """Fetch only once all that was fetched is taken. By itself a started consumer waits for that a tenth of a second, and
    then fetches without the partitions of which something is left: their next records wait until that fetch ends.
    """
    reader._fetcher._prefetch_backoff = _TAKEN_WITHIN_SECONDS  # noqa: SLF001


def producer(bootstrap: str, compression: Compression) -> AIOKafkaProducer:
    """An idempotent producer without linger. Its request timeout is the library's (40 s): a batch whose partition has
    no leader for that long is given up, so it must outlast the restart of a broker.
    """
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id="omniaxs",
        enable_idempotence=True,
        acks="all",
        compression_type=None if compression == "none" else compression,
        max_batch_size=BATCH_BYTES,
        max_request_size=LARGEST_REQUEST_BYTES,
        linger_ms=0,
    )


@asynccontextmanager
async def admin_client(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client, closed at the end. Raises `LogUnavailable`."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="omniaxs", request_timeout_ms=REQUEST_MS)
    try:
        try:
            async with asyncio.timeout(START_SECONDS):
                await client.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise unavailable(bootstrap, error) from error
        yield client
    finally:
        await client.close()
