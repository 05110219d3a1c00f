"""Page tokens: opaque, signed, and stable under inserts, since they name the last item shown and not a number of items."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from typing import Final

from ops.runtime.errors import HubError

_MAC_BYTES: Final = 16
_LONGEST: Final = 1024


class PageTokens:
    """Makes and opens page tokens. All gateways that share `secret` accept each other's."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"omniaxs page tokens v1", "sha256")

    def make(self, listing: str, filters: Mapping[str, str | None], last: str) -> str:
        """A token for what follows the item `last` of a list under its filters."""
        payload = last.encode()
        return base64.urlsafe_b64encode(self._mac(listing, filters, payload) + payload).rstrip(b"=").decode()

    def open(self, listing: str, filters: Mapping[str, str | None], token: str) -> str:
        """The last item shown. Raises `page_token.not_found` for what was not made for this list and these filters."""
        try:
            raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise HubError("page_token.not_found") from None
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if len(token) > _LONGEST or not hmac.compare_digest(mac, self._mac(listing, filters, payload)):
            raise HubError("page_token.not_found")
        return payload.decode()

    def _mac(self, listing: str, filters: Mapping[str, str | None], payload: bytes) -> bytes:
        about = json.dumps([listing, sorted(filters.items())]).encode()
        return hmac.digest(self._key, about + b"\n" + payload, "sha256")[:_MAC_BYTES]
