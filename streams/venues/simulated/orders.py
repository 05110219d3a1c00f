"""An order in the simulated venue, its image on the log, and its place among others."""

from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Final

from storage.models.venues import OrderImage, OrderStatus, OrderType, OrderView, Place, Side, TimeInForce
from streams.venues.simulated.amounts import amount, text_of

Key = tuple[Decimal, int, str]
OPPOSITE: Final[dict[Side, Side]] = {"buy": "sell", "sell": "buy"}


@dataclass(slots=True)
class Order:
    """As `OrderImage`, with numbers to calculate with. Never changed once it stands in a state: a draft copies it.

    `worst` is in no image: a market order has ended with the record that brought it to the book.
    """

    order_id: str
    tenant_id: str
    account_id: str
    connector: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    filled: Decimal
    time_in_force: TimeInForce
    place: Place
    status: OrderStatus
    priority: int
    quote: int
    price: Decimal | None = None
    stop_price: Decimal | None = None
    post_only: bool = False
    client_order_id: str | None = None
    expires_at: int | None = None
    silent_until: int = 0
    ended_at: int = 0
    worst: Decimal | None = None

    @property
    def limit(self) -> Decimal | None:
        """What it must not trade beyond: its price, or the worst one of a market order while that is being filled."""
        return self.worst if self.price is None else self.price

    @property
    def remaining(self) -> Decimal:
        """What may still fill."""
        return self.quantity - self.filled

    @property
    def is_final(self) -> bool:
        """Whether the venue has ended it."""
        return self.place == "final"

    @property
    def book_key(self) -> Key:
        """Its place in the book of its side: best price first, then who was there first."""
        price = self.price or Decimal(0)
        return (-price if self.side == "buy" else price, self.priority, self.order_id)

    @property
    def stop_key(self) -> Key:
        """Its place among the waiting stops of its side: the one that triggers first is first."""
        stop = self.stop_price or Decimal(0)
        return (stop if self.side == "buy" else -stop, self.priority, self.order_id)


_NAMES: Final = tuple(part.name for part in fields(Order) if part.name in OrderImage.__struct_fields__)


def copy_of(order: Order) -> Order:
    """An order that may be changed."""
    return replace(order)


def image_of(order: Order) -> OrderImage:
    """The order as it goes to the log."""
    return OrderImage(
        order.order_id,
        order.tenant_id,
        order.account_id,
        order.connector,
        order.symbol,
        order.side,
        order.type,
        text_of(order.quantity),
        text_of(order.filled),
        order.time_in_force,
        order.place,
        order.status,
        order.priority,
        order.quote,
        None if order.price is None else text_of(order.price),
        None if order.stop_price is None else text_of(order.stop_price),
        order.post_only,
        order.client_order_id,
        order.expires_at,
        order.silent_until,
        order.ended_at,
    )


def order_of(image: OrderImage) -> Order:
    """The order that an image shows."""
    order = Order(*(getattr(image, name) for name in _NAMES))
    order.quantity, order.filled = amount(image.quantity), amount(image.filled)
    order.price = None if image.price is None else amount(image.price)
    order.stop_price = None if image.stop_price is None else amount(image.stop_price)
    return order


def venue_order_id(order_id: str) -> str:
    """The id under which the venue knows an order: derived, so that a resend is the same order."""
    return f"sim-{order_id}"


def view_of(order: Order) -> OrderView:
    """The order as the venue shows it."""
    return OrderView(
        order.order_id,
        venue_order_id(order.order_id),
        order.account_id,
        order.connector,
        order.symbol,
        order.side,
        order.type,
        order.status,
        text_of(order.quantity),
        text_of(order.filled),
        order.time_in_force,
        None if order.price is None else text_of(order.price),
        None if order.stop_price is None else text_of(order.stop_price),
    )
