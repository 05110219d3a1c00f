"""Quotes both sides of one market, post-only, and leans against its position; its orders go when its connection does.

python docs/strategies/market_maker.py BTCUSDT.BINANCE --quantity 0.01 --seconds 60
"""

import argparse
import asyncio
from decimal import Decimal
from typing import Any

from hub import Hub, Refused

STRATEGY = "market-maker"


class MarketMaker:
    """Keeps one bid and one ask `spread` (a share of the mid) apart; moves them when the mid has moved by half of that."""

    def __init__(self, hub: Hub, market: dict[str, Any], quantity: Decimal, spread: Decimal) -> None:
        self._hub, self._symbol, self._quantity, self._spread = hub, market["symbol"], quantity, spread
        self._tick = Decimal(market["tick_size"])
        self._most = quantity * 5
        self._quoted_at: Decimal | None = None
        self.position = Decimal(0)
        self.fills = 0

    async def on_quote(self, quote: dict[str, Any]) -> None:
        """A new best bid and ask."""
        if quote.get("feed_state", "live") == "stale" or "bid" not in quote:
            return
        mid = (Decimal(quote["bid"]) + Decimal(quote["ask"])) / 2
        if self._quoted_at is None or abs(mid - self._quoted_at) > mid * self._spread / 4:
            self._quoted_at = mid
            await self._quote_around(mid)

    async def on_record(self, record: dict[str, Any]) -> None:
        """What became of orders: positions come as they are after it."""
        for position in record["positions"]:
            if position["symbol"] == self._symbol:
                self.position = Decimal(position["net_qty"])
        fills = [event for event in record.get("events", ()) if event["type"] == "OrderFilled"]
        self.fills += len(fills)
        for fill in fills:
            print(f"{fill['side']} {fill['quantity']} at {fill['price']}; position {self.position}", flush=True)
        if fills:
            self._quoted_at = None  # quote anew at the next quote

    async def _quote_around(self, mid: Decimal) -> None:
        await self._hub.write("POST", "/v1/orders/cancel-all", {"strategy_id": STRATEGY})
        lean = mid * self._spread * (self.position / self._most) / 2
        for side, distance in (("buy", -mid * self._spread / 2), ("sell", mid * self._spread / 2)):
            full = self.position >= self._most if side == "buy" else -self.position >= self._most
            if not full:
                await self._place(side, mid - lean + distance)

    async def _place(self, side: str, price: Decimal) -> None:
        rounded = (price / self._tick).to_integral_value() * self._tick
        order = {
            "symbol": self._symbol,
            "side": side,
            "type": "limit",
            "quantity": format(self._quantity, "f"),
            "price": format(rounded, "f"),
            "post_only": True,
            "strategy_id": STRATEGY,
        }
        try:
            await self._hub.write("POST", "/v1/orders", order)
        except Refused as refused:  # e.g. stale quotes: nothing was done, the next quote tries again
            print(refused, flush=True)


async def main(symbol: str, quantity: Decimal, spread: Decimal, seconds: float) -> None:
    """Run for `seconds`, then take everything back."""
    async with Hub.from_surroundings() as hub:
        markets = await hub.get("/v1/markets?page_size=500")
        market = next(item for item in markets["items"] if item["symbol"] == symbol)
        maker = MarketMaker(hub, market, quantity, spread)
        try:
            async with asyncio.timeout(seconds):
                async for message in hub.stream(f"quotes.{symbol}", "orders.*", grace_ms=5_000):
                    if message["topic"].startswith("quotes."):
                        await maker.on_quote(message["data"])
                    else:
                        await maker.on_record(message["data"])
        except TimeoutError:
            await hub.write("POST", "/v1/orders/cancel-all", {"strategy_id": STRATEGY})
        print(f"done: {maker.fills} fills, position {maker.position}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("symbol", nargs="?", default="BTCUSDT.BINANCE")
    parser.add_argument("--quantity", type=Decimal, default=Decimal("0.01"))
    parser.add_argument("--spread", type=Decimal, default=Decimal("0.0004"), help="a share of the mid")
    parser.add_argument("--seconds", type=float, default=60)
    asked = parser.parse_args()
    asyncio.run(main(asked.symbol, asked.quantity, asked.spread, asked.seconds))
