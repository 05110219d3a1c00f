"""Rotation of a key ring: the new key is known before it is used, and old ones open what they have sealed."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.proofs.codes import Codes
from ops.runtime.identifiers import SystemIdentifiers
from storage.key_rotation import rotation
from storage.models.challenges import Challenge
from storage.mongo.sealed_fields import HASHED_FIELDS, SEALED_FIELDS
from storage.sealing import KeyRing

OLD = "first:sixteen characters or more,second:another sixteen: or more"
SECRET = "a new secret of its own"
ROOT = Path(__file__).resolve().parents[2]
WRITERS = {
    "gateway/http/idempotency.py": {"idempotency_records.answer.sealed", "idempotency_records.body_hash"},
    "gateway/identity/proofs/codes.py": {"challenges.code_hash"},
    "gateway/identity/own/invitations.py": {"invitations.mail.sealed", "invitations.token_hash"},
    "gateway/identity/people/letters.py": {"challenges.mail.sealed"},
    "gateway/identity/sessions/refresh_tokens.py": {"sessions.refresh_hash"},
    "gateway/identity/proofs/totp_codes.py": {"users.totp.sealed_secret", "admins.totp.sealed_secret"},
    "storage/api_keys.py": {"api_keys.sealed_secret"},
    "storage/credential_keys.py": {"credential_keys.sealed_private"},
    "storage/credentials.py": {
        "exchange_credentials.sealed_api_key", "exchange_credentials.sealed_api_secret",
        "exchange_credentials.sealed_passphrase",
    },
    "storage/models/audit_chain.py": {"audit_events.hash"},
}  # fmt: skip
"""Who seals or hashes with the encryption ring, and where that is kept."""
ON_THE_SAFE_SIDE = {"notices.mail.sealed", "access_applications.mail.sealed"}
"""Notices and mails about applications hold no secret today."""


def test_the_new_key_is_the_last_and_then_the_first():
    steps = rotation(OLD, "2026-11-23", SECRET)
    assert steps.key_id == "2026-11-23"
    assert steps.old_key_ids == ("first", "second")
    assert steps.prepared == f"{OLD},2026-11-23:{SECRET}"
    assert steps.rotated == f"2026-11-23:{SECRET},{OLD}"


def test_what_is_sealed_at_any_step_opens_at_every_neighbouring_one():
    steps = rotation(OLD, "2026-11-23", SECRET)
    before, prepared, rotated = (KeyRing.parse(ring) for ring in (OLD, steps.prepared, steps.rotated))
    assert (before.sealing_key_id, prepared.sealing_key_id, rotated.sealing_key_id) == ("first", "first", "2026-11-23")
    for sealing, opening in ((before, prepared), (prepared, before), (prepared, rotated), (rotated, prepared)):
        assert opening.open(sealing.seal(b"secret", b"here"), b"here") == b"secret"
        assert opening.matches(sealing.keyed_hash(b"code", b"here"), b"code", b"here")


@given(rotations=st.integers(2, 5))
def test_rotations_of_one_day_have_ids_of_their_own(rotations):
    ring = OLD
    for _ in range(rotations):
        ring = rotation(ring, "2026-11-23", SECRET).rotated
    ids = [item.partition(":")[0] for item in ring.split(",")]
    assert len(set(ids)) == len(ids) == rotations + 2
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,32}", key_id) for key_id in ids)
    assert KeyRing.parse(ring).sealing_key_id == ids[0]


def test_a_rotation_that_is_shown_by_accident_tells_no_secret():
    assert repr(rotation(OLD, "2026-11-23", SECRET)) == "Rotation(2026-11-23, first, second)"


def test_every_place_where_something_is_sealed_or_hashed_is_known_to_a_rotation():
    modules = [
        path
        for package in ("gateway", "storage", "streams", "workers", "ops/cli", "ops/processes", "ops/runtime")
        for path in (ROOT / package).rglob("*.py")
    ]
    writing = re.compile(r"\.(seal|keyed_hash)\(")
    found = {str(path.relative_to(ROOT)) for path in modules if writing.search(path.read_text())}
    assert found - {"storage/sealing.py"} == WRITERS.keys()
    fields = {field.name for field in (*SEALED_FIELDS, *HASHED_FIELDS)}
    assert set().union(*WRITERS.values()) | ON_THE_SAFE_SIDE == fields


def test_a_code_whose_key_was_dropped_is_a_wrong_code():
    challenge = Challenge(
        challenge_id="chl_1", kind="login", audience="user", subject_id="usr_1", email="a@example.com", created_at=1,
        expires_at=2, resend_at=1, code_hash=KeyRing.parse(OLD).keyed_hash(b"123456", b"chl_1"),
    )  # fmt: skip
    steps = rotation(OLD, "2026-11-23", SECRET)
    for ring, right in ((OLD, True), (steps.prepared, True), (steps.rotated, True), (f"new:{SECRET}", False)):
        codes = Codes(None, KeyRing.parse(ring), None, SystemIdentifiers())
        assert codes.mailed("123456")(challenge) is right
        assert codes.mailed("123457")(challenge) is False
