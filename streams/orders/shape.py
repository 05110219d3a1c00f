"""What of an order can be judged by itself: numbers that are numbers, fields that go together. Pure.

The gateway has refused most of this by the body; the core asks again, as it must have an answer to every command.
"""

from decimal import Decimal
from typing import NamedTuple

from storage.models.money import parse_number
from storage.models.order_commands import PlaceOrder
from storage.models.orders import TimeInForce
from streams.risk.denial import Denial


class Terms(NamedTuple):
    """The numbers of an order; `quantity` is None while only a notional is given."""

    quantity: Decimal | None
    notional: Decimal | None
    price: Decimal | None
    stop_price: Decimal | None


def terms_of(command: PlaceOrder) -> Terms | Denial:
    """The numbers that the command carries; `request.invalid` names the fields that are none."""
    terms = readable_terms(command)
    wrong = [name for name, value in terms._asdict().items() if value is None and getattr(command, name) is not None]
    return _invalid("request.invalid", dict.fromkeys(wrong, "a decimal number above 0")) if wrong else terms


def readable_terms(command: PlaceOrder) -> Terms:
    """The numbers above 0 that the command carries; None also for what is no such number."""
    return Terms(
        _positive(command.quantity),
        _positive(command.notional),
        _positive(command.price),
        _positive(command.stop_price),
    )


def _positive(text: str | None) -> Decimal | None:
    value = parse_number(text) if text is not None else None
    return value if value is not None and value > 0 else None


def misfits(command: PlaceOrder, time_in_force: TimeInForce) -> Denial | None:
    """`order.invalid` where fields do not go together; `time_in_force` is the one given, else the venue's default."""
    wrong = dict(_price_rules(command))
    if (command.quantity is None) == (command.notional is None):
        wrong["quantity"] = "exactly one of quantity and notional"
    if command.notional is not None and command.order_type != "market":
        wrong["notional"] = "only for market orders"
    if command.post_only and (command.order_type != "limit" or time_in_force not in {"GTC", "DAY"}):
        wrong["post_only"] = "only for limit orders that are GTC or DAY"
    return _invalid("order.invalid", wrong) if wrong else None


def _price_rules(command: PlaceOrder) -> list[tuple[str, str]]:
    wrong = []
    if command.order_type == "limit" and command.price is None:
        wrong.append(("price", "a limit order needs one"))
    if command.order_type == "market" and command.price is not None:
        wrong.append(("price", "a market order takes none"))
    if command.order_type == "stop" and command.stop_price is None:
        wrong.append(("stop_price", "a stop order needs one"))
    if command.order_type != "stop" and command.stop_price is not None:
        wrong.append(("stop_price", "only for stop orders"))
    return wrong


def _invalid(code: str, wrong: dict[str, str]) -> Denial:
    fields = [{"name": name, "reason": "invalid", "expected": expected} for name, expected in wrong.items()]
    return Denial(code, {"fields": fields})
