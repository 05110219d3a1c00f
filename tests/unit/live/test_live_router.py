"""Who gets which frame: against a model that asks every client, with groups that change under way."""

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from gateway.live.backlog import Backlog
from gateway.live.frames import Address, Delivery, Frame
from gateway.live.router import Delivered, Route, Router

SYMBOLS = range(3)
ADDRESSES = [
    Address(family, f"{family}.{symbol}", f"{family}-0", delivery, wildcard=f"{family}.*")
    for family, delivery in (("quotes", Delivery.LATEST), ("trades", Delivery.QUEUED))
    for symbol in SYMBOLS
]
KEYS = ["quotes.*", "trades.*", *(address.topic for address in ADDRESSES)]


class Member:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.backlog: Backlog | None = None
        self.data = b""
        self.waiting = 0
        self.absorbed: list[Frame] = []
        self.aborted = False
        self.written = 0
        self.broken = False

    def buffered(self) -> int:
        return self.waiting

    def write(self, data: bytes) -> None:
        if self.broken:
            raise RuntimeError("Cannot call write() after write_eof()")
        self.data += data

    def absorb(self, frames: list[Frame]) -> None:
        self.absorbed += frames

    def abort(self) -> None:
        self.aborted = True

    @property
    def messages(self) -> list[dict]:
        found, rest = [], self.data
        while rest:
            size = rest[1]
            assert size < 126
            found.append(json.loads(rest[2 : 2 + size]))
            rest = rest[2 + size :]
        return found

    @property
    def seqs(self) -> list[int]:
        return [message["seq"] for message in self.messages]


class Timers:
    """Timers that a test lets ring."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def later(self, _seconds: float, ring: Callable[[], None]) -> None:
        self.waiting.append(ring)

    def ring(self) -> None:
        ringing, self.waiting = self.waiting, []
        for ring in ringing:
            ring()


def covering(keys: frozenset[str]) -> frozenset[Route]:
    """Routes as `interest.routes` makes them: no symbol beside its wildcard."""
    return frozenset(Route(key) for key in keys if key.endswith("*") or f"{key.split('.')[0]}.*" not in keys)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from(ADDRESSES)),
        st.tuples(st.just("move"), st.tuples(st.integers(0, 3), st.frozensets(st.sampled_from(KEYS), max_size=4))),
        st.tuples(st.just("flush"), st.none()),
    ),
    max_size=80,
)


@given(STEPS)
def test_everyone_gets_exactly_what_they_listen_to_in_order(steps):
    router = Router(100, Timers().later, Delivered())
    members = [Member() for _ in range(4)]
    listening = [frozenset[str]() for _ in members]
    expected: list[list[int]] = [[] for _ in members]
    for seq, (what, argument) in enumerate(steps):
        if what == "publish":
            router.publish(Frame(argument, seq, "update", b"{}"))
            for index, keys in enumerate(listening):
                if argument.topic in keys or argument.wildcard in keys:
                    expected[index].append(seq)
        elif what == "move":
            index, keys = argument
            router.move(members[index], covering(listening[index]), covering(keys))
            listening[index] = keys
        else:
            router.flush()
    router.flush()
    assert [member.seqs for member in members] == expected


def test_members_with_the_same_routes_share_the_joined_bytes():
    router, routes = Router(100, Timers().later, Delivered()), frozenset({Route("quotes.*")})
    written: list[bytes] = []
    for _ in range(3):
        member = Member()
        member.write = written.append  # type: ignore[method-assign]
        router.move(member, frozenset(), routes)
    for seq in range(4):
        router.publish(Frame(ADDRESSES[seq % 3], seq, "update", b"{}"))
    router.flush()
    assert len(written) == 3
    assert written[0] is written[1] is written[2]


def test_a_full_buffer_absorbs_and_the_others_are_written_to():
    delivered = Delivered()
    router, routes = Router(100, Timers().later, delivered), frozenset({Route("quotes.*")})
    full, other = Member(), Member()
    for member in (full, other):
        router.move(member, frozenset(), routes)
    full.waiting = 101
    for seq in range(3):
        router.publish(Frame(ADDRESSES[0], seq, "update", b"{}"))
    router.flush()
    assert [frame.seq for frame in full.absorbed] == [0, 1, 2]
    assert full.data == b""
    assert other.seqs == [0, 1, 2]
    assert delivered.messages == {"quotes": 3}


def test_a_transport_that_was_ended_hurts_nobody_else():
    router, routes = Router(100, Timers().later, Delivered()), frozenset({Route("quotes.*")})
    broken, other = Member(), Member()
    broken.broken = True
    for member in (broken, other):
        router.move(member, frozenset(), routes)
    router.publish(Frame(ADDRESSES[0], 0, "update", b"{}"))
    router.flush()
    assert broken.aborted
    assert other.seqs == [0]


@given(st.lists(st.one_of(st.sampled_from(ADDRESSES), st.just("ring"), st.just("flush")), max_size=60))
def test_a_conflating_route_keeps_the_latest_and_counts(steps):
    timers, member = Timers(), Member()
    router = Router(10_000, timers.later, Delivered())
    router.move(member, frozenset(), frozenset({Route("quotes.*", 100), Route("trades.*")}))
    published: dict[str, list[int]] = {}
    for seq, step in enumerate(steps):
        if isinstance(step, Address):
            published.setdefault(step.topic, []).append(seq)
            router.publish(Frame(step, seq, "update", b"{}"))
        elif step == "ring":
            timers.ring()
        else:
            router.flush()
    router.move(member, frozenset({Route("quotes.*", 100), Route("trades.*")}), frozenset())
    for topic, seqs in published.items():
        got = [message for message in member.messages if message["topic"] == topic]
        assert sum(1 + message.get("conflated", 0) for message in got) == len(seqs), "leaving brings what was kept"
        assert got[-1]["seq"] == seqs[-1]
        if topic.startswith("trades"):
            assert [message["seq"] for message in got] == seqs


def test_unsent_names_what_a_conflating_group_keeps():
    router, member = Router(100, Timers().later, Delivered()), Member()
    routes = frozenset({Route("quotes.*", 100)})
    router.move(member, frozenset(), routes)
    assert router.unsent(routes) == {}
    for seq in (5, 6):
        router.publish(Frame(ADDRESSES[seq - 5], seq, "update", b"{}"))
    assert router.unsent(routes) == {"quotes-0": 5}
    assert router.unsent(frozenset({Route("nothing")})) == {}


def test_nothing_is_left_of_groups_without_members():
    router, member, routes = (
        Router(100, Timers().later, Delivered()),
        Member(),
        frozenset({Route("quotes.*", 5), Route("x")}),
    )
    router.move(member, frozenset(), routes)
    router.move(member, routes, frozenset())
    assert router._groups == {}
    assert router._sinks == {}


class Leaver(Member):
    """Is closed by what it cannot take, and leaves its group in the middle of the flush."""

    def __init__(self, router: Router, routes: frozenset[Route]) -> None:
        super().__init__()
        self._router, self._routes = router, routes
        self.waiting = 1_000_000

    def absorb(self, frames: list[Frame]) -> None:
        super().absorb(frames)
        self._router.move(self, self._routes, frozenset())


def test_a_member_that_is_closed_by_the_flush_before_its_own_move_or_anothers_leaves_the_groups_whole():
    router = Router(0, Timers().later, Delivered())
    trades, quotes = frozenset((Route("trades.*"),)), frozenset((Route("quotes.*"),))
    trade, quote = (next(one for one in ADDRESSES if one.family == family) for family in ("trades", "quotes"))
    leaver = Leaver(router, trades)
    router.move(leaver, frozenset(), trades)
    router.publish(Frame(trade, 1, "update", b"{}"))
    router.move(leaver, trades, frozenset())
    assert [frame.seq for frame in leaver.absorbed] == [1]

    other, follower = Leaver(router, quotes), Member()
    router.move(other, frozenset(), quotes)
    router.publish(Frame(quote, 2, "update", b"{}"))
    router.move(follower, frozenset(), quotes)
    router.publish(Frame(quote, 3, "update", b"{}"))
    router.flush()
    assert [frame.seq for frame in other.absorbed] == [2]
    assert follower.seqs == [3]
