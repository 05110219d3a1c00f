"""Rotation of a key ring: the setting that brings a new key in, in the two steps that a running platform needs. Pure."""

from typing import NamedTuple


class Rotation(NamedTuple):
    """`prepared` knows the new key, and the one before still seals or signs: every process needs it before any has `rotated`,
    where the new key is the first. Both are secret.
    """

    key_id: str
    old_key_ids: tuple[str, ...]
    prepared: str
    rotated: str

    def __repr__(self) -> str:
        return f"Rotation({self.key_id}, {', '.join(self.old_key_ids)})"


def rotation(ring: str, day: str, secret: str) -> Rotation:
    """How `secret` becomes the first key of `ring` (`id:secret[,id:secret...]`); its id says the `day` (2026-11-23)."""
    keys = [item.strip() for item in ring.split(",")]
    old = tuple(item.partition(":")[0] for item in keys)
    key_id = _free_id(day, old)
    new = f"{key_id}:{secret}"
    return Rotation(key_id, old, ",".join([*keys, new]), ",".join([new, *keys]))


def _free_id(day: str, taken: tuple[str, ...]) -> str:
    number = 1
    key_id = day
    while key_id in taken:
        number += 1
        key_id = f"{day}-{number}"
    return key_id
