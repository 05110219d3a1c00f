"""The little that the fan-out reads of an order record's value: its seq, and the symbols that it touches. Pure."""

import msgspec

from storage.models.reading import UNREADABLE


class _Touched(msgspec.Struct, frozen=True, gc=False):
    symbol: str


class _Images(msgspec.Struct, frozen=True, gc=False):
    orders: tuple[_Touched, ...] = ()
    positions: tuple[_Touched, ...] = ()


class _Counted(msgspec.Struct, frozen=True, gc=False):
    seq: int


_images = msgspec.json.Decoder(_Images).decode
_counted = msgspec.json.Decoder(_Counted).decode


def symbols_in(value: bytes) -> frozenset[str]:
    """The symbols of the orders and positions that a record changed; none for what is no order record."""
    try:
        images = _images(value)
    except UNREADABLE:
        return frozenset()
    return frozenset(image.symbol for image in (*images.orders, *images.positions))


def seq_in(value: bytes) -> int | None:
    """The `seq` that the account counts a record by; None for what is no order record."""
    try:
        return _counted(value).seq
    except UNREADABLE:
        return None
