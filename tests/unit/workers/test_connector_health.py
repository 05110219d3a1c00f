"""The rules of health checks: two refusals in a row are down, one answer is up, silence is down after a while."""

from collections.abc import Iterable, Mapping, Sequence

import pytest

from ops.runtime.clock import ManualClock
from ops.runtime.metrics import Metrics
from storage.models.availability import SILENT, by_health
from storage.models.connectors import Connector, default_catalog
from storage.models.controls import ConnectorState, ConnectorStatus, ConnectorWord
from storage.models.venues import ConnectorCheck
from workers.connectors.health import SILENT_SECONDS, ConnectorHealth

UP, DOWN = ("up", None), ("down", "venue.timeout")


class Catalog:
    """The default catalog, and whatever else."""

    def __init__(self) -> None:
        self.more: list[Connector] = []

    async def all(self) -> Sequence[Connector]:
        return [*default_catalog(1), *self.more]


class Words:
    """What was found, in order."""

    def __init__(self) -> None:
        self.states: dict[str, ConnectorState] = {}
        self.found: list[tuple[str, str, str]] = []

    async def of(self, connectors: Iterable[str]) -> Mapping[str, ConnectorState]:
        return {connector: self.states[connector] for connector in connectors if connector in self.states}

    async def find(self, connector: str, status: ConnectorStatus, reason: str = "") -> ConnectorState:
        self.found.append((connector, status, reason))
        self.states[connector] = by_health(connector, self.states.get(connector), ConnectorWord(status, reason))
        return self.states[connector]


class Asking:
    """Answers by a script: each question of a connector takes its next line; None is silence. Without one: up."""

    def __init__(self) -> None:
        self.script: dict[str, list[tuple[str, str | None] | None]] = {}
        self.asked: list[list[str]] = []
        self.away = False

    async def ask(self, connectors: Sequence[str]) -> Mapping[str, ConnectorCheck] | None:
        self.asked.append(list(connectors))
        if self.away:
            return None
        answers = {connector: (self.script.get(connector) or [UP]).pop(0) for connector in connectors}
        return {
            connector: ConnectorCheck("job", connector, answer[0], "now", answer[1])
            for connector, answer in answers.items()
            if answer is not None
        }


class Round:
    """Health checks, and what they work with."""

    def __init__(self) -> None:
        self.catalog, self.words, self.asking, self.clock = Catalog(), Words(), Asking(), ManualClock(0)
        self.metrics = Metrics()
        self.health = ConnectorHealth(self.catalog, self.words, self.asking, clock=self.clock, metrics=self.metrics)

    async def turns(self, *answers: tuple[str, str | None] | None) -> list[tuple[str, str, str]]:
        """What is found of sim-a when it answers so, one second after the other, each question for itself."""
        self.words.found.clear()
        self.asking.script["sim-a"] = list(answers)
        while self.asking.script["sim-a"]:
            await self.health.turn()
            self.clock.advance(1)
        return [found for found in self.words.found if found[0] == "sim-a"]


@pytest.fixture
async def round_() -> Round:
    begun = Round()
    assert await begun.turns(UP) == [("sim-a", "up", "")]
    return begun


async def test_two_refusals_in_a_row_are_down_and_one_answer_is_up(round_):
    assert await round_.turns(DOWN, DOWN) == [("sim-a", "down", "venue.timeout")]
    assert await round_.turns(DOWN, DOWN, DOWN, DOWN) == []
    assert await round_.turns(UP) == [("sim-a", "up", "")]
    assert await round_.turns(DOWN, UP) == []


async def test_a_refusal_that_is_followed_by_silence_is_not_twice(round_):
    assert await round_.turns(DOWN, None) == []
    assert await round_.turns(DOWN, DOWN) == [("sim-a", "down", "venue.timeout")]


async def test_the_second_look_is_at_those_alone_that_said_they_were_down(round_):
    round_.asking.asked.clear()
    await round_.turns(DOWN, DOWN)
    assert round_.asking.asked == [["sim-a", "sim-b"], ["sim-a"]]
    assert [found[0] for found in round_.words.found] == ["sim-a"]


async def test_another_reason_is_told(round_):
    await round_.turns(DOWN, DOWN)
    refused = ("down", "connector.refused")
    assert await round_.turns(refused, refused) == [("sim-a", "down", "connector.refused")]


async def test_who_says_nothing_is_down_after_a_while_and_up_with_the_first_answer(round_):
    seconds = int(SILENT_SECONDS)
    assert await round_.turns(*[None] * (seconds - 1)) == []
    assert await round_.turns(None) == [("sim-a", "down", SILENT)]
    assert await round_.turns(UP) == [("sim-a", "up", "")]
    counted = round_.metrics.exposition().decode()
    assert f'omniaxs_connector_checks_total{{connector="sim-a",outcome="silent"}} {seconds}.0' in counted


async def test_nobody_is_silent_who_was_not_asked(round_):
    """Another process had the lease, or the log was away."""
    await round_.turns(None)
    round_.clock.advance(SILENT_SECONDS)
    assert await round_.turns(None, None) == []
    round_.asking.away = True
    for _ in range(20):
        await round_.health.turn()
        round_.clock.advance(1)
    assert [found for found in round_.words.found if found[1] == "down"] == []


async def test_what_is_not_connected_is_not_asked(round_):
    [ready, _] = default_catalog(1)
    round_.catalog.more = [
        ready.model_copy(update={"connector_id": "planned", "integration_stage": "planned"}),
        ready.model_copy(update={"connector_id": "broker", "provider_type": "broker"}),
        ready.model_copy(update={"connector_id": "old", "integration_stage": "deprecated"}),
    ]
    round_.asking.asked.clear()
    await round_.health.turn()
    assert round_.asking.asked == [["sim-a", "sim-b", "old"]]
