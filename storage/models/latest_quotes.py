"""The latest quote of a symbol as it is kept: what seeds a gateway's frames and shows up to fifty levels."""

import msgspec


class LatestQuoteDocument(msgspec.Struct, frozen=True):
    """`value` is the record's JSON as the feed encoded it, `offset` its place in `quotes-<partition>` (a write is guarded
    by it), `taken_in` its `ts_in` in ns. `depth` is the JSON of the newest `depth` header (up to 50 levels a side, best
    first) and `depth_offset` the offset of the record that carried it; both None for a feed without depth.
    """

    symbol: str
    partition: int
    offset: int
    value: bytes
    taken_in: int
    depth: bytes | None = None
    depth_offset: int | None = None
