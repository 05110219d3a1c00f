"""After a rotation of the encryption keys: every stored sealed text is sealed anew by the first key of the ring.

Each text is replaced under a guard, so this may run twice, from two places and beside a running platform. A process that
had read a document before may write the text of before back; so it is run until `current` is all there is.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from storage.mongo.sealed_fields import SEALED_FIELDS, SealedField
from storage.mongo.sealed_secrets import MOST_NAMED, SealedSecrets, SealedText
from storage.sealing import KeyRing, UnknownKey, Unreadable

_PAGE: Final = 200


@dataclass(slots=True)
class FieldResealed:
    """What became of one field. `current` were sealed by the first key already; `changed` were written by somebody else
    meanwhile. Of `unopened` the first 20 are told as `document id: why`.
    """

    name: str
    resealed: int = 0
    current: int = 0
    changed: int = 0
    unopened: int = 0
    reasons: list[str] = field(default_factory=list)


async def reseal_all(
    secrets: SealedSecrets, key_ring: KeyRing, fields: Sequence[SealedField] = SEALED_FIELDS
) -> AsyncIterator[FieldResealed]:
    """Seal every text of `fields` anew; what became of each field, when it is done. Raises `StoreUnavailable`."""
    for sealed in fields:
        yield await _reseal_field(secrets, key_ring, sealed)


async def _reseal_field(secrets: SealedSecrets, key_ring: KeyRing, sealed: SealedField) -> FieldResealed:
    became = FieldResealed(sealed.name)
    after = ""
    while texts := await secrets.page(sealed, after, _PAGE):
        for text in texts:
            await _reseal(secrets, key_ring, sealed, text, became)
        after = texts[-1].identity
    return became


async def _reseal(
    secrets: SealedSecrets, key_ring: KeyRing, sealed: SealedField, text: SealedText, became: FieldResealed
) -> None:
    try:
        if not key_ring.needs_reseal(text.text):
            became.current += 1
            return
        anew = key_ring.reseal(text.text, text.context)
    except (UnknownKey, Unreadable) as error:
        became.unopened += 1
        if len(became.reasons) < MOST_NAMED:
            became.reasons.append(f"{text.identity}: {error}")
        return
    if await secrets.replace(sealed, text, anew):
        became.resealed += 1
    else:
        became.changed += 1
