"""Frames against an independent decoder (wsproto) and, byte for byte, against the text that they should hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol

from gateway.live.frames import Address, Delivery, Frame, json_frame, ping_frame, pong_frame, text_frame


def decoded(wire: bytes) -> str:
    """The text of exactly one whole frame, as a client without extensions reads it."""
    client = FrameProtocol(client=True, extensions=[])
    client.receive_bytes(wire)
    parts = list(client.received_frames())
    assert all(part.opcode.name in {"TEXT", "CONTINUATION"} for part in parts)
    assert parts[-1].message_finished
    assert client._frame_decoder.buffer.consume_at_most(1) == b""
    return "".join(part.payload for part in parts)


ADDRESS = Address("quotes", "quotes.AAPL.US", "quotes-3", Delivery.LATEST, wildcard="quotes.*")
VALUES = st.dictionaries(st.text(max_size=8), st.text(max_size=40), max_size=5).map(
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
)


def test_the_text_is_prefix_value_and_brace():
    frame = Frame(ADDRESS, 1042, "update", b'{"last":"1.5"}')
    text = '{"topic":"quotes.AAPL.US","shard":"quotes-3","seq":1042,"type":"update","data":{"last":"1.5"}}'
    assert decoded(frame.wire) == text
    assert frame.wire == bytes((0x81, len(text))) + text.encode()


@given(VALUES, st.integers(0, 2**62), st.sampled_from(["update", "state", "snapshot"]), st.integers(1, 10**9))
def test_every_form_holds_the_value_unchanged(value, seq, kind, dropped):
    frame = Frame(ADDRESS, seq, kind, value)
    assert frame.value == value
    assert frame.conflating(0) is frame
    for form, extra in ((frame, {}), (frame.conflating(dropped), {"conflated": dropped})):
        assert form.value == value
        assert json.loads(decoded(form.wire)) == {
            "topic": "quotes.AAPL.US", "shard": "quotes-3", "seq": seq, "type": kind, "data": json.loads(value), **extra,
        }  # fmt: skip
    assert frame.retyped("snapshot").value == value
    assert json.loads(decoded(frame.retyped("snapshot").wire))["type"] == "snapshot"


def test_counts_of_conflation_add_up():
    frame = Frame(ADDRESS, 1, "update", b"{}").conflating(3).conflating(4)
    assert frame.conflated == 7
    assert json.loads(decoded(frame.wire))["conflated"] == 7


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537, 200_000])
def test_lengths_at_every_edge(size):
    text = b"x" * size
    assert decoded(text_frame(text)) == text.decode()
    whole = Frame(ADDRESS, 5, "update", b'"' + b"x" * size + b'"')
    assert json.loads(decoded(whole.wire))["data"] == "x" * size


def test_names_are_escaped_as_json():
    odd = Address("quotes", 'quotes."\\\u2028', "quotes-0", Delivery.LATEST)
    assert json.loads(decoded(Frame(odd, 0, "update", b"{}").wire))["topic"] == 'quotes."\\\u2028'


def test_control_frames():
    assert ping_frame() == b"\x89\x00"
    assert pong_frame(b"ab") == b"\x8a\x02ab"
    assert decoded(json_frame({"type": "gap", "from": 1})) == '{"type":"gap","from":1}'
