"""`omniaxs orders`: place, look at, amend and cancel orders over REST, with the keys of flags, environment or a running `up`."""

import json
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, urlencode

import typer
from rich.console import Console
from rich.table import Table

from ops.cli.rest import read, write
from ops.cli.signing import API_KEY, API_SECRET, URL, credentials

application = typer.Typer(no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="The answer's data as one JSON object.")
_WIDTH: Final = 240  # ids are never cut; a narrower terminal wraps
_ORDER_COLUMNS: Final = (
    "order_id", "status", "symbol", "side", "type", "quantity", "filled_quantity", "price", "avg_price", "reason",
)  # fmt: skip
_FILL_COLUMNS: Final = ("ts", "symbol", "side", "quantity", "price", "fee", "fee_currency", "liquidity", "order_id")
_POSITION_COLUMNS: Final = ("symbol", "net_qty", "avg_price", "mark_price", "unrealized_pnl", "margin", "currency")


class Side(StrEnum):
    """Of an order."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """Of an order; a stop with a price is a stop-limit."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


class TimeInForce(StrEnum):
    """How long an order stands."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


@application.command()
def place(
    side: Side,
    symbol: str = typer.Argument(help="e.g. BTCUSDT.BINANCE"),
    quantity: str | None = typer.Argument(None, help="A decimal; leave it out with --notional."),
    price: str | None = typer.Option(None, help="Makes it a limit order (with --stop-price a stop-limit)."),
    stop_price: str | None = typer.Option(None, help="Makes it a stop order."),
    notional: str | None = typer.Option(None, help="Of a market order, instead of a quantity."),
    time_in_force: TimeInForce | None = typer.Option(None, "--time-in-force", "--tif"),
    reduce_only: bool = typer.Option(False),
    post_only: bool = typer.Option(False),
    strategy_id: str | None = typer.Option(None),
    client_order_id: str | None = typer.Option(None, help="e.g. sim:partial:2:mine-1 for a scenario of the venue."),
    idempotency_key: str | None = typer.Option(None, help="To send the same order again without a second effect."),
    as_json: bool = _JSON,
    url: str | None = URL,
    api_key: str | None = API_KEY,
    api_secret: str | None = API_SECRET,
) -> None:
    """Place an order. One whose outcome is not known is asked for again under the same key until it is."""
    kind = OrderType.STOP if stop_price else OrderType.LIMIT if price else OrderType.MARKET
    body = {
        "symbol": symbol,
        "side": side,
        "type": kind,
        "quantity": quantity,
        "notional": notional,
        "price": price,
        "stop_price": stop_price,
        "time_in_force": time_in_force,
        "reduce_only": reduce_only or None,
        "post_only": post_only or None,
        "strategy_id": strategy_id,
        "client_order_id": client_order_id,
    }
    caller = credentials(url, api_key, api_secret)
    _show(write(caller, "POST", "/v1/orders", _given(body), idempotency_key), as_json=as_json)


@application.command("list")
def list_orders(
    status: str | None = typer.Option(None, help="new, partially_filled, filled, canceled or rejected."),
    symbol: str | None = typer.Option(None),
    strategy_id: str | None = typer.Option(None),
    limit: int = typer.Option(50, min=1, max=200),
    as_json: bool = _JSON,
    url: str | None = URL,
    api_key: str | None = API_KEY,
    api_secret: str | None = API_SECRET,
) -> None:
    """The newest orders, newest first."""
    query = {"status": status, "symbol": symbol, "strategy_id": strategy_id, "page_size": limit}
    data = read(credentials(url, api_key, api_secret), f"/v1/orders?{urlencode(_given(query))}")
    _table(data, _ORDER_COLUMNS, as_json=as_json)


@application.command()
def show(
    order_id: str,
    as_json: bool = _JSON,
    url: str | None = URL,
    api_key: str | None = API_KEY,
    api_secret: str | None = API_SECRET,
) -> None:
    """One order."""
    _show(read(credentials(url, api_key, api_secret), f"/v1/orders/{_segment(order_id)}"), as_json=as_json)


@application.command()
def amend(
    order_id: str,
    price: str | None = typer.Option(None),
    quantity: str | None = typer.Option(None, help="The whole new quantity, what is filled included."),
    time_in_force: TimeInForce | None = typer.Option(None, "--time-in-force", "--tif"),
    as_json: bool = _JSON,
    url: str | None = URL,
    api_key: str | None = API_KEY,
    api_secret: str | None = API_SECRET,
) -> None:
    """Change an open order; priority is kept only when its quantity goes down."""
    body = _given({"price": price, "quantity": quantity, "time_in_force": time_in_force})
    data = write(credentials(url, api_key, api_secret), "PATCH", f"/v1/orders/{_segment(order_id)}", body)
    _show(data, as_json=as_json)


@application.command()
def cancel(
    order_ids: list[str] = typer.Argument(
        None, help="Orders; with --symbol or --strategy-id only those that match all."
    ),
    symbol: str | None = typer.Option(None),
    strategy_id: str | None = typer.Option(None),
    as_json: bool = _JSON,
    url: str | None = URL,
    api_key: str | None = API_KEY,
    api_secret: str | None = API_SECRET,
) -> None:
    """Cancel the open orders that every given selector picks."""
    body = _given({"order_ids": order_ids or None, "symbol": symbol, "strategy_id": strategy_id})
    _show(write(credentials(url, api_key, api_secret), "POST", "/v1/orders/cancel", body), as_json=as_json)


@application.command()
def cancel_all(
    symbol: str | None = typer.Option(None),
    strategy_id: str | None = typer.Option(None),
    as_json: bool = _JSON,
    url: str | None = URL,
    api_key: str | None = API_KEY,
    api_secret: str | None = API_SECRET,
) -> None:
    """Cancel every open order of the account."""
    body = _given({"symbol": symbol, "strategy_id": strategy_id})
    _show(write(credentials(url, api_key, api_secret), "POST", "/v1/orders/cancel-all", body), as_json=as_json)


@application.command()
def cancel_all_after(
    timeout_ms: int = typer.Argument(help="Milliseconds from now; 0 switches it off."),
    spare_reduce_only: bool = typer.Option(False),
    as_json: bool = _JSON,
    url: str | None = URL,
    api_key: str | None = API_KEY,
    api_secret: str | None = API_SECRET,
) -> None:
    """The dead-man switch: everything is cancelled unless this is called again in time."""
    body = {"timeout_ms": timeout_ms, "spare_reduce_only": spare_reduce_only}
    _show(write(credentials(url, api_key, api_secret), "POST", "/v1/orders/cancel-all-after", body), as_json=as_json)


@application.command()
def fills(
    symbol: str | None = typer.Option(None),
    order_id: str | None = typer.Option(None),
    as_json: bool = _JSON,
    url: str | None = URL,
    api_key: str | None = API_KEY,
    api_secret: str | None = API_SECRET,
) -> None:
    """The newest fills, newest first."""
    query = urlencode(_given({"symbol": symbol, "order_id": order_id}))
    _table(read(credentials(url, api_key, api_secret), f"/v1/fills?{query}"), _FILL_COLUMNS, as_json=as_json)


@application.command()
def positions(
    as_json: bool = _JSON,
    url: str | None = URL,
    api_key: str | None = API_KEY,
    api_secret: str | None = API_SECRET,
) -> None:
    """The net positions."""
    _table(read(credentials(url, api_key, api_secret), "/v1/positions"), _POSITION_COLUMNS, as_json=as_json)


@application.command()
def account(
    as_json: bool = _JSON,
    url: str | None = URL,
    api_key: str | None = API_KEY,
    api_secret: str | None = API_SECRET,
) -> None:
    """Cash, equity and margin."""
    _show(read(credentials(url, api_key, api_secret), "/v1/accounts"), as_json=as_json)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _segment(text: str) -> str:
    return quote(text, safe="")


def _show(data: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(data, separators=(",", ":")))
        return
    console = Console(soft_wrap=True)
    for name, value in data.items():
        shown = json.dumps(value) if isinstance(value, dict | list) else value
        console.print(f"{name}: {shown}", highlight=False, markup=False)


def _table(data: dict[str, Any], columns: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(data, separators=(",", ":")))
        return
    table = Table(box=None)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for item in data["items"]:
        table.add_row(*("" if item.get(column) is None else str(item[column]) for column in columns))
    Console(width=_WIDTH).print(table)
