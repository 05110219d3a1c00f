"""Announcements and stored forms of every kind of control document; what a reader holds of them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.controls.held import HeldControls
from storage.models.control_records import (
    Announcement,
    announcement_headers,
    builtins_of,
    decode_announcement,
    document_of,
    encode_announcement,
)
from storage.models.controls import (
    Binding,
    ConnectorState,
    ControlDocument,
    Controls,
    Conversion,
    Fault,
    Halt,
    InstrumentControl,
    VenueRules,
    identity_of,
)
from storage.reference_data.builtin import load_builtin

APPLE = load_builtin().instruments["AAPL.US"]
EVERY_KIND: list[tuple[ControlDocument, str]] = [
    (Halt("hlt_1", "strategy", "acc_1/mean", "reducing", "a test"), "halt|hlt_1"),
    (Binding("ten_1", "XNAS", "sim-a", "active"), "binding|ten_1|XNAS"),
    (ConnectorState("sim-a", "down", "maintenance"), "connector|sim-a"),
    (VenueRules("XNAS", has_sessions=True, holds_orders=True), "venue|XNAS"),
    (Conversion("JPY", "USD", "USDJPY.OANDA", inverse=True), "conversion|JPY"),
    (Fault("sim-b", "timeout"), "fault|sim-b"),
    (InstrumentControl(APPLE), "instrument|AAPL.US"),
]
DOCUMENTS = [document for document, _ in EVERY_KIND]
KINDS = [identity.partition("|")[0] for _, identity in EVERY_KIND]


@pytest.mark.parametrize(("document", "identity"), EVERY_KIND, ids=KINDS)
def test_what_a_document_is_known_by(document: ControlDocument, identity: str) -> None:
    assert identity_of(document) == identity


@pytest.mark.parametrize("document", DOCUMENTS, ids=KINDS)
def test_every_kind_comes_back_from_the_log_and_from_the_store_as_it_was(document: ControlDocument) -> None:
    announcement = Announcement(3, document)
    assert decode_announcement(encode_announcement(announcement)) == announcement
    assert document_of(builtins_of(document)) == document
    assert dict(announcement_headers(announcement)) == {
        "schema": b"control.1",
        "event-id": f"{identity_of(document)}@3".encode(),
    }


@pytest.mark.parametrize(
    "value", [b"", b"{}", b'{"revision":1,"document":{"type":"unheard-of"}}', b'{"revision":1,"document":{"type":"instrument","instrument":{"symbol":"X"}}}']
)  # fmt: skip
def test_what_is_no_announcement_is_refused_with_one_kind_of_error(value: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_announcement(value)


def test_fields_of_a_newer_version_are_left_out() -> None:
    fields = builtins_of(InstrumentControl(APPLE))
    fields["instrument"]["colour"] = fields["since"] = "green"
    assert document_of(fields) == InstrumentControl(APPLE)


def test_every_kind_has_its_effect() -> None:
    held = HeldControls()
    held.take(7, [Announcement(1, document) for document in DOCUMENTS])
    controls = held.current
    assert controls.version == 7
    assert controls.halted == {("strategy", "acc_1/mean"): "reducing"}
    assert controls.bindings["ten_1", "XNAS"].connector == "sim-a"
    assert controls.connectors["sim-a"].status == "down"
    assert controls.venues["XNAS"].has_sessions
    assert controls.conversions["JPY"].symbol == "USDJPY.OANDA"
    assert controls.faults == {"sim-b": "timeout"}
    assert controls.instruments["AAPL.US"].currency == "USD"


def test_a_lifted_halt_an_ended_fault_and_a_withdrawn_instrument_are_gone() -> None:
    held = HeldControls()
    held.take(7, [Announcement(1, document) for document in DOCUMENTS])
    before = held.current
    ends = [Halt("hlt_1", "strategy", "acc_1/mean", "reducing", lifted=True), Fault("sim-b", "none")]
    held.take(9, [Announcement(2, document) for document in (*ends, InstrumentControl(APPLE, withdrawn=True))])
    after = held.current
    assert not after.halts
    assert not after.halted
    assert not after.faults
    assert not after.instruments
    assert (before.version, len(before.halts), len(before.instruments)) == (7, 1, 1)  # what was seen does not change


def test_an_earlier_revision_changes_nothing_but_the_version_goes_on() -> None:
    held = HeldControls()
    held.take(4, [Announcement(2, Halt("h", "platform", "", "halted", lifted=True))])
    held.take(5, [Announcement(1, Halt("h", "platform", "", "halted"))])
    assert not held.current.halted
    assert held.current.version == 5
    held.take(3, ())
    assert held.current.version == 5


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["none", "refuse", "down"])), max_size=12), st.data())
def test_the_order_and_repetition_of_announcements_do_not_matter(
    changes: list[tuple[str, str]], data: st.DataObject
) -> None:
    revisions: dict[str, int] = {}
    announced = []
    for connector, fault in changes:
        revisions[connector] = revisions.get(connector, 0) + 1
        announced.append(Announcement(revisions[connector], Fault(connector, fault)))  # type: ignore[arg-type]
    held = HeldControls()
    again = data.draw(st.lists(st.sampled_from(announced), max_size=5)) if announced else []
    for offset, announcement in enumerate(data.draw(st.permutations(announced + again))):
        held.take(offset, [announcement])
    straight = Controls().changed(len(announced + again) - 1, [announcement.document for announcement in announced])
    assert held.current == straight
