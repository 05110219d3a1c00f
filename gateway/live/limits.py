"""What one connection may do and how much may wait for it."""

from dataclasses import dataclass
from typing import Final

WAITING_MESSAGES: Final = 30
"""Of one connection, that were read and are not answered yet."""


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """Limits of one connection (and `connections_per_key` of one API key on one gateway).

    A client is slow while more than `slow_bytes` stand in its write buffer. `queued_messages` bounds the queue of trades
    of a slow client, `lossless_bytes` what waits of orders and risk before 4413; `buffered_bytes` bounds everything.
    """

    message_bytes: int = 64 * 1024
    topics: int = 1_024
    messages_per_second: int = 20
    buffered_bytes: int = 8 * 1024 * 1024
    lossless_bytes: int = 1024 * 1024
    queued_messages: int = 2_048
    slow_bytes: int = 128 * 1024
    connections_per_key: int = 20
