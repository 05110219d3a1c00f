"""An order core as one would first write it: dictionaries, `json`, `Decimal`, and a look through the open orders.

It decides the same rounds (place, acknowledge, fill or cancel) with an idempotency check, the instrument's increments, a
reservation and a self-trade check; it has no margin, limits, controls, valuation or life of an order beyond that.
"""

import json
from decimal import Decimal
from typing import Any

_TICK, _LOT, _RATE = Decimal("0.01"), Decimal("0.00001"), Decimal(1)


class NaiveCore:
    """One account."""

    def __init__(self, cash: str) -> None:
        self.cash = Decimal(cash)
        self.position = Decimal(0)
        self.orders: list[dict[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.seq = 0

    def take(self, value: bytes) -> bytes:
        """A command as JSON -> its record as JSON."""
        command = json.loads(value)
        known = self.answers.get(command["command_id"])
        events = [{"type": "CommandRepeated", "answer": known}] if known else self._decide(command)
        self.seq += 1
        reserved = sum((order["reserved"] for order in self.orders), Decimal(0))
        record = {
            "account_id": command["account_id"],
            "seq": self.seq,
            "command_id": command["command_id"],
            "events": events,
            "account": {"cash": str(self.cash), "reserved": str(reserved), "position": str(self.position)},
        }
        self.answers[command["command_id"]] = events[0]
        return json.dumps(record, default=str).encode()

    def _decide(self, command: dict[str, Any]) -> list[dict[str, Any]]:
        kind = command["type"]
        if kind == "PlaceOrder":
            return self._place(command)
        order = next((one for one in self.orders if one["order_id"] == command["order_id"]), None)
        if order is None:
            return [{"type": "Rejected", "code": "order.not_found"}]
        if kind == "VenueAcknowledged":
            order["state"] = "acknowledged"
        elif kind == "CancelOrder":
            order["pending"] = "cancel"
        else:
            self.orders.remove(order)
            order["state"] = "canceled"
        if kind == "VenueFilled":
            order["state"] = "filled"
            quantity, price = Decimal(command["quantity"]), Decimal(command["price"])
            self.position += quantity
            self.cash -= quantity * price + Decimal(command["fee"])
        return [{"type": kind, "order": order}]

    def _place(self, command: dict[str, Any]) -> list[dict[str, Any]]:
        price, quantity = Decimal(command["price"]), Decimal(command["quantity"])
        if price % _TICK or quantity % _LOT:
            return [{"type": "OrderDenied", "code": "order.tick_size"}]
        if any(one["side"] != command["side"] and Decimal(one["price"]) <= price for one in self.orders):
            return [{"type": "OrderDenied", "code": "risk.self_trade"}]
        needed = price * quantity * _RATE
        if sum((one["reserved"] for one in self.orders), Decimal(0)) + needed > self.cash:
            return [{"type": "OrderDenied", "code": "risk.insufficient_margin"}]
        return [{"type": "OrderAccepted", "order": self.rest(command, needed)}]

    def rest(self, command: dict[str, Any], needed: Decimal) -> dict[str, Any]:
        """Have an order."""
        order = {**command, "state": "sent", "reserved": needed}
        self.orders.append(order)
        return order
