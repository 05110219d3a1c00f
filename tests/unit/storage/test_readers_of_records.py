"""Readers accept unknown fields: a record of a newer version is read by an older process, whatever it is about."""

import json
from collections.abc import Iterator
from importlib import import_module

import msgspec
import pytest

from storage.models.market_data import Bar, Correction, Quote, QuoteState, Trade, encode

MODULES = (
    "market_data", "order_commands", "order_events", "order_records", "order_answers", "orders", "accounts", "positions",
    "venues", "controls", "control_records", "dead_letters", "ownership", "read_models",
)  # fmt: skip
NOW = "2026-11-23T08:00:00Z"
EXAMPLES = [
    Quote("A.X", "X", "1", "1", "2", "1", "1", "open", NOW, NOW, bids=(("1", "1"),), asks=(("2", "1"),)),
    QuoteState("A.X", "stale", "open", NOW, NOW),
    Trade("A.X", "X", "7", 7, "1", "1", None, NOW, NOW, Correction("cancel", 3)),
    Bar("A.X", "1m", NOW, "1", "1", "1", "1", "0", None, "0", 1, False, 0),
]


def structs() -> Iterator[type[msgspec.Struct]]:
    """Every kind of record, and what they are made of."""
    for name in MODULES:
        for value in vars(import_module(f"storage.models.{name}")).values():
            if isinstance(value, type) and issubclass(value, msgspec.Struct):
                yield value


KINDS = sorted(set(structs()), key=lambda kind: f"{kind.__module__}.{kind.__qualname__}")


def test_there_are_many() -> None:
    assert len(KINDS) > 60


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__qualname__)
def test_no_kind_of_record_refuses_what_it_does_not_know(kind: type[msgspec.Struct]) -> None:
    assert not kind.__struct_config__.forbid_unknown_fields


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__qualname__)
def test_unknown_fields_are_passed_over_at_any_depth(example: msgspec.Struct) -> None:
    newer = json.loads(encode(example)) | {"of_a_newer_version": {"any": ["thing"]}}
    if "correction" in newer:
        newer["correction"]["by"] = "somebody"
    assert msgspec.json.decode(json.dumps(newer).encode(), type=type(example)) == example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__qualname__)
def test_records_are_json_without_blanks(example: msgspec.Struct) -> None:
    written = encode(example)
    assert written == json.dumps(json.loads(written), separators=(",", ":")).encode()


def test_levels_stand_last_in_a_quote() -> None:
    assert list(json.loads(encode(EXAMPLES[0])))[-2:] == ["bids", "asks"]
