"""Operation by operation of the contract: every status that is documented for it, by the contract or by us, was an answer."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.http.contract import operations_of
from ops.processes.people_parts import end_people
from ops.runtime.settings import Settings
from tests.contract import whole_walk
from tests.contract.conftest import KEY_ID, Gateway, generous, make_gateway
from tests.contract.people import PASSWORD
from tests.contract.people_walk import CONTRACT, DOCUMENT
from tests.contract.whole_walk import ADMINS, USERS, WholeTown, caller_of, is_signed

OPERATIONS = operations_of(CONTRACT)
Cells = set[tuple[str, int]]
ELSEWHERE = {
    500: "takes a bug in the operation; that it shows nothing is in test_envelope.py",
    503: "takes a store that is away, but for placeOrder: tests/unit/http/test_people_at_the_edge.py and test_key_cache.py",
}
"""Statuses of our own document that no client brings about; what the contract documents is never among them."""


def documented(document: dict) -> Cells:
    """Operation and status, as a document has them for the 53."""
    return {
        (one.operation_id, int(status))
        for one in OPERATIONS
        for status in document["paths"][one.path][one.method.lower()]["responses"]
    }


@pytest.fixture
async def people(clock) -> AsyncIterator[WholeTown]:
    """Everything but the road of an order, where time can be set."""
    town = WholeTown(make_gateway(clock, generous()))
    yield await town.open()
    await end_people(town.gateway.people)


@pytest.fixture
async def traders(trading_gateway: Gateway) -> AsyncIterator[WholeTown]:
    """Before a whole road of an order."""
    town = WholeTown(trading_gateway)
    yield await town.open()
    await end_people(town.gateway.people)


@pytest.fixture
async def few(clock) -> AsyncIterator[WholeTown]:
    """Where little may be asked."""
    one_each = dict.fromkeys(
        (
            "market_weight_per_minute",
            "public_requests_per_minute",
            "account_reads_per_minute",
            "orders_per_second",
            "cancels_per_second",
            "user_requests_per_minute",
            "admin_requests_per_minute",
        ),
        1,
    )
    town = WholeTown(
        make_gateway(
            clock, Settings(_env_file=None, admin_registration="open", auth_requests_per_minute=12, **one_each)
        )
    )
    yield await town.open()
    await end_people(town.gateway.people)


async def test_every_documented_status_of_every_operation_was_met(
    people: WholeTown, traders: WholeTown, few: WholeTown
) -> None:
    waiting = await wait_for_bodies(people)
    await walk_as_people(people)
    await refuse(people)
    await whole_walk.to_a_fill(traders, await traders.admin())
    await limit(few)
    await waiting
    met = people.met | traders.met | few.met
    assert sorted(documented(CONTRACT) - met) == []
    assert sorted(cell for cell in documented(DOCUMENT) - met if cell[1] not in ELSEWHERE) == []


async def wait_for_bodies(town: WholeTown) -> "asyncio.Future[list[None]]":
    """All at once, as each takes ten seconds."""
    user, admin, cells = await town.logged_in(), await town.admin(), documented(DOCUMENT)
    return asyncio.gather(
        *(
            whole_walk.unfinished(town, operation, caller_of(operation, user, admin))
            for operation in OPERATIONS
            if (operation.operation_id, 408) in cells
        )
    )


async def walk_as_people(town: WholeTown) -> None:
    """Successes, and the refusals that an operation names itself."""
    await whole_walk.through_a_door(town, USERS)
    await whole_walk.through_a_door(town, ADMINS, role="ops_admin")
    await whole_walk.suspended_at_the_doors(town)
    await whole_walk.onto_the_waitlist(town)
    user, admin = await town.logged_in(), await town.admin()
    await whole_walk.with_ones_own_account(town, user)
    await whole_walk.among_users(town, admin, user)
    await whole_walk.among_connectors(town, admin)
    await whole_walk.to_access(town, admin)
    await whole_walk.along_markets(town)


async def refuse(town: WholeTown) -> None:
    """What a kind of operations refuses; then a suspended user, a key that may nothing, and an account that is not open."""
    user, admin, gone = await town.logged_in(), await town.admin(), await town.logged_in()
    for operation in OPERATIONS:
        await whole_walk.refused_everywhere(town, operation, caller_of(operation, user, admin))
    applications = "/v1/access-applications"
    body = {"contact_email": "ada@example.com", "target_markets": ["equity"], "target_exchanges": ["XNAS"]}
    await town.expect(200, town.signed("POST", applications, body, key="used-before"))
    await town.expect(409, town.signed("POST", applications, body | {"notes": "other"}, key="used-before"))
    closed = WholeTown(make_gateway(town.clock, Settings(_env_file=None, admin_registration="closed")))
    admins = {"email": "x@example.com", "password": PASSWORD, "display_name": "X"}
    await town.expect(403, closed.call("POST", f"{ADMINS}/register", admins))
    town.met |= closed.met
    tenants = town.gateway.tenants.tenants
    tenants["ten_1"] = tenants["ten_1"].model_copy(update={"account_ids": ()})
    await town.feel()
    for target in ("/v1/orders", "/v1/positions", "/v1/accounts"):
        await town.expect(409, town.signed("GET", target))
    for path, method, body in (
        ("/v1/orders", "POST", whole_walk.LIMIT),
        ("/v1/orders/batch", "POST", {"orders": [whole_walk.LIMIT]}),
        ("/v1/orders/ord_1", "PATCH", {"quantity": "1"}),
        ("/v1/orders/cancel", "POST", {"symbol": whole_walk.COIN}),
    ):
        await town.expect(409, town.signed(method, path, body))
    stored = await town.place.users.get(gone.identity)
    await town.place.users.replace(stored.model_copy(update={"status": "suspended", "version": stored.version + 1}))
    town.gateway.keys.keys[KEY_ID] = town.gateway.keys.keys[KEY_ID].model_copy(update={"scopes": ("stream",)})
    await town.feel()
    for operation in OPERATIONS:
        path = operation.path.replace("{", "no_").replace("}", "")
        body = None if operation.method == "GET" else {}
        if is_signed(operation):
            await town.expect(403, town.signed(operation.method, path, body))
        elif caller_of(operation, gone, admin) is gone:
            await town.expect(403, town.call(operation.method, path, body, gone))


async def limit(town: WholeTown) -> None:
    """Everything is asked for until it is too much."""
    user, admin = await town.logged_in(), await town.admin()
    for operation in OPERATIONS:
        await whole_walk.limited(town, operation, caller_of(operation, user, admin))
