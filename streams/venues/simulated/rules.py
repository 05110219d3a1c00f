"""What is set up once about the simulated venue: fees, latency, capabilities, how long silences last."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b
from types import MappingProxyType
from typing import Final

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND
from storage.models.instruments import AssetClass
from storage.models.venues import Liquidity
from streams.venues.port import Capabilities


@dataclass(frozen=True, slots=True)
class FeeRates:
    """Shares of the notional (0.0001 = 1 basis point)."""

    maker: Decimal
    taker: Decimal

    def rate(self, liquidity: Liquidity) -> Decimal:
        """The share that a fill of this liquidity pays."""
        return self.maker if liquidity == "maker" else self.taker


def _rates(maker: str, taker: str) -> FeeRates:
    return FeeRates(Decimal(maker), Decimal(taker))


FEES: Final[Mapping[AssetClass, FeeRates]] = MappingProxyType(
    {
        "equity": _rates("0.0001", "0.0002"),
        "fx": _rates("0.00002", "0.00002"),
        "crypto": _rates("0.001", "0.001"),
        "futures": _rates("0.0002", "0.0005"),
        "metals": _rates("0.00005", "0.00005"),
        "prediction": _rates("0", "0.02"),
        "index": _rates("0", "0"),
    }
)


@dataclass(frozen=True, slots=True)
class LatencyModel:
    """How long a request is under way to the book: `base` plus up to `jitter` ms, fixed by seed and request."""

    base_ms: int = 0
    jitter_ms: int = 0
    seed: int = 0

    def of(self, order_id: str, seq: int) -> int:
        """Nanoseconds; always the same for the same request."""
        if not self.base_ms and not self.jitter_ms:
            return 0
        digest = blake2b(f"{self.seed}:{order_id}:{seq}".encode(), digest_size=8).digest()
        jitter = int.from_bytes(digest, "big") % (self.jitter_ms * NANOSECONDS_PER_MILLISECOND + 1)
        return self.base_ms * NANOSECONDS_PER_MILLISECOND + jitter


SIMULATED: Final = Capabilities(
    order_types=frozenset({"market", "limit", "stop"}),
    times_in_force=frozenset({"DAY", "GTC", "IOC", "FOK"}),
    post_only=True,
    stop_limit=True,
    amends=True,
    queues_when_closed=True,
)


@dataclass(frozen=True, slots=True)
class Rules:
    """`resolve_after`: how long after a timeout the venue is asked; `late_fill_after`: how long after the cancel a late
    fill comes; `disconnected_for`: how long the scenario `disconnect` keeps silent (all ns).
    """

    fees: Mapping[AssetClass, FeeRates] = field(default_factory=lambda: FEES)
    latency: LatencyModel = LatencyModel()
    capabilities: Capabilities = SIMULATED
    resolve_after: int = NANOSECONDS_PER_SECOND
    late_fill_after: int = NANOSECONDS_PER_SECOND // 2
    disconnected_for: int = 2 * NANOSECONDS_PER_SECOND
