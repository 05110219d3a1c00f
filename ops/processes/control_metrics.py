"""Which halts and connectors the order core decides under, as metrics."""

import asyncio
from collections import Counter
from typing import Final

from ops.runtime.metrics import CONNECTOR_UP, HALTS_IN_FORCE, Metrics
from storage.controls.tail import ControlsTail
from storage.models.controls import HALT_SCOPES, Controls

_EVERY_SECONDS: Final = 1.0
_LEVELS: Final = ("reducing", "halted")


async def show_controls(tail: ControlsTail, metrics: Metrics) -> None:
    """Bring the gauges up to date, once a second where something was announced, until cancelled."""
    shown: Controls | None = None
    while True:
        if tail.current is not shown:
            shown = tail.current
            show(shown, metrics)
        await asyncio.sleep(_EVERY_SECONDS)


def show(controls: Controls, metrics: Metrics) -> None:
    """A connector with a fault set on it counts as down, as its risk signal says."""
    halts, connectors = metrics.gauge(HALTS_IN_FORCE), metrics.gauge(CONNECTOR_UP)
    in_force = Counter((halt.scope, halt.level) for halt in controls.halts.values())
    for scope in HALT_SCOPES:
        for level in _LEVELS:
            halts.labels(scope=scope, level=level).set(in_force[scope, level])
    for name in {*controls.connectors, *controls.faults, *(one.connector for one in controls.bindings.values())}:
        state = controls.connectors.get(name)
        is_up = name not in controls.faults and (state is None or state.status == "up")
        connectors.labels(connector=name).set(is_up)
