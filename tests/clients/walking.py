"""What a walk with a generated client needs besides the client: the signature as docs/signing.md tells it, the inbox, a report.

Walks run as processes of their own and know nothing of the platform but its address.
"""

import hashlib
import hmac
import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 60.0
PASSWORD = f"correct horse {token_hex(6)}"
SCOPES = ["market:read", "account:read", "trade:read", "trade:write", "access:read", "access:write", "stream"]
COIN = "BTCUSDT.BINANCE"
IN_OUR_STEAD = "the hook writes it"
"""What is given for the two headers that every signed operation of the contract requires as parameters."""
HUB = json.loads(os.environ.get("HUB", "{}"))
"""`http`, `inbox`, `admin_email`, `admin_password`."""


@dataclass(frozen=True)
class Key:
    """An API key as it was shown when it was made."""

    key_id: str
    secret: str

    def headers(self, method: str, url: str, idempotency_key: str, body: bytes) -> dict[str, str]:
        """The headers that sign one request as it is about to be sent."""
        target, timestamp = urlsplit(url), str(time.time_ns() // 1_000_000)
        lines = [timestamp, method, target.path, target.query, idempotency_key, hashlib.sha256(body).hexdigest()]
        signature = hmac.new(self.secret.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
        return {"X-PM-API-KEY": self.key_id, "X-PM-TIMESTAMP": timestamp, "X-PM-SIGNATURE": signature}


def report(method: str, url: str, status: int) -> None:
    """Tell the test which request was answered how."""
    sys.stdout.write(json.dumps([method, urlsplit(url).path, status]) + "\n")
    sys.stdout.flush()


def eventually(look: Callable[[], Any], what: str) -> Any:
    """What `look` gives as soon as it is something."""
    until = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < until, f"{what}: not within {PATIENCE} s"
        time.sleep(0.1)
    return found


def mailed(address: str) -> list[dict[str, Any]]:
    """The mails with a code to an address, newest first."""
    with urllib.request.urlopen(HUB["inbox"]) as answer:  # noqa: S310  (the test's own hub)
        return [mail for mail in json.load(answer) if mail["to"] == address and mail.get("code")]


@contextmanager
def code_mailed_to(address: str) -> Iterator[Callable[[], str]]:
    """The code of the mail that what is done meanwhile causes."""
    before = len(mailed(address))

    def code() -> str:
        newest = eventually(lambda: found if len(found := mailed(address)) > before else None, f"a mail to {address}")
        return str(newest[0]["code"])

    yield code
