"""Brings positions to target values with market orders by notional, closing reduce-only first; then says what it has.

python docs/strategies/rebalance.py BTCUSDT.BINANCE=5000 ETHUSDT.BINANCE=0
"""

import argparse
import asyncio
from decimal import Decimal

from hub import Hub, Refused

STRATEGY = "rebalance"
CLOSE_ENOUGH = Decimal(50)


async def rebalance(hub: Hub, targets: dict[str, Decimal]) -> None:
    """One order a symbol, in the order of the symbols; values are in each instrument's currency, below 0 for short."""
    held = {item["symbol"]: item for item in (await hub.get("/v1/positions"))["items"]}
    for symbol, target in sorted(targets.items()):
        position = held.get(symbol)
        quantity = Decimal(position["net_qty"]) if position else Decimal(0)
        value = Decimal(position["notional"]).copy_sign(quantity) if position and quantity else Decimal(0)
        if target == 0 and quantity:
            await order(hub, symbol, "sell" if quantity > 0 else "buy", quantity=abs(quantity), reduce_only=True)
        elif abs(target - value) > CLOSE_ENOUGH:
            await order(hub, symbol, "buy" if target > value else "sell", notional=abs(target - value))


async def order(hub: Hub, symbol: str, side: str, *, reduce_only: bool = False, **amount: Decimal) -> None:
    """Send one market order and print how it stands."""
    sizes = {
        name: format(value.quantize(Decimal("0.01")) if name == "notional" else value, "f")
        for name, value in amount.items()
    }
    body = {
        "symbol": symbol,
        "side": side,
        "type": "market",
        "strategy_id": STRATEGY,
        "reduce_only": reduce_only,
        **sizes,
    }
    try:
        placed = await hub.write("POST", "/v1/orders", body)
    except Refused as refused:
        print(f"{symbol}: {refused}")
        return
    while placed["status"] in {"new", "partially_filled"}:
        await asyncio.sleep(0.1)
        placed = await hub.get(f"/v1/orders/{placed['order_id']}")
    print(f"{symbol}: {side} {placed['filled_quantity']} at {placed['avg_price']}, {placed['status']}")


async def main(targets: dict[str, Decimal]) -> None:
    """Rebalance once."""
    async with Hub.from_surroundings() as hub:
        await rebalance(hub, targets)
        account = await hub.get("/v1/accounts")
        print(f"equity {account['equity']}, available margin {account['available_margin']}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="+", metavar="SYMBOL=VALUE")
    pairs = (text.split("=") for text in parser.parse_args().targets)
    asyncio.run(main({symbol: Decimal(value) for symbol, value in pairs}))
