"""`omniaxs halt`, `omniaxs connectors`, `omniaxs markets load` as commands over log and store."""

from typing import Any

import pytest

from ops.processes.commands.port import EXIT_DATA, EXIT_TEMPORARY, CommandFailed
from ops.processes.commands.registry import COMMANDS
from storage.models.tenants import Tenant
from storage.mongo.tenants import Tenants
from storage.reference_data.builtin import load_builtin
from tests.integration.controls.place import Place


async def run(place: Place, name: str, **arguments: Any) -> list[dict[str, Any]]:
    """The events of a command."""
    return [event async for event in COMMANDS[name](place.platform, arguments)]


async def load_markets(place: Place, **changes: Any) -> dict[str, Any]:
    """`omniaxs markets load` of the built-in set, with `changes` in the first instrument."""
    reference = load_builtin()
    instruments = [instrument.model_dump(mode="json") for instrument in reference.instruments.values()]
    instruments[0].update(changes)
    calendars = [calendar.model_dump(mode="json") for calendar in reference.calendars.values()]
    [event] = await run(place, "markets.load", instruments=instruments, calendars=calendars)
    return event


async def test_a_load_of_markets_reaches_those_who_decide(place: Place) -> None:
    tail = await place.tail()
    event = await load_markets(place)
    assert (event["instruments"], event["without_conversion"]) == (44, [])
    assert (await load_markets(place))["controls_version"] == event["controls_version"]
    assert (await load_markets(place, status="halted"))["controls_version"] == event["controls_version"] + 1
    await tail.catch_up()
    first = next(iter(load_builtin().instruments))
    assert not tail.current.instruments[first].active


async def test_a_connector_is_taken_out_of_use_and_made_to_fail(place: Place) -> None:
    tail = await place.tail()
    await load_markets(place)
    [told] = await run(place, "connectors.set", connector="sim-a", status="down", reason="maintenance")
    assert (told["connector"], told["status"], told["reason"]) == ("sim-a", "down", "maintenance")
    await run(place, "connectors.fault", connector="sim-b", fault="timeout")
    shown = await run(place, "connectors.list")
    assert [(one["connector"], one["status"], one["fault"]) for one in shown] == [
        ("sim-a", "down", "none"),
        ("sim-b", "up", "timeout"),
    ]
    await tail.catch_up()
    assert (tail.current.connectors["sim-a"].status, dict(tail.faults)) == ("down", {"sim-b": "timeout"})
    await run(place, "connectors.fault", connector="sim-b", fault="none")
    await tail.catch_up()
    assert tail.faults == {}
    [told] = await run(place, "connectors.set", connector="sim-a", status="auto")
    assert (told["status"], told["source"], told["reason"]) == ("down", "health", "connector.unchecked")


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("connectors.set", {"connector": "sim-c", "status": "down"}, "there are sim-a, sim-b"),
        ("connectors.set", {"connector": "sim-a", "status": "off"}, "up or down"),
        ("connectors.fault", {"connector": "sim-a", "fault": "slow"}, "none, refuse, timeout, down"),
        ("halts.set", {"scope": "world", "level": "halted"}, "platform, venue, tenant"),
        ("halts.set", {"scope": "platform", "level": "stop"}, "reducing, halted"),
        ("halts.set", {"scope": "platform", "target": "all", "level": "halted"}, "has no target"),
        ("halts.set", {"scope": "venue", "level": "halted"}, "the target is missing; --target is a venue"),
        ("halts.set", {"scope": "venue", "target": "NASDAQ", "level": "halted"}, "there is no venue 'NASDAQ'"),
        ("halts.set", {"scope": "symbol", "target": "AAPL", "level": "halted"}, "such as AAPL.US"),
        ("halts.set", {"scope": "tenant", "target": "ten_2", "level": "halted"}, "there is no tenant"),
        ("halts.set", {"scope": "strategy", "target": "mean", "level": "halted"}, "ACCOUNT_ID/STRATEGY_ID"),
        ("halts.lift", {"halt_id": "hlt_9"}, "omniaxs halt list"),
    ],
)
async def test_what_is_wrong_is_refused_and_changes_nothing(
    place: Place, name: str, arguments: dict[str, str], says: str
) -> None:
    await load_markets(place)
    before = await place.documents.all()
    with pytest.raises(CommandFailed, match=says) as refused:
        await run(place, name, **arguments)
    assert refused.value.exit_code == EXIT_DATA
    assert await place.documents.all() == before


async def test_halts_of_every_scope_are_set_listed_and_lifted(place: Place) -> None:
    tail = await place.tail()
    await load_markets(place)
    await Tenants(place.platform.store.database).insert(Tenant(tenant_id="ten_1", name="t", created_at=1))
    targets = {
        "platform": "", "venue": "XNAS", "tenant": "ten_1",
        "account": "acc_1", "strategy": "acc_1/mean", "symbol": "AAPL.US",
    }  # fmt: skip
    for scope, target in targets.items():
        [told] = await run(place, "halts.set", scope=scope, target=target, level="reducing", reason="a test")
        assert (told["scope"], told["target"], told["level"], told["not_applied"]) == (scope, target, "reducing", [])
        assert told["applied_ms"] > 0
        assert ("acc_1" in told["warning"]) == (scope in ("account", "strategy"))
    await tail.catch_up()
    assert tail.current.halted == dict.fromkeys(targets.items(), "reducing")
    listed = await run(place, "halts.list")
    assert [halt["scope"] for halt in listed] == list(targets)
    await run(place, "halts.lift", halt_id=listed[0]["halt_id"])
    assert len(await run(place, "halts.list")) == 5
    assert len(await run(place, "halts.list", lifted=True)) == 6
    await tail.catch_up()
    assert ("platform", "") not in tail.current.halted


async def test_a_halt_that_is_not_applied_everywhere_says_where_and_fails(place: Place) -> None:
    offset = await place.claim(2)
    command = COMMANDS["halts.set"](place.platform, {"scope": "platform", "level": "halted"})
    event = await anext(command)
    assert (event["not_applied"], event["applied_ms"]) == ([2], None)
    with pytest.raises(CommandFailed, match=rf"partition 2: .*newest claim \(offset {offset}\)") as failed:
        await anext(command)
    assert failed.value.exit_code == EXIT_TEMPORARY
