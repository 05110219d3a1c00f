"""Credentials of exchanges: stored sealed, and never shown again but by a fingerprint."""

import json
from typing import Any, Final

from gateway.admin.acts import Values, act_of, busy, encode
from gateway.admin.parts import AdminParts
from gateway.http.calls import BearerCall
from gateway.http.fields import BodyReader
from ops.runtime.errors import HubError
from ops.runtime.timestamps import format_timestamp
from storage.credentials import TooManyWriters
from storage.models.audit import AuditEvent
from storage.models.credentials import Ciphertexts, Credential, GivenCredential

LONGEST_CIPHERTEXT: Final = 8_192
LONGEST_SCOPE: Final = 4_096


class CredentialDesk:
    """Keeps credentials. Neither the trail nor the answer has more of one than its fingerprint."""

    def __init__(self, parts: AdminParts) -> None:
        self._vault, self._trail, self._reference = parts.connectors.vault, parts.trail, parts.reference

    async def upsert(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: `action: upsert`, `status: stored`, and the credential without its parts.

        Raises `request.invalid` or `exchange.not_found`.
        """
        given = _given(body)
        if all(instrument.venue != given.exchange_code for instrument in self._reference().instruments.values()):
            raise HubError("exchange.not_found", {"exchange_code": given.exchange_code})
        found = await self._vault.find(given.exchange_code, given.credential_name)
        new_id = f"crd_{call.effect_id}"
        target = ("credential", found.credential_id if found else new_id)
        act = act_of(call, "credential.upsert", target, _kept(found) if found else None, _asked(given))

        async def effect(intended: AuditEvent) -> tuple[bytes, Values]:
            try:
                stored = await self._vault.put(new_id, given, intended.ts)
            except TooManyWriters:
                raise busy() from None
            return encode(_view(stored)), _kept(stored)

        return await self._trail.privileged(act, effect)


def _given(body: dict[str, Any]) -> GivenCredential:
    reader = BodyReader(body)
    exchange_code = reader.text("exchange_code", required=True)
    name = reader.text("credential_name", required=True)
    api_key = reader.opaque("api_key_ciphertext", LONGEST_CIPHERTEXT, required=True)
    api_secret = reader.opaque("api_secret_ciphertext", LONGEST_CIPHERTEXT, required=True)
    passphrase = reader.opaque("passphrase_ciphertext", LONGEST_CIPHERTEXT, nullable=True)
    scope = json.dumps(reader.mapping("scope") or {})
    if len(scope) > LONGEST_SCOPE:
        reader.refuse("scope", "too large", f"an object of at most {LONGEST_SCOPE} characters")
    reader.finish()
    return GivenCredential(
        exchange_code or "", name or "", Ciphertexts(api_key or "", api_secret or "", passphrase), scope
    )


def _asked(given: GivenCredential) -> Values:
    return {
        "exchange_code": given.exchange_code,
        "credential_name": given.credential_name,
        "fingerprint": given.parts.fingerprint,
    }


def _kept(credential: Credential) -> Values:
    return {
        "exchange_code": credential.exchange_code,
        "credential_name": credential.credential_name,
        "fingerprint": credential.fingerprint,
        "updated_at": format_timestamp(credential.updated_at),
    }


def _view(credential: Credential) -> Values:
    return {
        "action": "upsert",
        "status": "stored",
        "application_id": None,
        "provisioning_job_id": None,
        "credential_id": credential.credential_id,
        **_kept(credential),
    }
