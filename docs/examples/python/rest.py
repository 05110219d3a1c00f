"""The REST API from Python, with the standard library alone: sign, read, write once, page, be refused. Copy it.

python docs/examples/python/rest.py        the walk of docs/api.md, at OMNIAXS_URL with OMNIAXS_API_KEY and OMNIAXS_API_SECRET
python docs/examples/python/rest.py sign SECRET TIMESTAMP METHOD TARGET IDEMPOTENCY_KEY BODY        one signature
"""

import hashlib
import hmac
import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from http.client import HTTPException, HTTPMessage
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

TRIES = 10


class Refused(Exception):
    """The hub said no: `code` is stable, `details` has the figures."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code, self.details = error["code"], error["details"] or {}


def sign(secret: str, timestamp: str, method: str, target: str, *, key: str, body: bytes) -> str:
    """Hex HMAC-SHA256 over six lines; `target` is path and query exactly as they are sent."""
    path, _, query = target.partition("?")
    lines = [timestamp, method, path, query, key, hashlib.sha256(body).hexdigest()]
    return hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()


def send(method: str, target: str, key: str, body: bytes) -> tuple[HTTPMessage, dict[str, Any]]:
    """One signed request: the headers and the JSON of its answer, whatever the status."""
    timestamp = str(time.time_ns() // 1_000_000)
    headers = {
        "X-PM-API-KEY": os.environ["OMNIAXS_API_KEY"],
        "X-PM-TIMESTAMP": timestamp,
        "X-PM-SIGNATURE": sign(os.environ["OMNIAXS_API_SECRET"], timestamp, method, target, key=key, body=body),
    }
    if body:
        headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
    request = Request(os.environ["OMNIAXS_URL"] + target, body or None, headers, method=method)  # noqa: S310
    try:
        answer = urlopen(request, timeout=10)  # noqa: S310
    except HTTPError as error:
        answer = error  # an answer too, with another status
    with answer:
        return answer.headers, json.load(answer)


def call(method: str, target: str, content: dict[str, Any] | None = None) -> tuple[HTTPMessage, dict[str, Any]]:
    """Headers and data. Whatever may pass is tried again: the same bytes under the same key, so a write happens once."""
    body, key = (b"", "") if content is None else (json.dumps(content).encode(), uuid.uuid4().hex)
    for _ in range(TRIES):
        try:
            headers, answer = send(method, target, key, body)
        except (OSError, HTTPException) as broken:  # no answer: as unknown as order.outcome_unknown
            print(f"again: {type(broken).__name__}")
            time.sleep(0.5)
            continue
        if answer["success"]:
            return headers, answer["data"]
        if not answer["error"]["retryable"]:
            raise Refused(answer["error"])
        print(f"again: {answer['error']['code']}")
        time.sleep(float(headers.get("Retry-After", "0.5")))
    raise TimeoutError(f"{method} {target}: not known after {TRIES} tries; ask again under the key {key}")


def pages(target: str) -> Iterator[dict[str, Any]]:
    """All items of a list, page after page; `target` has a query already."""
    token = ""
    while token is not None:
        _, data = call("GET", f"{target}&page_token={token}" if token else target)
        yield from data["items"]
        token = data["next_page_token"]


def walk() -> None:
    """What docs/api.md shows, step by step."""
    headers, data = call("GET", "/v1/quotes?symbols=BTCUSDT.BINANCE,ETHUSDT.BINANCE")
    for quote in data["quotes"]:
        print(f"quote: {quote['symbol']} {quote['bid']} {quote['ask']}")
    print(f"limit: {headers['X-RateLimit-Remaining']} of {headers['X-RateLimit-Limit']} left")
    order = {"symbol": "ETHUSDT.BINANCE", "side": "buy", "type": "market", "quantity": "0.5"}
    headers, placed = call("POST", "/v1/orders", order)
    print(f"order: {placed['order_id']} {'told again' if 'Idempotency-Replayed' in headers else 'told at once'}")
    print(f"markets: {sum(1 for _ in pages('/v1/markets?page_size=20'))}")
    try:
        call("POST", "/v1/orders", {**order, "reduce_onIy": True})
    except Refused as refused:
        print(f"refused: {refused.code} {refused.details['fields'][0]['name']}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["sign"]:
        secret, timestamp, method, target, key, body = sys.argv[2:]
        print(sign(secret, timestamp, method, target, key=key, body=body.encode()))
    else:
        walk()
