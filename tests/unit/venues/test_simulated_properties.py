"""What holds of the simulated venue whatever is sent to it, in whatever order."""

from collections import defaultdict
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.models.venues import SymbolCheckpoint, VenueRecord, decode_record, encode
from streams.venues.simulated.amounts import amount
from streams.venues.simulated.decide import Elapsed, QuoteMoved, Requested, decide
from streams.venues.simulated.draft import Draft
from streams.venues.simulated.market import FeedBook
from streams.venues.simulated.rules import LatencyModel, Rules
from streams.venues.simulated.snapshots import restore, snapshot
from streams.venues.simulated.state import SymbolState, evolve

prices = st.integers(96, 104).map(str)
quantities = st.integers(1, 6).map(str)
tenants = st.sampled_from(["t1", "t2", "t3"])
sides = st.sampled_from(["buy", "sell"])
ids = st.integers(0, 9).map(lambda number: f"o{number}")
scenarios = st.sampled_from(
    [None] * 12
    + [
        f"sim:{name}:u"
        for name in (
            "reject",
            "partial:2",
            "slow:700",
            "timeout-then-accept",
            "timeout-then-reject",
            "duplicate-fill",
            "cancel-race",
            "late-fill",
            "disconnect",
        )
    ]
)


def submits(scenario=scenarios, kinds=("market", "limit", "stop")):
    return st.tuples(
        st.just("submit"),
        ids,
        sides,
        quantities,
        tenants,
        st.fixed_dictionaries(
            {
                "type": st.sampled_from(kinds),
                "price": prices,
                "stop_price": prices,
                "stop_limit": st.booleans(),
                "time_in_force": st.sampled_from(["GTC", "GTC", "DAY", "IOC", "FOK"]),
                "post_only": st.booleans(),
                "client_order_id": scenario,
            }
        ),
    )


quotes = st.tuples(
    st.just("quote"),
    st.one_of(prices, st.just("0")),
    st.one_of(prices, st.just("0")),
    quantities,
    prices,
    st.lists(st.tuples(prices, quantities), max_size=3),
)
amends = st.tuples(
    st.just("amend"), ids, st.none() | prices, st.none() | quantities, st.sampled_from([None, None, "IOC", "DAY"])
)
cancels = st.tuples(st.just("cancel"), ids)
asks_about = st.tuples(st.just("query"), ids)
ticks = st.tuples(st.just("tick"), st.sampled_from([0.001, 0.3, 1, 3600 * 5]))
faults = st.tuples(st.just("fault"), st.sampled_from(["none", "none", "refuse", "timeout", "down"]))
steps = st.lists(st.one_of(submits(), submits(), quotes, amends, cancels, asks_about, ticks, faults), max_size=40)
rules = st.builds(
    lambda base, jitter: Rules(latency=LatencyModel(base, jitter, 5)),
    st.sampled_from([0, 0, 40]),
    st.sampled_from([0, 900]),
)


def shaped(fields: dict) -> dict:
    """A submit as the core would let it through."""
    fields = dict(fields)
    stop_limit = fields.pop("stop_limit")
    kind = fields["type"]
    if kind == "market" or (kind == "stop" and not stop_limit):
        fields["price"] = None
    if kind != "stop":
        fields["stop_price"] = None
    if kind != "limit" or fields["time_in_force"] in ("IOC", "FOK"):
        fields["post_only"] = False
    return fields


def perform(desk, step) -> None:
    kind, *rest = step
    if kind == "submit":
        order_id, side, quantity, tenant, fields = rest
        fields = shaped(fields)
        desk.submit(order_id, side, quantity, fields.pop("price"), tenant=tenant, **fields)
    elif kind == "quote":
        bid, ask, size, last, deeper = rest
        desk.quote(bid, ask, size=size, last=last, bids=sorted(deeper, reverse=True), asks=sorted(deeper))
    elif kind == "amend":
        order_id, price, quantity, time_in_force = rest
        desk.amend(order_id, price=price, quantity=quantity, time_in_force=time_in_force)
    elif kind in ("cancel", "query"):
        getattr(desk, kind)(rest[0])
    elif kind == "tick":
        desk.tick(rest[0])
    else:
        desk.venue.board.faults = {"sim-a": rest[0]}


def content_of(state: SymbolState) -> SymbolCheckpoint:
    return msgspec.json.decode(snapshot(state), type=SymbolCheckpoint)


def checkpoint(state: SymbolState) -> dict:
    """The state without the order in which its parts came to be known."""
    plain = msgspec.to_builtins(content_of(state))
    return {
        name: sorted(value, key=repr) if isinstance(value, tuple | list) else value for name, value in plain.items()
    }


@pytest.mark.parametrize("symbol", ["BTC.X", "ABC.US"])
@settings(max_examples=150, deadline=None)
@given(rules, steps, st.data())
def test_a_fold_is_the_same_wherever_it_is_cut(new_desk, symbol, chosen, script, data):
    desk = new_desk(chosen, symbol)
    for step in script:
        perform(desk, step)
    records = [decode_record(encode(record)) for record in desk.records if record.symbol == symbol]
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    cut = data.draw(st.integers(0, len(records)))
    state = SymbolState(symbol)
    for record in records[:cut]:
        evolve(state, record)
    state = restore(snapshot(state))
    for record in records[cut:]:
        evolve(state, record)
    assert checkpoint(state) == checkpoint(desk.state)
    assert (state.book, state.stops, state.queue, state.expiries) == (
        desk.state.book,
        desk.state.stops,
        desk.state.queue,
        desk.state.expiries,
    )


@settings(max_examples=100, deadline=None)
@given(rules, steps)
def test_the_same_input_gives_the_same_records_byte_for_byte(new_desk, chosen, script):
    desks = [new_desk(chosen), new_desk(chosen)]
    for desk in desks:
        for step in script:
            perform(desk, step)
    assert encode(desks[0].records) == encode(desks[1].records)


@settings(max_examples=100, deadline=None)
@given(steps, submits())
def test_deciding_changes_nothing(new_desk, script, last):
    desk = new_desk()
    for step in script:
        perform(desk, step)
    _, order_id, side, quantity, tenant, fields = last
    fields = shaped(fields)
    request = desk.submission(order_id, side, quantity, fields.pop("price"), tenant=tenant, **fields)
    before, market = snapshot(desk.state), desk.venue.board.market(desk.symbol, desk.now)
    moved = QuoteMoved(desk.symbol, market.feed or FeedBook(1, b""))
    for command in (Requested(1, request), moved, Elapsed(desk.symbol)):
        first, second = decide(desk.state, command, market), decide(desk.state, command, market)
        assert encode(first) == encode(second)
    assert snapshot(desk.state) == before


def fills_by_order(records: list[VenueRecord]) -> dict[str, dict[str, object]]:
    """Every fill once, sent or still withheld."""
    found: dict[str, dict[str, object]] = defaultdict(dict)
    for record in records:
        for report in (*record.reports, *(held.report for held in record.withheld)):
            if report.fill is not None:
                found[report.order_id][report.fill.fill_id] = report.fill
    return found


def check_book(desk) -> None:
    """Never crossed: neither tenants among themselves nor tenants with what the feed still gives."""
    state = desk.state
    market = desk.venue.board.market(desk.symbol, desk.now)
    buys = [state.orders[key[2]] for key in state.book["buy"]]
    sells = [state.orders[key[2]] for key in state.book["sell"]]
    assert all(order.remaining > 0 and order.place == "book" for order in (*buys, *sells))
    if buys and sells:
        assert buys[0].price < sells[0].price
    draft = Draft(state, market)
    ask, bid = draft.level("sell"), draft.level("buy")
    if buys and ask and market.is_open:
        assert buys[0].price < ask[0]
    if sells and bid and market.is_open:
        assert sells[0].price > bid[0]


@settings(max_examples=200, deadline=None)
@given(rules, steps)
def test_quantity_and_money_are_conserved_and_the_book_is_never_crossed(new_desk, chosen, script):
    desk = new_desk(chosen)
    for step in script:
        perform(desk, step)
        check_book(desk)
    orders, trades = desk.state.orders, defaultdict(list)
    found = fills_by_order(desk.records)
    for order_id, fills in found.items():
        total = sum((amount(fill.quantity) for fill in fills.values()), Decimal())
        if order_id in orders:
            assert orders[order_id].filled == total <= orders[order_id].quantity
        for fill in fills.values():
            trades[fill.trade_id].append(fill)
            rate = Decimal("0.001")
            assert amount(fill.fee) == amount(fill.price) * amount(fill.quantity) * rate
    for sides_of_trade in trades.values():
        assert len(sides_of_trade) <= 2
        assert len({(fill.price, fill.quantity) for fill in sides_of_trade}) == 1
    check_feed(desk)


def check_feed(desk) -> None:
    """What the feed's book has given is never more than it showed."""
    market = desk.venue.board.market(desk.symbol, desk.now)
    if market.feed is None or desk.state.taken_of != market.quote:
        return
    shown = {
        (side, price): size for side in ("buy", "sell") for price, size in reversed(market.feed.depth(side, Decimal()))
    }
    sizes = defaultdict(Decimal)
    for side in ("buy", "sell"):
        for price, size in market.feed.depth(side, Decimal()):
            sizes[side, price] = max(sizes[side, price], size)
    assert all(quantity <= sizes[key] for key, quantity in desk.state.taken.items())
    assert set(desk.state.taken) <= set(shown)


@settings(max_examples=200, deadline=None)
@given(steps)
def test_promises_of_kinds_of_orders(new_desk, script):
    desk = new_desk()
    places: dict[str, list[str]] = defaultdict(list)
    for step in script:
        count = len(desk.records)
        perform(desk, step)
        for record in desk.records[count:]:
            for image in record.orders:
                places[image.order_id].append(image.place)
    found = fills_by_order(desk.records)
    seen: dict[str, object] = {}
    for record in desk.records:
        for image in record.orders:
            seen.setdefault(image.order_id, image)
    for order_id, image in seen.items():
        order = desk.state.orders.get(order_id)
        if image.post_only and not image.client_order_id:
            assert all(fill.liquidity == "maker" for fill in found[order_id].values())
        if order is not None and image.time_in_force == "FOK" and not image.client_order_id:
            assert order.filled in (0, order.quantity) or order.place == "stop"
        for life in _lives(places[order_id]):
            triggered = next((i for i, place in enumerate(life) if place != "stop"), len(life))
            assert "stop" not in life[triggered:]


def _lives(places: list[str]) -> list[list[str]]:
    """The places of an order id, cut after each end: an id that was forgotten 10 minutes after may come again."""
    lives: list[list[str]] = [[]]
    for place in places:
        if lives[-1] and lives[-1][-1] == "final" != place:
            lives.append([])
        lives[-1].append(place)
    return lives


class Naive:
    """The plainest matcher there is: a list of everything, searched for the best at every step."""

    def __init__(self) -> None:
        self.time = 0
        self.resting: list[dict] = []
        self.feed: dict[str, list[list]] = {"buy": [], "sell": []}
        self.feed_time = 0
        self.fills: list[tuple[str, str, int, int]] = []

    def quote(self, bid: int, ask: int, size: int) -> None:
        self.time += 1
        self.feed_time = self.time
        self.feed = {"buy": [[bid, size]], "sell": [[ask, size]]}
        for side, other in (("buy", "sell"), ("sell", "buy")):
            sign = 1 if side == "buy" else -1
            for order in sorted(self._side(side), key=lambda o, sign=sign: (-sign * o["price"], o["time"])):
                level = self.feed[other][0]
                quantity = min(order["left"], level[1])
                if quantity and sign * level[0] <= sign * order["price"]:
                    level[1] -= quantity
                    self._fill(order, order["price"], quantity)

    def _side(self, side: str) -> list[dict]:
        return [order for order in self.resting if order["side"] == side and order["left"]]

    def _fill(self, order: dict, price: int, quantity: int) -> None:
        order["left"] -= quantity
        self.fills.append((order["id"], price, quantity))

    def _best(self, order: dict):
        sign = 1 if order["side"] == "buy" else -1
        other = "sell" if order["side"] == "buy" else "buy"
        found = [(sign * o["price"], o["time"], o) for o in self._side(other)]
        found += [(sign * level[0], self.feed_time, level) for level in self.feed[other] if level[1]]
        limit = order["price"]
        found = [entry for entry in found if limit is None or entry[0] <= sign * limit]
        return min(found, key=lambda entry: entry[:2], default=None)

    def come(self, order: dict) -> None:
        self.time += 1
        order["time"] = self.time
        saved = (
            len(self.fills),
            [o["left"] for o in self.resting],
            [level[1] for level in self.feed["buy"] + self.feed["sell"]],
        )
        start = order["left"]
        if order["post_only"] and self._best(order):
            return
        stopped = self._match(order)
        if order["tif"] == "FOK" and order["left"]:
            del self.fills[saved[0] :]
            for kept, left in zip(self.resting, saved[1], strict=True):
                kept["left"] = left
            for level, left in zip(self.feed["buy"] + self.feed["sell"], saved[2], strict=True):
                level[1] = left
            order["left"] = start
        elif order["left"] and not stopped and order["tif"] == "GTC" and order["price"] is not None:
            self.resting.append(order)

    def _match(self, order: dict) -> bool:
        """True when it has met its own tenant."""
        while order["left"] and (best := self._best(order)):
            maker = best[2]
            price = maker[0] if isinstance(maker, list) else maker["price"]
            if isinstance(maker, dict) and maker["tenant"] == order["tenant"]:
                return True
            quantity = min(order["left"], maker[1] if isinstance(maker, list) else maker["left"])
            if isinstance(maker, list):
                maker[1] -= quantity
            else:
                self._fill(maker, price, quantity)
            self._fill(order, price, quantity)
        return False

    def cancel(self, order_id: str) -> None:
        self.resting = [order for order in self.resting if order["id"] != order_id]

    def amend(self, order_id: str, price: int, quantity: int) -> None:
        order = next((o for o in self.resting if o["id"] == order_id and o["left"]), None)
        if order is None or quantity < order["quantity"] - order["left"]:
            return
        left = quantity - (order["quantity"] - order["left"])
        if price == order["price"] and quantity < order["quantity"]:
            order["quantity"], order["left"] = quantity, left
            return
        changed = dict(order, price=price, quantity=quantity, left=left)
        if order["post_only"] and left and self._best(changed):
            return
        self.resting.remove(order)
        if left:
            changed["post_only"] = False
            self.come(changed)
            changed["post_only"] = order["post_only"]


numbers = st.integers(97, 103)
naive_steps = st.lists(
    st.one_of(
        *[
            st.tuples(
                st.just("submit"),
                sides,
                st.none() | numbers,
                st.integers(1, 6),
                tenants,
                st.sampled_from(["GTC", "GTC", "GTC", "IOC", "FOK"]),
                st.booleans(),
            )
        ]
        * 2,
        st.tuples(st.just("quote"), numbers, numbers, st.integers(1, 6)),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("amend"), st.integers(0, 30), numbers, st.integers(1, 6)),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(naive_steps)
def test_matching_equals_the_plainest_matcher(new_desk, script):
    desk, naive = new_desk(), Naive()
    tenant_of: dict[str, str] = {}
    for number, (kind, *rest) in enumerate(script):
        if kind == "submit":
            side, price, quantity, tenant, tif, post_only = rest
            post_only = post_only and price is not None and tif == "GTC"
            order_id = f"o{number}"
            tenant_of[order_id] = tenant
            naive.come(
                {
                    "id": order_id,
                    "side": side,
                    "price": price,
                    "quantity": quantity,
                    "left": quantity,
                    "tenant": tenant,
                    "tif": tif,
                    "post_only": post_only,
                }
            )
            desk.submit(
                order_id,
                side,
                str(quantity),
                None if price is None else str(price),
                tenant=tenant,
                time_in_force=tif,
                post_only=post_only,
            )
        elif kind == "quote":
            bid, ask, size = rest
            naive.quote(bid, ask, size)
            desk.quote(str(bid), str(ask), size=str(size))
        elif kind == "cancel":
            naive.cancel(f"o{rest[0]}")
            desk.cancel(f"o{rest[0]}")
        else:
            target, price, quantity = rest
            naive.amend(f"o{target}", price, quantity)
            desk.amend(f"o{target}", price=str(price), quantity=str(quantity))
    ours = [(r.order_id, int(r.fill.price), int(r.fill.quantity)) for r in desk.reports if r.fill is not None]
    assert ours == naive.fills
