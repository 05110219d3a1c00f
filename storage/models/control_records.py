"""Announced controls: the values of `platform-events` under the key `controls`, and how control documents are written.

An announcement carries its document whole, with the revision that it has in the store: a reader keeps the highest
revision of each document, so announcements may be repeated and come in any order.
"""

from typing import Any, Final

import msgspec

from storage.models.controls import ControlDocument, identity_of
from storage.models.instruments import Instrument
from storage.models.ownership import Headers

CONTROLS_KEY: Final = b"controls"
CONTROL_SCHEMA: Final = b"control.1"


class Announcement(msgspec.Struct, frozen=True):
    """One revision of one control document; revisions of a document count from 1 without a gap."""

    revision: int
    document: ControlDocument


def announcement_headers(announcement: Announcement) -> Headers:
    """The headers of an announcement; the event id is the same whoever announces it."""
    event_id = f"{identity_of(announcement.document)}@{announcement.revision}"
    return (("schema", CONTROL_SCHEMA), ("event-id", event_id.encode()))


def builtins_of(document: ControlDocument) -> dict[str, Any]:
    """The document as the store and JSON have it; `type` says its kind."""
    fields: dict[str, Any] = msgspec.to_builtins(document, enc_hook=_plain)
    return fields


def document_of(fields: dict[str, Any]) -> ControlDocument:
    """The document that `builtins_of` wrote. Raises `msgspec.ValidationError`; unknown fields are left out."""
    document: ControlDocument = msgspec.convert(fields, ControlDocument, dec_hook=_read)
    return document


def encode_announcement(announcement: Announcement) -> bytes:
    """The value on the log."""
    return _encoder.encode(announcement)


def decode_announcement(value: bytes) -> Announcement:
    """Raises `msgspec.MsgspecError` for bytes that are no announcement of a kind that this version knows."""
    return _decoder.decode(value)


def _plain(value: object) -> Any:
    if isinstance(value, Instrument):
        return value.model_dump(mode="json")
    raise NotImplementedError(f"a control document does not hold a {type(value).__name__}")


def _read(kind: type[Any], value: Any) -> Any:
    if kind is Instrument and isinstance(value, dict):
        return Instrument.model_validate({name: value[name] for name in Instrument.model_fields if name in value})
    raise ValueError(f"expected the fields of an instrument, not {type(value).__name__}")


_encoder: Final = msgspec.json.Encoder(enc_hook=_plain)
_decoder: Final = msgspec.json.Decoder(Announcement, dec_hook=_read)
