"""What must hold of a run when all has come to rest: both sides agree, and everybody was told the truth."""

from decimal import Decimal
from typing import Any, Protocol

import msgspec

from gateway.trading.order_view import encode_view
from gateway.trading.outcomes import LATE, refusal_of, view_of
from storage.models.order_answers import amend_outcome, answer_of
from storage.models.order_events import AmendRejected, CommandRepeated, FirstAnswer, OrderAmended
from storage.models.order_requests import OrderRequest, identity_of
from storage.topics import ORDER_COMMANDS, VENUE_REQUESTS
from streams.orders.evolve import evolve
from streams.orders.life import is_open
from streams.orders.owner_rules import OrderRules
from streams.orders.projection.fold import Changes, Fold
from streams.orders.snapshot import snapshot
from streams.orders.state import AccountState
from tests.simulation.core.books import Books, event_id, require
from tests.simulation.core.clients import PRESENT, Customer, Told, Write
from tests.simulation.core.machines import Place
from tests.simulation.core.street import ACCOUNTS
from tests.simulation.owner.group import Group


class Run(Protocol):
    """`tests.simulation.core.world.World`."""

    books: Books
    place: Place
    customers: list[Customer]
    halted: list[tuple[int, int]]
    orders: Group
    venues: Group


def check_end(run: Run) -> None:
    """Raises `Wrong`."""
    _check_relays(run)
    _check_venue(run)
    _check_commits(run)
    _check_halts(run)
    _check_read_models(run)
    _check_checkpoints(run)
    for customer in run.customers:
        for write in customer.writes:
            _check_told(run, write)


def _check_relays(run: Run) -> None:
    """Everything that counts was passed on, in its order; nothing else was."""
    books = run.books
    asked = list(dict.fromkeys(books.ids(VENUE_REQUESTS)))
    require(asked == books.requests, f"venues were asked {asked}, and what counts asks {books.requests}")
    known = set(books.reports)
    told = list(dict.fromkeys(one for one in books.ids(ORDER_COMMANDS) if one in known))
    require(told == books.reports, f"accounts were told {told}, and what counts reports {books.reports}")
    strangers = [
        one.offset
        for one in run.place.broker.records[ORDER_COMMANDS]
        if b'"type":"Venue' in one.value
        and (name := event_id(one)) not in known
        and not name.startswith((b"due:", b"stray"))
    ]
    require(not strangers, f"the commands at {strangers} are reports of nothing that counts")
    own = [one for one in books.ids(ORDER_COMMANDS) if one.startswith((b"due:", b"cancel:"))]
    unasked = [one for one in own if one not in books.follow_ups]
    require(not unasked, f"{unasked} were asked for by nothing that counts")


def _check_venue(run: Run) -> None:
    """Core and venue agree on every order, every fill and every position."""
    books = run.books
    dealt: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for state in books.symbols.values():
        require(not state.withheld and not state.parked, f"{state.symbol}: the venue holds something back")
        for order in state.orders.values():
            told = books.ledgers[order.account_id].orders.get(order.order_id)
            require(told is not None, f"{order.order_id} is at the venue, and nobody has accepted it")
            fits = order.is_final and not is_open(told.state) and Decimal(told.filled_quantity) == order.filled
            here = f"{order.order_id} is {told.state}, {told.filled_quantity} filled"
            require(fits, f"{here}; at the venue {order.status}, {order.filled}")
        for order_id, fills in state.fills.items():
            account_id = state.orders[order_id].account_id
            dealt.setdefault((account_id, ""), set()).update((order_id, one.fill.fill_id) for one in fills if one.fill)
    for account_id, ledger in books.ledgers.items():
        there = dealt.get((account_id, ""), set())
        require(ledger.fills == there, f"{account_id}: fills that only one side has: {sorted(ledger.fills ^ there)}")
    for symbol, state in books.symbols.items():
        for account_id in ACCOUNTS:
            there = sum((net for (_, owner), net in state.positions.items() if owner == account_id), Decimal(0))
            here = books.ledgers[account_id].net.get(symbol, 0)
            require(
                Decimal(here.numerator) / here.denominator == there if here else not there,
                f"{account_id} {symbol}: {here}, {there}",
            )


def _check_commits(run: Run) -> None:
    """What was committed stood on the log then."""
    books = run.books
    causes = [(offset, record.cause.offset) for offset, record in books.records]
    for committed, length in run.orders.commits:
        late = [cause for offset, cause in causes if cause < committed and offset >= length]
        require(not late, f"{committed} was committed before the records of {late} stood on the log")


def _check_halts(run: Run) -> None:
    for version, end in run.halted:
        late = [offset for offset, one in run.books.records if offset >= end and one.used.controls_version < version]
        require(not late, f"controls {version} were said to apply at {end}, and {late} were decided without them")


def _check_read_models(run: Run) -> None:
    """They are what all that counts comes to, folded once from the beginning."""
    fold = Fold(forgetful=False)
    for account_id in run.books.ledgers:
        fold.know(account_id, None)
    for _, record in run.books.records:
        fold.take(record)
    for kind, documents in _documents(fold.drain()).items():
        stored = run.place.shelves.kinds[kind]
        wrong = [name for name in stored.keys() | documents.keys() if stored.get(name) != documents.get(name)]
        if wrong:
            name = min(wrong, key=str)
            require(False, f"{kind} {name}: stored is {stored.get(name)}, and it should be {documents.get(name)}")


def _documents(changes: Changes) -> dict[str, dict[Any, Any]]:
    orders = {(one.account_id, one.order_id): one for one in changes.denied}
    orders |= {(one.account_id, one.order_id): one for one in changes.orders}
    fills: dict[Any, Any] = {}
    for one in changes.fills:
        fills.setdefault((one.account_id, one.order_id, one.fill_id), one)
    answers: dict[Any, Any] = {}
    for one in changes.answers:
        answers.setdefault(one.command_id, one)
    return {
        "orders": orders,
        "positions": {(one.account_id, one.symbol): one for one in changes.positions},
        "fills": fills,
        "answers": answers,
        "accounts": {one.account_id: one for one in changes.accounts},
    }


def _check_checkpoints(run: Run) -> None:
    """The next owner would find every account as all that counts makes it."""
    rules = OrderRules(None, None)  # type: ignore[arg-type]
    store = run.place.order_store
    for account_id, folded in run.books.states.items():
        checkpoint = store.checkpoints.get(account_id.encode())
        upto = store.floor.upto if checkpoint is None else checkpoint.upto
        state = AccountState(account_id) if checkpoint is None else rules.restore(b"", checkpoint.state)
        for offset, record in run.books.records:
            if record.account_id == account_id and offset > upto:
                evolve(state, record)
        require(snapshot(state) == snapshot(folded), f"{account_id}: checkpoint and records come to another state")


def _check_told(run: Run, write: Write) -> None:
    """All final answers to a write are the same, and what the log says."""
    require(bool(write.told), f"{write.key}: nobody ever answered {write.method} {write.path} {write.body!r}")
    if write.route in PRESENT:
        for told in write.told:
            _check_canceled(run, write, told)
        return
    for told in write.told[1:]:
        require(told == write.told[0], f"{write.key} {write.path} was answered {write.told[0]}, and again {told}")
    tenant_id = ACCOUNTS[write.account_id]
    request = run.place.shelves.kinds["requests"].get(identity_of(tenant_id, write.method, write.path, write.key))
    if request is None:
        return
    if write.route.endswith("/batch"):
        for index, result in enumerate(write.told[0].data["results"]):
            if request.command_ids[index]:
                _check_item(run, request, index, result)
        return
    expected = _expected(run, write, request)
    if expected.code == "order.not_found" and write.told[0].code == "order.already_final":
        return  # the read model still has what the core has forgotten
    require(write.told[0] == expected, f"{write.key} was told {write.told[0]}, and the truth is {expected}")


def _first(run: Run, command_id: str) -> FirstAnswer | None:
    """The answer on the log; None where the command was never done."""
    record = run.books.first.get(command_id)
    if record is None:
        return None
    first = record.events[0] if record.events else None
    if isinstance(first, CommandRepeated):
        return first.answer
    return None if type(first).__name__ == "CommandTooOld" else answer_of(record)


def _expected(run: Run, write: Write, request: OrderRequest) -> Told:
    answer = _first(run, request.command_ids[0])
    order_id = request.order_ids[0] if request.order_ids else write.path.rpartition("/")[2]
    is_order = bool(request.order_ids) or write.method == "PATCH"
    if answer is not None and answer.kind == "AmendRequested":
        answer = _amended(run, write.account_id, answer.seq)
    if answer is None:
        return Told(LATE, {"order_id": order_id} if is_order else None)
    if answer.code is not None:
        code, details, _ = refusal_of(answer, order_id if is_order else None)
        return Told(code, details or None)
    if is_order:
        return Told(None, msgspec.json.decode(encode_view(view_of(answer, order_id))))
    return Told(None, answer.details)


def _amended(run: Run, account_id: str, request_seq: int) -> FirstAnswer | None:
    for _, record in run.books.records:
        for event in record.events if record.account_id == account_id else ():
            if isinstance(event, OrderAmended | AmendRejected) and event.request_seq == request_seq:
                order = next((one for one in record.orders if one.order_id == event.order_id), None)
                return amend_outcome(record, event, order)
    return None


def _check_item(run: Run, request: OrderRequest, index: int, result: dict[str, Any]) -> None:
    answer, order_id = _first(run, request.command_ids[index]), request.order_ids[index]
    if answer is None or answer.code is not None:
        code = LATE if answer is None else refusal_of(answer, order_id)[0]
        require(result.get("error_code") == code, f"{order_id} was told {result}, and the truth is {code}")
    else:
        view = msgspec.json.decode(encode_view(view_of(answer, order_id)))
        require(result.get("order") == view, f"{order_id} was told {result}, and the truth is {view}")


def _check_canceled(run: Run, write: Write, told: Told) -> None:
    """Whatever a cancel called canceled was so."""
    if told.code is not None:
        return
    canceled = {
        order.order_id
        for _, record in run.books.records
        if record.account_id == write.account_id
        for order in record.orders
        if order.status == "canceled"
    }
    wrong = set(told.data["canceled"]) - canceled
    require(not wrong, f"{write.key} was told that {sorted(wrong)} were canceled")
