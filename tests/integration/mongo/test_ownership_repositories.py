"""Checkpoints, floors, claims and anchors over both adapters: whoever writes them and however late, nothing goes back."""

import msgspec
import pytest

from storage.models.ownership import BEGINNING, Anchor, Checkpoint, ClaimHistory, Floor
from storage.mongo.connect import Store
from storage.mongo.failures import WriteRefused
from storage.mongo.ownership import Checkpoints, ClaimHistories, Floors, ReaderAnchors

TOPIC = "order-events"
CHECKPOINT = Checkpoint(
    partition=3, key=b"acc_1|\xff", upto=40, cause=17, decided_at=1_700_000_000_000_000_001, state=b"\x00s"
)


def at(upto: int, **changes: object) -> Checkpoint:
    """The example at another offset."""
    return msgspec.structs.replace(CHECKPOINT, upto=upto, **changes)


async def test_a_checkpoint_comes_back_as_it_was_and_only_in_its_partition_and_topic(store: Store) -> None:
    checkpoints = Checkpoints(store.database, TOPIC)
    assert await checkpoints.write([CHECKPOINT]) == []
    assert await checkpoints.of_partition(3) == [CHECKPOINT]
    assert await checkpoints.of_partition(4) == []
    assert await Checkpoints(store.database, "venue-reports").of_partition(3) == []


@pytest.mark.parametrize(("upto", "taken"), [(41, True), (40, False), (39, False)])
async def test_a_checkpoint_never_goes_back(store: Store, upto: int, *, taken: bool) -> None:
    checkpoints = Checkpoints(store.database, TOPIC)
    await checkpoints.write([CHECKPOINT])
    assert await checkpoints.write([at(upto, state=b"other"), at(7, key=b"acc_2")]) == (
        [] if taken else [b"acc_1|\xff"]
    )
    stored = {found.key: found.state for found in await checkpoints.of_partition(3)}
    assert stored == {b"acc_1|\xff": b"other" if taken else b"\x00s", b"acc_2": b"\x00s"}


async def test_how_far_the_stored_checkpoints_of_some_keys_reach(store: Store) -> None:
    checkpoints = Checkpoints(store.database, TOPIC)
    assert await checkpoints.furthest([b"acc_1|\xff"]) == -1
    await checkpoints.write([CHECKPOINT, at(90, key=b"acc_2")])
    assert await checkpoints.furthest([b"acc_1|\xff"]) == 40
    assert await checkpoints.furthest([b"acc_1|\xff", b"acc_2", b"acc_3"]) == 90


@pytest.mark.mongo
async def test_a_checkpoint_that_no_document_can_hold_is_refused_in_words(real_store: Store) -> None:
    checkpoints = Checkpoints(real_store.database, TOPIC)
    with pytest.raises(WriteRefused, match="owner_checkpoints did not take"):
        await checkpoints.write([at(50, state=bytes(17_000_000))])
    assert await checkpoints.of_partition(3) == []


async def test_a_floor_only_grows(store: Store) -> None:
    floors = Floors(store.database, TOPIC)
    assert await floors.get(3) == Floor(3)
    for upto, taken in ((10, True), (10, False), (4, False), (11, True)):
        assert await floors.raise_to(Floor(3, upto, claim=2, cause=upto, decided_at=5)) is taken
    assert await floors.get(3) == Floor(3, 11, 2, 11, 5)
    assert await floors.get(2) == Floor(2)


async def test_the_list_of_claims_only_grows(store: Store) -> None:
    histories = ClaimHistories(store.database, TOPIC)
    assert await histories.get(0) == ClaimHistory(0)
    assert await histories.extend_to(ClaimHistory(0, 20, (0, 12)))
    assert not await histories.extend_to(ClaimHistory(0, 13, (0, 12)))
    assert await histories.get(0) == ClaimHistory(0, 20, (0, 12))


async def test_a_readers_anchor_only_moves_on_and_readers_do_not_share_one(store: Store) -> None:
    relay, projection = (ReaderAnchors(store.database, reader, TOPIC) for reader in ("relay", "projection"))
    assert await relay.get(1) == BEGINNING
    assert await relay.put(1, Anchor(9, 4))
    assert not await relay.put(1, Anchor(8, 4))
    assert await relay.get(1) == Anchor(9, 4)
    assert await projection.get(1) == BEGINNING
