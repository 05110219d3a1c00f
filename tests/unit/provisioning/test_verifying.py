"""Which connector a binding ends with, and what is waited for, as `verify_connectivity` finds connectors."""

from typing import Any

import pytest

from storage.models.applications import ProvisionPolicy
from storage.models.connectors import default_catalog
from storage.models.provisioning import PlannedBinding, ProvisioningJob
from storage.models.venues import ConnectorCheck
from storage.reference_data.builtin import load_builtin
from workers.provisioning.binding import VerifyConnectivity
from workers.provisioning.market import Market
from workers.provisioning.troubles import Away, NotNow


class Held:
    """A job in hand; whatever is saved of it counts."""

    def __init__(self, **policy: Any) -> None:
        self.job = ProvisioningJob(
            job_id="job_1", application_id="app_1", tenant_id="ten_1", targets=("BINANCE",),
            policy=ProvisionPolicy(**policy), bindings=(PlannedBinding(exchange_code="BINANCE", connector="sim-a"),),
            created_at=1,
        )  # fmt: skip

    async def save(self, job: ProvisioningJob) -> None:
        self.job = job


class House:
    """Connectors of which some are down or silent; those that are up answer so."""

    def __init__(self, *, down: str = "", silent: str = "") -> None:
        self.silent = frozenset(silent.split())
        self.down = frozenset(down.split()) | self.silent

    async def now(self) -> Market:
        return Market(load_builtin(), tuple(default_catalog(1)), self.down, self.silent)

    async def ask(self, check_id: str, connector: str, seconds: float) -> ConnectorCheck | None:
        assert seconds
        assert connector not in self.down
        return ConnectorCheck(check_id, connector, "up", "2026-11-23T00:00:00Z")

    async def write(self, held: Held, planned: PlannedBinding, status: str) -> None:
        assert (held.job.bindings, status) == ((planned,), "pending")


async def verified(house: House, **policy: Any) -> str:
    held = Held(**policy)
    await VerifyConnectivity(house, house, house).do(held)  # type: ignore[arg-type]
    return held.job.bindings[0].connector


async def test_the_next_connector_is_taken_for_one_that_is_down_or_silent() -> None:
    assert await verified(House()) == "sim-a"
    assert await verified(House(down="sim-a")) == "sim-b"
    assert await verified(House(silent="sim-a")) == "sim-b"


@pytest.mark.parametrize("fallback_enabled", [True, False])
async def test_a_venue_process_that_is_away_is_waited_for(fallback_enabled: bool) -> None:
    """An outage of the platform fails no job; who is down by its own word may."""
    for house in (House(silent="sim-a sim-b"), House(silent="sim-a", down="sim-b")):
        with pytest.raises(Away):
            await verified(house, fallback_enabled=fallback_enabled)
    with pytest.raises(NotNow):
        await verified(House(down="sim-a sim-b"), fallback_enabled=fallback_enabled)
