"""`POST /v1/access-applications`: a tenant asks to trade exchanges."""

from collections.abc import Iterable
from typing import Any, cast

import msgspec

from gateway.access.ports import AccessParts
from gateway.http.calls import SignedCall
from gateway.http.fields import BodyReader
from ops.runtime.languages import DEFAULT_LANGUAGE, LANGUAGES
from ops.runtime.timestamps import format_timestamp
from storage.models.applications import Application
from storage.models.instruments import ASSET_CLASSES, AssetClass
from storage.models.people import PreferredLanguage
from storage.reference import ReferenceData


class Submit:
    """Takes applications. What can be applied for is what can be traded: venues and asset classes of tradable instruments."""

    def __init__(self, parts: AccessParts) -> None:
        self._parts = parts

    async def handle(self, call: SignedCall, body: dict[str, Any]) -> bytes:
        """`data`: `application_id`, `status`, `submitted_at`. Raises `request.invalid`, naming exchanges and markets that
        are not known.
        """
        application = self._read(call, body)
        if not await self._parts.applications.insert(application):  # by an earlier try of this write
            stored = await self._parts.applications.get(application.application_id)
            application = application if stored is None else stored
        told = {
            "application_id": application.application_id,
            "status": "submitted",
            "submitted_at": format_timestamp(application.submitted_at),
        }
        return msgspec.json.encode(told)

    def _read(self, call: SignedCall, body: dict[str, Any]) -> Application:
        reader = BodyReader(body)
        email = reader.email("contact_email")
        markets = reader.texts("target_markets", required=True)
        exchanges = reader.texts("target_exchanges", required=True)
        volume = reader.amount("expected_monthly_volume")
        language = reader.choice("preferred_language", LANGUAGES) or DEFAULT_LANGUAGE
        notes = reader.prose("notes")
        reference = self._parts.reference()
        _known(reader, "target_markets", markets, tradable_markets(reference))
        _known(reader, "target_exchanges", exchanges, tradable_exchanges(reference))
        reader.finish()
        return Application(
            application_id=f"app_{call.effect_id}",
            tenant_id=call.caller.tenant_id,
            contact_email=email or "",
            target_markets=tuple(cast("AssetClass", market) for market in markets),
            target_exchanges=tuple(exchanges),
            expected_monthly_volume=volume,
            notes=notes,
            preferred_language=cast("PreferredLanguage", language),
            submitted_at=call.now,
            updated_at=call.now,
        )


def tradable_exchanges(reference: ReferenceData) -> list[str]:
    """The codes of the exchanges where something can be traded."""
    return sorted({one.venue for one in reference.instruments.values() if one.tradable})


def tradable_markets(reference: ReferenceData) -> list[str]:
    """The asset classes of which something can be traded."""
    found = {one.asset_class for one in reference.instruments.values() if one.tradable}
    return [asset_class for asset_class in ASSET_CLASSES if asset_class in found]


def _known(reader: BodyReader, name: str, sent: Iterable[str], known: list[str]) -> None:
    unknown = [one for one in sent if one not in known]
    if unknown:
        reader.refuse(name, f"unknown: {', '.join(unknown)}", "of " + ", ".join(known))
