"""Rotation of a key ring: the new key is known before it is used, and old ones open what they have sealed."""

import re

from hypothesis import given
from hypothesis import strategies as st

from storage.key_rotation import rotation
from storage.sealing import KeyRing

OLD = "first:sixteen characters or more,second:another sixteen: or more"
SECRET = "a new secret of its own"


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
