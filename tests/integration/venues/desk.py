"""Asks the venue as the order core's relay does, and reads what it answers."""

from itertools import count
from typing import Any

from ops.runtime.timestamps import format_timestamp
from storage.log.port import Message
from storage.models.order_commands import VenueReport, decode_command
from storage.models.venues import AmendRequest, SubmitRequest, VenueRequest, encode
from storage.topics import ORDER_COMMANDS, VENUE_REQUESTS
from tests.integration.venues.street import BTC, SECOND, Street

ACCOUNT = "acc-1"


class Desk:
    """One account's requests and reports."""

    def __init__(self, street: Street) -> None:
        self.street = street
        self._seqs = count(1)

    async def ask(self, kind: type[VenueRequest], order_id: str = "o1", symbol: str = BTC, **fields: Any) -> int:
        common = {
            "order_id": order_id,
            "seq": next(self._seqs),
            "tenant_id": "ten-1",
            "account_id": ACCOUNT,
            "connector": "sim-a",
            "symbol": symbol,
        }
        if kind in (SubmitRequest, AmendRequest):
            common["valid_until"] = format_timestamp(self.street.clock.now() + 3 * SECOND)
        request = kind(**{**common, **fields})
        await self.street.log.append(VENUE_REQUESTS, Message(request.symbol.encode(), encode(request)))
        return request.seq

    async def submit(self, order_id: str = "o1", side: str = "buy", quantity: str = "1", **fields: Any) -> int:
        price = fields.get("price")
        kind = {"type": "market" if price is None else "limit", "time_in_force": "GTC"}
        return await self.ask(SubmitRequest, order_id, side=side, quantity=quantity, **{**kind, **fields})

    async def commands(self, order_id: str = "o1") -> list[VenueReport]:
        """What the venue has made of it, each command once."""
        found: dict[str, Any] = {}
        for partition, bounds in (await self.street.log.bounds(ORDER_COMMANDS)).items():
            async for records in self.street.log.read(ORDER_COMMANDS, partition, 0, bounds.next):
                for record in records:
                    command = decode_command(record.value)
                    assert record.key == command.account_id.encode()
                    assert dict(record.headers) == {
                        "schema": b"order-command.1",
                        "event-id": command.command_id.encode(),
                    }
                    if command.order_id == order_id:
                        found.setdefault(command.command_id, command)
        return list(found.values())

    async def answered(self, number: int, order_id: str = "o1") -> list[str]:
        """Wait for so many reports of an order; their kinds."""
        found: list[VenueReport] = []

        async def look() -> None:
            found[:] = await self.commands(order_id)

        await self.street.until_async(look, lambda: len(found) >= number)
        return [type(command).__name__.removeprefix("Venue") for command in found]
