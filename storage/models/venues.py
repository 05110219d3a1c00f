"""What is asked of a venue and what it reports: the values of `venue-requests` and `venue-reports`, and the shape of the
commands that a venue's reports become.

msgspec structs; readers accept unknown fields. Prices, quantities and fees are canonical decimal strings, times RFC 3339
UTC text. A request is known by (`order_id`, `seq`), where `seq` is that of the account's record which caused it; a report
by its `report_id`, a fill by its `fill_id` (venues send a fill again under another report id).
"""

from typing import Final, Literal

import msgspec

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit", "stop"]
TimeInForce = Literal["DAY", "GTC", "IOC", "FOK"]
Liquidity = Literal["maker", "taker"]
ConnectorFault = Literal["none", "refuse", "timeout", "down"]
ReportKind = Literal[
    "acknowledged",
    "rejected",
    "filled",
    "canceled",
    "cancel_rejected",
    "replaced",
    "replace_rejected",
    "expired",
    "unknown",
    "reconciled",
]
Outcome = Literal["open", "filled", "canceled", "rejected", "expired", "not_found"]
RequestKind = Literal["submit", "amend", "cancel"]
OrderStatus = Literal["new", "partially_filled", "filled", "canceled", "rejected", "expired"]
Amount = tuple[str, str]


class SubmitRequest(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="submit"):
    """Put an order on the venue. A stop with `price` is a stop-limit, without one a stop-market. Refused after
    `valid_until`. `tenant_id` is who must not trade with itself; `reduce_only` is the core's business and only passed on.
    A market order fills at nothing worse than its `worst_price`; what is left then is canceled.
    """

    order_id: str
    seq: int
    tenant_id: str
    account_id: str
    connector: str
    symbol: str
    side: Side
    type: OrderType
    quantity: str
    time_in_force: TimeInForce
    valid_until: str
    price: str | None = None
    stop_price: str | None = None
    post_only: bool = False
    reduce_only: bool = False
    client_order_id: str | None = None
    worst_price: str | None = None


class AmendRequest(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="amend"):
    """Change an order; what is None stays. `quantity` is the order's whole new quantity, what is filled included."""

    order_id: str
    seq: int
    tenant_id: str
    account_id: str
    connector: str
    symbol: str
    valid_until: str
    price: str | None = None
    quantity: str | None = None
    time_in_force: TimeInForce | None = None


class CancelRequest(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="cancel"):
    """Take an order off the venue. Cancels do not expire."""

    order_id: str
    seq: int
    tenant_id: str
    account_id: str
    connector: str
    symbol: str


class QueryRequest(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="query"):
    """Report what has become of an order whose outcome is unknown. Changes nothing and may be repeated."""

    order_id: str
    seq: int
    tenant_id: str
    account_id: str
    connector: str
    symbol: str


VenueRequest = SubmitRequest | AmendRequest | CancelRequest | QueryRequest


class CheckConnector(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="check"):
    """Say whether a connector answers, in the result document `job_id`; the record's key is the connector. May be asked
    again under the same id, and must be where no result has come: one is lost with the process that was to write it.
    """

    job_id: str
    connector: str


class ConnectorCheck(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a connector has answered at `checked_at`; `reason` is a code of ours, `upstream_code` the venue's own."""

    job_id: str
    connector: str
    status: Literal["up", "down"]
    checked_at: str
    reason: str | None = None
    upstream_code: str | None = None


class Fill(msgspec.Struct, frozen=True):
    """One fill of one order. `trade_id` is shared by the two orders that met; `fee` (8 decimals, half-even) is paid."""

    fill_id: str
    trade_id: str
    price: str
    quantity: str
    fee: str
    fee_currency: str
    liquidity: Liquidity


class VenueReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a venue says about one order; becomes the command `Venue...` with `report_id` as its id.

    `request_seq` names the request that it answers (None: it came by itself). `filled_quantity` is the order's sum so far,
    `quantity`, `price` and `time_in_force` are the order's present ones on `acknowledged` and `replaced`. `reason` is a
    code of ours, `upstream_code` the venue's own. `unknown` names the kind of `request` in doubt; `reconciled` answers a
    query: `outcome`, all `fills` of the order and, while it is open, its terms.
    """

    report_id: str
    kind: ReportKind
    order_id: str
    tenant_id: str
    account_id: str
    connector: str
    symbol: str
    ts: str
    filled_quantity: str = "0"
    request_seq: int | None = None
    venue_order_id: str | None = None
    fill: Fill | None = None
    quantity: str | None = None
    price: str | None = None
    time_in_force: TimeInForce | None = None
    reason: str | None = None
    upstream_code: str | None = None
    request: RequestKind | None = None
    outcome: Outcome | None = None
    fills: tuple[Fill, ...] = ()


class OrderView(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order as its venue shows it when it is asked."""

    order_id: str
    venue_order_id: str
    account_id: str
    connector: str
    symbol: str
    side: Side
    type: OrderType
    status: OrderStatus
    quantity: str
    filled_quantity: str
    time_in_force: TimeInForce
    price: str | None = None
    stop_price: str | None = None


class PositionView(msgspec.Struct, frozen=True):
    """The net quantity (negative: short) that a venue holds for an account."""

    account_id: str
    connector: str
    symbol: str
    quantity: str


Place = Literal["book", "stop", "queue", "held", "final"]


class OrderImage(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order of the simulated venue after a record. `place`: in the book, waiting for its stop price, queued for the
    open, held back by a scenario, or final. Who has the lower `priority` is first at a price; `quote` is the offset of the
    feed's book when the order took its place. `expires_at` (ns) is on the symbol's own clock, `silent_until` and
    `ended_at` (ns) on ours.
    """

    order_id: str
    tenant_id: str
    account_id: str
    connector: str
    symbol: str
    side: Side
    type: OrderType
    quantity: str
    filled: str
    time_in_force: TimeInForce
    place: Place
    status: OrderStatus
    priority: int
    quote: int
    price: str | None = None
    stop_price: str | None = None
    post_only: bool = False
    client_order_id: str | None = None
    expires_at: int | None = None
    silent_until: int = 0
    ended_at: int = 0


class RequestKey(msgspec.Struct, frozen=True):
    """The identity of a request."""

    order_id: str
    seq: int


class VenueCause(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a record was made: a request or a quote by topic and offset, or the clock (`topic` "clock", offset -1)."""

    topic: str
    offset: int = -1
    request: RequestKey | None = None


class ParkedRequest(msgspec.Struct, frozen=True):
    """A request on its way to the book: the latency model lets it act at `due` (ns)."""

    due: int
    request: VenueRequest


class WithheldReport(msgspec.Struct, frozen=True):
    """A report that is true already and is sent at `due` (ns) or when its connector answers again."""

    due: int
    report: VenueReport


class FeedTaken(msgspec.Struct, frozen=True, omit_defaults=True):
    """What has been taken of the feed's book of `quotes` offset `offset`: [price, quantity] of each level."""

    offset: int
    bids: tuple[Amount, ...] = ()
    asks: tuple[Amount, ...] = ()


class VenueRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record of a symbol's venue log: everything that one request, quote or moment has changed.

    `seq` counts the symbol's records without a gap. `reports` leave now, in order; those named in `released` were made
    by an earlier record. `withheld` are made now and leave later. `orders` are after-images; `taken` is the after-image of
    what the feed's book has given. `used_quote` is the offset of the quote that was looked at (-1: none). `repeated`: the
    request was known already and has no effect; `refused`: why a request could not be read; `checked`: a connector's
    answer (`symbol` is then the connector).
    """

    symbol: str
    seq: int
    epoch: int
    cause: VenueCause
    ts: str
    used_quote: int = -1
    repeated: bool = False
    refused: str | None = None
    reports: tuple[VenueReport, ...] = ()
    orders: tuple[OrderImage, ...] = ()
    withheld: tuple[WithheldReport, ...] = ()
    released: tuple[str, ...] = ()
    parked: tuple[ParkedRequest, ...] = ()
    unparked: tuple[RequestKey, ...] = ()
    taken: FeedTaken | None = None
    checked: ConnectorCheck | None = None


class SymbolCheckpoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that the simulated venue knows of one symbol after `seq` records; another form of those records."""

    symbol: str
    seq: int
    priority: int
    ts: int = 0
    orders: tuple[OrderImage, ...] = ()
    handled: tuple[tuple[str, int, int], ...] = ()
    fills: tuple[VenueReport, ...] = ()
    positions: tuple[tuple[str, str, str], ...] = ()
    withheld: tuple[WithheldReport, ...] = ()
    parked: tuple[ParkedRequest, ...] = ()
    taken: FeedTaken | None = None
    ended: tuple[tuple[int, str], ...] = ()


REQUEST_SCHEMA: Final = b"venue-request.1"
RECORD_SCHEMA: Final = b"venue-report.1"

encode = msgspec.json.Encoder().encode
decode_request = msgspec.json.Decoder(VenueRequest | CheckConnector).decode
decode_record = msgspec.json.Decoder(VenueRecord).decode
decode_checkpoint = msgspec.json.Decoder(SymbolCheckpoint).decode
