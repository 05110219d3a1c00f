"""The catalog, availability and the registry over HTTP: what is shown, set, refused, told in the trail, and done once."""

from typing import Any

import pytest

from storage.models.connectors import default_catalog, updated
from storage.models.controls import ConnectorState, identity_of
from storage.mongo.connectors import Connectors
from storage.mongo.controls import ControlDocuments
from storage.mongo.idempotency import COLLECTION as IDEMPOTENCY
from tests.integration.admin.admin_desk import AdminDesk, Calling

CATALOG, AVAILABILITY = "/connectors/catalog", "/connectors/availability"
VENUE_C = {
    "connector_id": "sim-c", "provider": "Venue C", "provider_type": "simulated", "asset_classes": ["equity"],
    "regions": ["eu", "us"], "connectivity": ["FIX"], "integration_stage": "ready",
}  # fmt: skip
LEAST = {"connector_id": "broker.1", "provider": "A broker", "provider_type": "broker"}


@pytest.fixture
async def ops(desk: AdminDesk) -> Calling:
    """An ops_admin before the default catalog."""
    await Connectors(desk.database).insert_missing(default_catalog(desk.clock.now()))
    return await desk.log_in("ops_admin")


async def ids(ops: Calling, query: str) -> list[str]:
    return [one["connector_id"] for one in (await ops.get(f"{CATALOG}?{query}")).data["items"]]


async def test_a_connector_is_made_shown_and_changed(ops: Calling, desk: AdminDesk) -> None:
    made = (await ops.send("POST", CATALOG, VENUE_C)).data
    assert {name: made[name] for name in VENUE_C} == VENUE_C
    assert (made["created_at"], made["availability"], made["health"]) == ("2024-08-08T14:30:00Z", "down", None)
    desk.clock.advance(60)
    changed = (await ops.send("PATCH", f"{CATALOG}/sim-c", {**LEAST, "connector_id": "sim-c"})).data
    assert (changed["provider"], changed["provider_type"]) == ("A broker", "broker")
    assert (changed["regions"], changed["integration_stage"]) == (["eu", "us"], "ready"), "what is not given stays"
    assert (changed["created_at"], changed["updated_at"]) == ("2024-08-08T14:30:00Z", "2024-08-08T14:31:00Z")
    assert (await ops.get(CATALOG)).data["items"][2] == changed
    told = [(one.action, one.stage, one.target_id) for one in await desk.told()]
    assert told == [
        (action, stage, "sim-c")
        for action in ("connector.create", "connector.update")
        for stage in ("intended", "done")
    ]
    assert (await desk.told())[2].before == {**VENUE_C}


async def test_what_another_admin_changes_meanwhile_is_no_repeat(ops: Calling, desk: AdminDesk) -> None:
    await ops.send("POST", CATALOG, LEAST)
    stored = await Connectors(desk.database).get("broker.1")
    assert stored is not None
    later = desk.clock.now() + 60 * 1_000_000_000  # another gateway's clock is ahead
    assert await Connectors(desk.database).replace(updated(stored, {"provider": "Another"}, later, "eff_other"))
    said = (await ops.send("PATCH", f"{CATALOG}/broker.1", {**LEAST, "regions": ["eu"]})).data
    assert (said["provider"], said["regions"], said["updated_at"]) == ("A broker", ["eu"], "2024-08-08T14:31:00Z")


async def test_an_update_that_broke_off_is_not_done_again_over_what_came_after(ops: Calling, desk: AdminDesk) -> None:
    await ops.send("POST", CATALOG, LEAST)
    assert (
        await ops.send("PATCH", f"{CATALOG}/broker.1", {**LEAST, "provider": "First"}, "one-key-ever")
    ).status == 200
    assert (await ops.send("PATCH", f"{CATALOG}/broker.1", {**LEAST, "provider": "Second"})).status == 200
    lost = {"$set": {"state": "in_progress", "lease_until": 0}, "$unset": {"answer": ""}}
    assert (await desk.database[IDEMPOTENCY].update_many({}, lost)).matched_count == 3
    desk.clock.advance(60)
    again = await ops.send("PATCH", f"{CATALOG}/broker.1", {**LEAST, "provider": "First"}, "one-key-ever")
    assert (again.status, again.data["provider"]) == (200, "Second")


async def test_the_stage_is_planned_unless_it_is_said(ops: Calling) -> None:
    made = (await ops.send("POST", CATALOG, LEAST)).data
    assert (made["integration_stage"], made["asset_classes"], made["regions"], made["connectivity"]) == (
        "planned",
        [],
        [],
        [],
    )


async def test_an_id_is_given_once_but_a_repeat_is_the_same(ops: Calling) -> None:
    first = await ops.send("POST", CATALOG, LEAST, "the-same-key")
    assert (await ops.send("POST", CATALOG, LEAST)).code == "connector.exists"
    assert (await ops.send("POST", CATALOG, LEAST, "the-same-key")).body == first.body


@pytest.mark.parametrize(
    ("change", "name", "reason"),
    [
        ({"connector_id": "catalog"}, "connector_id", "reserved"),
        ({"connector_id": "availability"}, "connector_id", "reserved"),
        ({"connector_id": "a/b"}, "connector_id", "not an id"),
        ({"connector_id": "-ab"}, "connector_id", "not an id"),
        ({"connector_id": "a"}, "connector_id", "too short"),
        ({"provider": "x"}, "provider", "too short"),
        ({"provider_type": 7}, "provider_type", "not a string"),
        ({"regions": "eu"}, "regions", "not an array"),
        ({"asset_classes": [1]}, "asset_classes", "not such an array"),
        ({"connectivity": ["x"] * 65}, "connectivity", "not such an array"),
        ({"integration_stage": "done"}, "integration_stage", "not one of the known values"),
        ({"stage": "ready"}, "stage", "unknown field"),
    ],
)
async def test_what_is_wrong_with_a_connector_is_named(
    ops: Calling, desk: AdminDesk, change: dict[str, Any], name: str, reason: str
) -> None:
    refused = await ops.send("POST", CATALOG, {**LEAST, **change})
    assert (refused.status, refused.code) == (422, "request.invalid")
    assert [(field["name"], field["reason"]) for field in refused.error["details"]["fields"]] == [(name, reason)]
    assert await desk.told() == []


async def test_the_id_of_the_path_is_that_of_the_body(ops: Calling) -> None:
    refused = await ops.send("PATCH", f"{CATALOG}/sim-a", LEAST)
    assert [field["name"] for field in refused.error["details"]["fields"]] == ["connector_id"]
    for reserved in ("catalog", "availability"):
        assert (await ops.send("PATCH", f"{CATALOG}/{reserved}", {**LEAST, "connector_id": reserved})).status == 422
    unknown = await ops.send("PATCH", f"{CATALOG}/broker.1", LEAST)
    assert (unknown.status, unknown.code) == (404, "connector.not_found")


async def test_the_catalog_is_filtered_and_paged(ops: Calling) -> None:
    for number, stage in enumerate(("planned", "ready", "deprecated")):
        body = {**VENUE_C, "connector_id": f"x-{number}", "integration_stage": stage, "provider_type": f"type-{number}"}
        await ops.send("POST", CATALOG, body)
    assert await ids(ops, "") == ["sim-a", "sim-b", "x-0", "x-1", "x-2"]
    assert await ids(ops, "stage=deprecated") == ["x-2"]
    assert await ids(ops, "region=eu&stage=ready") == ["x-1"]
    assert await ids(ops, "provider_type=type-0&region=us") == ["x-0"]
    assert await ids(ops, "region=EU") == []
    assert (await ops.get(f"{CATALOG}?stage=done")).status == 422
    page = (await ops.get(f"{CATALOG}?page_size=2&region=eu")).data
    rest = await ids(ops, f"region=eu&page_token={page['next_page_token']}")
    assert rest == ["x-2"]
    assert (await ops.get(f"{CATALOG}?page_token={page['next_page_token']}")).code == "page_token.not_found"


async def test_an_admins_word_is_shown_announced_and_told(ops: Calling, desk: AdminDesk) -> None:
    target = "/connectors/sim-a/availability"
    said = (await ops.send("PATCH", target, {"status": "down", "reason": "maintenance"}, "")).data
    assert said == {
        "connector": "sim-a", "status": "down", "source": "admin", "reason": "maintenance",
        "since": "2024-08-08T14:30:00Z", "updated_by": "adm_ops_admin",
    }  # fmt: skip
    assert (await ops.get(AVAILABILITY)).data["items"][0] == said
    shown = (await ops.get(CATALOG)).data["items"][0]
    assert (shown["availability"], shown["health"]) == ("down", None)
    control = await ControlDocuments(desk.database).get(identity_of(ConnectorState("sim-a", "up")))
    assert control is not None
    assert not control.pending
    assert isinstance(control.document, ConnectorState)
    assert (control.document.status, control.document.reason) == ("down", "maintenance")
    [intended, done] = await desk.told()
    assert (intended.action, intended.target_id, intended.stage) == ("connector.availability", "sim-a", "intended")
    assert (intended.before or {})["status"] == "down", "nobody had seen it up"
    assert done.after == {"status": "down", "source": "admin", "reason": "maintenance"}


async def test_a_repeat_of_an_older_word_does_not_win(ops: Calling, desk: AdminDesk) -> None:
    target = "/connectors/sim-a/availability"
    first = await ops.send("PATCH", target, {"status": "down"}, "older-word")
    desk.clock.advance(1)
    await ops.send("PATCH", target, {"status": "up"}, "newer-word")
    assert (await ops.send("PATCH", target, {"status": "down"}, "older-word")).body == first.body
    assert (await ops.get(AVAILABILITY)).data["items"][0]["status"] == "up"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "status"),
        ({"status": "sideways"}, "status"),
        ({"status": "up", "reason": ""}, "reason"),
        ({"status": "up", "x": 1}, "x"),
    ],
)
async def test_what_is_wrong_with_a_word_is_named(ops: Calling, body: dict[str, Any], name: str) -> None:
    refused = await ops.send("PATCH", "/connectors/sim-a/availability", body)
    assert [field["name"] for field in refused.error["details"]["fields"]] == [name]


async def test_of_a_connector_that_is_not_there_nothing_can_be_said(ops: Calling) -> None:
    for connector in ("sim-z", "availability"):
        refused = await ops.send("PATCH", f"/connectors/{connector}/availability", {"status": "up"})
        assert (refused.status, refused.code) == (404, "connector.not_found")
    taken = await ops.send("PATCH", "/connectors/catalog/availability", {"status": "up"})
    assert taken.status == 422, "the path of the catalog's entry `availability`, which is why that id is reserved"


async def test_the_registry_joins_what_is_known_of_exchanges(ops: Calling) -> None:
    await ops.send("POST", CATALOG, VENUE_C)
    path = "/internal/v1/registry/exchanges"
    exchanges = {one["exchange_code"]: one for one in (await ops.get(path)).data["items"]}
    assert exchanges["XNAS"] == {
        "exchange_code": "XNAS", "mic": "XNAS", "name": "NASDAQ", "country": "US", "timezone": "America/New_York",
        "calendar": "XNYS", "asset_classes": ["equity", "index"], "connectors": ["sim-a", "sim-b", "sim-c"],
    }  # fmt: skip
    assert exchanges["OANDA"]["connectors"] == ["sim-a", "sim-b"]
    page = (await ops.get(f"{path}?page_size=3")).data
    rest = (await ops.get(f"{path}?page_size=500&page_token={page['next_page_token']}")).data
    assert [one["exchange_code"] for one in (*page["items"], *rest["items"])] == sorted(exchanges)
