"""Last step on the road of a trade (b), `GET /v1/bars`: bars of a symbol and timeframe out of the read model."""

import asyncio
from typing import Final, Protocol

import msgspec

from gateway.http.calls import SignedCall
from gateway.http.query import QueryReader
from gateway.market.moments import moment
from gateway.market.ports import ReferenceSource
from ops.runtime.errors import HubError
from storage.models.bars import BarDocument
from storage.models.market_data import TIMEFRAMES, Timeframe
from storage.models.wire_bars import wire_bar

MOST_BARS: Final = 5_000
USUAL_BARS: Final = 200
STORE_SECONDS: Final = 10.0
_LAST_MOMENT: Final = 10**19 - 1


class BarDocuments(Protocol):
    """The bar documents (storage/mongo/bars.py). Bounds are nanoseconds, `[start, end)`, None: open."""

    async def range(
        self, symbol: str, timeframe: Timeframe, start: int | None, end: int | None, limit: int
    ) -> list[BarDocument]: ...


class Bars:
    """Answers bars, oldest first: the newest `limit` of the range."""

    def __init__(self, bars: BarDocuments, reference: ReferenceSource) -> None:
        self._bars = bars
        self._reference = reference

    async def handle(self, call: SignedCall) -> bytes:
        """`data` of the answer. Raises `request.invalid`, `market.unknown_symbol` or `market.empty_range`."""
        reader = QueryReader(call.query)
        symbol = reader.required("symbol", "a symbol, e.g. AAPL.US")
        reader.required("timeframe", "one of " + ", ".join(TIMEFRAMES))
        timeframe = reader.choice("timeframe", TIMEFRAMES) if call.query.get("timeframe") else None
        start, end = moment("start", reader), moment("end", reader)
        limit = reader.whole("limit", 1, MOST_BARS, USUAL_BARS)
        reader.finish()
        if symbol not in self._reference().instruments:
            raise HubError("market.unknown_symbol", {"symbols": [symbol]})
        if start is not None and end is not None and end <= start:
            field = {"name": "end", "reason": "not after start", "expected": "a time after start"}
            raise HubError("market.empty_range", {"fields": [field]})
        async with asyncio.timeout(STORE_SECONDS):
            found = await self._bars.range(symbol, timeframe, _storable(start), _storable(end), limit)  # type: ignore[arg-type]  # one of TIMEFRAMES
        return msgspec.json.encode(
            {"symbol": symbol, "timeframe": timeframe, "bars": [_shown(bar) for bar in found if bar.trades]}
        )


def _storable(moment: int | None) -> int | None:
    return None if moment is None else min(max(moment, 0), _LAST_MOMENT)


def _shown(document: BarDocument) -> dict[str, object]:
    shown = msgspec.structs.asdict(wire_bar(document))
    del shown["symbol"], shown["timeframe"]
    return shown
