"""`GET /v1/risk/signals`: what the caller's account, or the platform, is warned of at the moment."""

from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from gateway.account.standing import Standing, seq_field
from gateway.http.calls import Reply, SignedCall
from gateway.http.listing import page_asked, page_of
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from ops.runtime.timestamps import parse_timestamp
from storage.models.read_models import PLATFORM


class SignalSource(Protocol):
    """The active signals (storage/mongo/active_signals.py): the JSON of each, oldest first."""

    async def of(self, owners: Iterable[str]) -> list[bytes]: ...


class _Named(msgspec.Struct):
    signal_id: str
    ts: str


_decode: Final = msgspec.json.Decoder(_Named).decode
_encode: Final = msgspec.json.Encoder().encode


class Signals:
    """Lists the signals that are raised and not cleared, oldest first, each as `risk.*` has told it."""

    def __init__(self, standing: Standing, signals: SignalSource, tokens: PageTokens) -> None:
        self._standing = standing
        self._signals = signals
        self._tokens = tokens

    async def handle(self, call: SignedCall) -> Reply:
        """Raises what `Standing.of` raises, `request.invalid` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        asked = page_asked(reader)
        reader.finish()
        account = await self._standing.of(call)
        found = sorted(await self._signals.of((account.account_id, PLATFORM)), key=_place)
        about = ("risk/signals", {"account": account.account_id})
        page, token = page_of(found, asked, _place, self._tokens, about)
        data = b'{"items":[%b],"next_page_token":%b,"as_of_seq":%d}'
        seq = account.as_of_seq
        return Reply(data % (b",".join(page), _encode(token), seq), (seq_field(seq),))


def _place(signal: bytes) -> str:
    named = _decode(signal)
    return f"{parse_timestamp(named.ts):020d}|{named.signal_id}"
