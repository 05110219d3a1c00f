"""The log by URL: `memory://` is in this process, `kafka://host:port[,host:port]` is a cluster."""

from ops.runtime.clock import Clock
from storage.log.kafka import KafkaLog
from storage.log.kafka_clients import Compression
from storage.log.memory import MemoryLog
from storage.log.port import Log
from storage.topics import Topics


def open_log(url: str, topics: Topics, clock: Clock, compression: Compression = "zstd") -> Log:
    """The adapter for `url`, not connected yet (see `Log.start`).

    Raises `ValueError` for a URL that is neither form. `clock` and `compression` are for the adapter that needs them.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "memory" and separator and not rest:
        return MemoryLog(topics, clock)
    if scheme == "kafka" and separator:
        return KafkaLog(_bootstrap(url, rest), topics, compression)
    raise ValueError(f"the log's URL must be memory:// or kafka://host:port[,host:port], not {url!r}")


def _bootstrap(url: str, rest: str) -> str:
    for address in rest.split(","):
        host, _, port = address.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
            raise ValueError(f"the log's URL {url!r} names {address!r}, which is not host:port")
    return rest
