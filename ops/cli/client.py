"""`omniaxs sign` and `omniaxs ws`: a signed request and a live view, with the keys of flags, environment or a running `up`."""

import asyncio
import json
import shlex
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import typer
import websockets
from rich.console import Console

from ops.cli.signing import API_KEY, API_SECRET, URL, Credentials, credentials, signed_headers
from ops.processes.commands.port import EXIT_UNAVAILABLE, CommandFailed


def mount(application: typer.Typer) -> None:
    """Add the commands."""
    application.command("sign", help="Sign a request: its headers, or a curl command.")(sign)
    application.command("ws", help="Subscribe to topics and print what comes.")(watch)


def sign(
    method: str = typer.Argument(help="GET, POST, ..."),
    target: str = typer.Argument(help="Path and query, e.g. '/v1/quotes?symbols=AAPL.US'."),
    body: str = typer.Option("", "--body", "-d", help="The body, exactly as it will be sent."),
    idempotency_key: str | None = typer.Option(None, help="Of a write; a random one when it is left out."),
    curl: bool = typer.Option(False, "--curl", help="Print a curl command (pipe it into sh)."),
    url: str | None = URL,
    api_key: str | None = API_KEY,
    api_secret: str | None = API_SECRET,
) -> None:
    """Print the signed headers of a request as JSON, or as a curl command."""
    if not target.startswith("/"):
        raise typer.BadParameter(f"{target!r} must begin with / and leave out the host, e.g. /v1/markets?page_size=1")
    caller = credentials(url, api_key, api_secret)
    key = ("" if method.upper() == "GET" else uuid4().hex) if idempotency_key is None else idempotency_key
    headers = signed_headers(caller, method.upper(), target, key, body.encode())
    if not curl:
        print(json.dumps(headers))
        return
    if body:
        headers["Content-Type"] = "application/json"
    parts = ["curl", "--silent", "--show-error", "--request", method.upper(), caller.url.rstrip("/") + target]
    for name, value in headers.items():
        parts += ["--header", f"{name}: {value}"]
    if body:
        parts += ["--data-binary", body]
    print(shlex.join(parts))


def watch(
    topics: list[str] = typer.Argument(help="e.g. 'quotes.*' 'trades.BTCUSDT.BINANCE'"),
    count: int | None = typer.Option(None, min=1, help="Stop after this many data messages."),
    as_json: bool = typer.Option(False, "--json", help="Every server message as it came, one a line."),
    url: str | None = URL,
    api_key: str | None = API_KEY,
    api_secret: str | None = API_SECRET,
) -> None:
    """Authenticate, subscribe, and print what comes until interrupted."""
    caller = credentials(url, api_key, api_secret)
    try:
        asyncio.run(_watch(caller, topics, count, as_json=as_json))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except (OSError, websockets.InvalidHandshake) as error:
        raise CommandFailed(f"cannot connect to {caller.url}: {error}", EXIT_UNAVAILABLE) from None
    except websockets.ConnectionClosed as closed:
        raise CommandFailed(f"the server closed the connection: {closed}") from None


async def _watch(caller: Credentials, topics: list[str], count: int | None, *, as_json: bool) -> None:
    address = urlsplit(caller.url)
    target = f"{'wss' if address.scheme == 'https' else 'ws'}://{address.netloc}/v1/ws"
    async with websockets.connect(target, max_size=None, compression=None) as socket:
        await _ask(socket, {"op": "auth", "id": "auth", "payload": _auth_payload(caller)})
        answer = await _ask(socket, {"op": "subscribe", "id": "subscribe", "payload": {"topics": topics}})
        refused = {topic: said.get("code") for topic, said in answer["payload"]["topics"].items() if not said.get("ok")}
        if refused:
            raise CommandFailed("; ".join(f"{topic}: {code}" for topic, code in refused.items()))
        console = Console(soft_wrap=True)
        seen = 0
        async for text in socket:
            message = json.loads(text)
            if as_json:
                print(text, flush=True)
            else:
                _show(console, message)
            seen += "topic" in message and "data" in message
            if count is not None and seen >= count:
                return


async def _ask(socket: websockets.ClientConnection, request: dict[str, object]) -> dict[str, Any]:
    await socket.send(json.dumps(request))
    answer = json.loads(await socket.recv())
    if not answer.get("ok"):
        error = answer.get("error", {})
        raise CommandFailed(f"{request['op']} was refused: {error.get('code')} {error.get('message')}")
    return dict(answer)


def _auth_payload(caller: Credentials) -> dict[str, str]:
    headers = signed_headers(caller, "GET", "/v1/ws")
    return {
        "api_key": headers["X-PM-API-KEY"],
        "timestamp": headers["X-PM-TIMESTAMP"],
        "signature": headers["X-PM-SIGNATURE"],
    }


def _show(console: Console, message: dict[str, object]) -> None:
    now = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
    data = message.get("data")
    if not isinstance(data, dict):
        console.print(f"[dim]{now}[/] {json.dumps(message)}", highlight=False)
        return
    topic = str(message["topic"])
    if topic.startswith("quotes.") and "bid" in data:
        rest = f"{data['bid']} x {data['bid_size']}  {data['ask']} x {data['ask_size']}  last {data['last']}  {data['session_state']}"
    elif topic.startswith("trades."):
        rest = f"{data['side'] or '-'} {data['quantity']} at {data['price']}"
    elif topic.startswith("bars."):
        rest = f"{data['t']} o {data['o']} h {data['h']} l {data['l']} c {data['c']} v {data['v']}{'' if data['final'] else ' ...'}"
    else:
        rest = json.dumps(data)
    console.print(f"[dim]{now}[/] [bold]{topic}[/] {message['type']} {rest}", highlight=False)
