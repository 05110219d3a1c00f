"""What waits for a slow client, against a plain model: latest kept, gaps exact, nothing reordered, nothing lossless lost."""

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.live.backlog import SNAPSHOT_WAITS, Backlog, Losses
from gateway.live.frames import Address, Delivery, Frame
from gateway.live.limits import LiveLimits

SHARDS = ("a-0", "a-1")
QUOTES = [Address("quotes", f"quotes.{n}", f"quotes-{n % 2}", Delivery.LATEST, wildcard="quotes.*") for n in range(4)]
TRADES = [Address("trades", f"trades.{n}", f"trades-{n % 2}", Delivery.QUEUED, wildcard="trades.*") for n in range(4)]
RISK = [Address("risk", "risk.*", f"risk-{n % 2}", Delivery.LOSSLESS, route=f"risk@{n}") for n in range(2)]
STEPS = st.lists(st.one_of(st.sampled_from([*QUOTES, *TRADES, *RISK]), st.integers(1, 2_000)), max_size=120)


def subscribed_as(address: Address) -> str:
    return address.wildcard or address.topic


def backlog(**limits: int) -> tuple[Backlog, Losses]:
    losses = Losses()
    return Backlog(LiveLimits(**limits), subscribed_as, losses), losses


def messages(data: list[bytes]) -> list[dict]:
    """The JSON of frames that each are below 64 KiB."""
    return [json.loads(wire[2 if wire[1] < 126 else 4 :]) for wire in data]


def play(steps, queued_messages):
    """Add a frame for each address and take for each number; everything that came out, and what went in."""
    waiting, losses = backlog(queued_messages=queued_messages, lossless_bytes=10**9)
    seqs: dict[str, int] = {}
    sent: list[tuple[Address, int]] = []
    out: list[bytes] = []
    for step in steps:
        if isinstance(step, int):
            out += waiting.take(step)
            continue
        seqs[step.shard] = seqs.get(step.shard, -1) + 1
        sent.append((step, seqs[step.shard]))
        assert waiting.add(Frame(step, seqs[step.shard], "update", b"{}"))
    while waiting:
        out += waiting.take(10_000)
    assert not waiting.take(10_000)
    return sent, messages(out), losses


@given(STEPS, st.integers(1, 6))
def test_of_latest_values_the_newest_comes_and_the_others_are_counted(steps, queued):
    sent, out, losses = play(steps, queued)
    for address in QUOTES:
        own = [seq for where, seq in sent if where is address]
        got = [message for message in out if message.get("topic") == address.topic]
        assert bool(own) == bool(got)
        if own:
            assert got[-1]["seq"] == own[-1]
        before = -1
        for message in got:
            passed = [seq for seq in own if before < seq < message["seq"]]
            assert message.get("conflated", 0) == len(passed)
            before = message["seq"]
    assert losses.conflated.get("quotes", 0) == sum(message.get("conflated", 0) for message in out)


@given(STEPS, st.integers(1, 6))
def test_a_gap_says_exactly_what_was_dropped(steps, queued):
    sent, out, losses = play(steps, queued)
    for shard in ("trades-0", "trades-1"):
        all_of_it = [seq for where, seq in sent if where.shard == shard]
        seen: list[int] = []
        for message in (message for message in out if message["shard"] == shard):
            if message["type"] == "gap":
                assert message["topic"] == "trades.*"
                seen += range(message["from"], message["to"] + 1)
            else:
                seen.append(message["seq"])
        assert seen == all_of_it, "each is delivered or in a gap, and both stand in order"
    assert losses.gaps.get("trades", 0) == sum(message["type"] == "gap" for message in out)


@given(STEPS, st.integers(1, 6))
def test_nothing_is_reordered_and_nothing_lossless_is_lost(steps, queued):
    sent, out, _ = play(steps, queued)
    for shard in {where.shard for where, _ in sent}:
        seqs = [message["seq"] for message in out if message.get("shard") == shard and message["type"] != "gap"]
        assert seqs == sorted(set(seqs))
        if shard.startswith("risk"):
            assert seqs == [seq for where, seq in sent if where.shard == shard]


@given(STEPS, st.integers(1, 6))
def test_unsent_is_the_lowest_that_still_comes(steps, queued):
    waiting, _ = backlog(queued_messages=queued, lossless_bytes=10**9)
    seqs: dict[str, int] = {}
    for step in steps:
        if isinstance(step, int):
            waiting.take(step)
        else:
            seqs[step.shard] = seqs.get(step.shard, -1) + 1
            waiting.add(Frame(step, seqs[step.shard], "update", b"{}"))
    claimed = waiting.unsent()
    out: list[bytes] = []
    while waiting:
        out += waiting.take(10_000)
    lowest: dict[str, int] = {}
    for message in messages(out):
        seq = message["from"] if message["type"] == "gap" else message["seq"]
        lowest[message["shard"]] = min(lowest.get(message["shard"], seq), seq)
    assert claimed == lowest


def test_lossless_frames_have_a_limit_in_bytes_that_sending_gives_back():
    waiting, _ = backlog(lossless_bytes=1_000)
    frame = Frame(RISK[0], 0, "update", b"{}")
    fitting = 1_000 // len(frame.wire)
    assert all(waiting.add(Frame(RISK[0], seq, "update", b"{}")) for seq in range(fitting))
    assert len(waiting.take(1)) == 1
    assert waiting.add(Frame(RISK[0], 9, "update", b"{}"))
    assert not waiting.add(Frame(RISK[0], 10, "update", b"{}"))


def test_what_is_held_comes_first_and_takes_the_place_of_older_values():
    waiting, _ = backlog()
    waiting.add(Frame(QUOTES[0], 1, "update", b"{}"))
    waiting.add(Frame(QUOTES[2], 2, "update", b"{}"))
    assert waiting.hold([Frame(QUOTES[0], 1, "snapshot", b"{}")])
    waiting.add(Frame(QUOTES[0], 3, "update", b"{}"))
    assert waiting.unsent() == {"quotes-0": SNAPSHOT_WAITS}
    found = [(message["type"], message["seq"]) for message in messages(waiting.take(100_000))]
    assert found == [("snapshot", 1), ("update", 2), ("update", 3)]


def test_too_much_that_must_be_kept_is_refused():
    waiting, _ = backlog(buffered_bytes=500)
    held = [Frame(TRADES[0], seq, "update", b"{}") for seq in range(3)]
    assert waiting.hold(held)
    assert not waiting.hold([Frame(TRADES[0], seq, "update", b"{}") for seq in range(3, 10)])


def test_what_is_no_longer_wanted_is_forgotten():
    waiting, _ = backlog(queued_messages=1)
    for seq in range(4):
        waiting.add(Frame(TRADES[0], seq, "update", b"{}"))
        waiting.add(Frame(QUOTES[0], seq, "update", b"{}"))
        waiting.add(Frame(RISK[0], seq, "update", b"{}"))
    waiting.keep_only(lambda frame: frame.address.family == "risk", {"risk.*"})
    assert [message["topic"] for message in messages(waiting.take(100_000))] == ["risk.*"] * 4
    assert not waiting
    assert waiting.lossless_bytes == 0


def test_the_gap_of_a_wildcard_that_ends_stays_with_its_symbols():
    waiting, _ = backlog(queued_messages=1)
    for seq in range(4):
        waiting.add(Frame(TRADES[0], seq, "update", b"{}"))
    waiting.keep_only(lambda frame: frame.address is TRADES[0], {"trades.0", "quotes.0"})
    gap, update = messages(waiting.take(100_000))
    assert (gap["type"], gap["topic"], gap["from"], gap["to"]) == ("gap", "trades.0", 0, 2)
    assert update["seq"] == 3
